"""What a search would have found with fewer trials: the expected best of k trials off the diagonal and of k
on it.

A method that was tuned with more trials than its rival is ahead by tuning alone. A study's trials show by how
much: for every way to choose k of a method's trials, the best of the k is selected by all seeds but one and
scored on the seed that was left out; then the average over all ways is taken. Each seed is left out in turn
(cross-fitting), so the score is not inflated by the selection. There is no interval, because the selections
share most of their seeds.

Of n trials that are ranked by the selecting seeds, the r-th (from 0) is the best of a random k with
probability C(n - 1 - r, k - 1) / C(n, k).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tuner.ledger.objective import Objective

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EqualBudget:
    """The expected objective of the best of k = 1, 2, ... trials, on seeds that did not select it."""

    off: tuple[float, ...]  # of k trials off the diagonal, [C]
    on: tuple[float, ...]  # of k trials on it, [D]
    gain: tuple[float, ...]  # of off over on with the same k, [min(C, D)]; positive is better
    gains: tuple[tuple[float, ...], ...]  # the same on each seed that was left out, [S][min(C, D)]
    seeds: int


def equal_budget(
    off: Sequence[Sequence[float]], on: Sequence[Sequence[float]], objective: Objective
) -> EqualBudget | None:
    """The expected best of k trials off the diagonal and on it, from the objectives [C][S] and [D][S] of all
    trials, on the same seeds.

    None where one of the two has no trial, or with fewer than 2 seeds.
    """
    if not off or not on or len(off[0]) < 2:
        return None
    sign = -float(objective.sign)
    curves = [best_of_k(sign * np.array(group, dtype=float)) for group in (off, on)]  # [S, k], high is good
    common = min(len(off), len(on))
    gains = curves[0][:, :common] - curves[1][:, :common]
    means = [tuple((sign * curve.mean(0)).tolist()) for curve in curves]
    each = tuple(tuple(row) for row in gains.tolist())
    return EqualBudget(means[0], means[1], tuple(gains.mean(0).tolist()), each, len(gains))


def best_of_k(scores: Floats) -> Floats:
    """The expected score on each seed of the best of k trials, which the other seeds select, [S, C] for k = 1
    to C.

    `scores` [C, S]; high is good.
    """
    trials, seeds = scores.shape
    ranked = np.empty((seeds, trials))
    for seed in range(seeds):
        others = np.arange(seeds) != seed
        ranked[seed] = scores[np.argsort(-scores[:, others].mean(1), kind="stable"), seed]
    # One k after the other, because the weights for all k would take trials x trials numbers of memory.
    return np.stack([ranked @ chosen(k, trials) for k in range(1, trials + 1)], 1)


def chosen(k: int, trials: int) -> Floats:
    """The probability that the r-th best of all trials is the best of k random ones, [trials] for r from
    0.
    """
    r = np.arange(trials - 1)
    # The ratio of the probabilities of r + 1 and of r: C(n - 2 - r, k - 1) / C(n - 1 - r, k - 1).
    ratios = np.maximum(trials - r - k, 0) / (trials - 1 - r)
    return np.cumprod(np.concatenate([[k / trials], ratios]))
