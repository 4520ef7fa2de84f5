"""What a search would have found with fewer trials: the expected best of k off the diagonal and of k on it.

A method that was tuned with more trials than its rival is ahead by tuning alone. The rows of a study show how
far: of all ways to choose k of a method's trials, the best of each by some seeds, scored on another seed, on
average. Every seed is the other one in turn (cross-fitting), so that choosing flatters nobody; the choices
share most of their seeds, so there is no interval.

With n trials ranked by the selecting seeds, the r-th (from 0) is the best of a random k with probability
C(n - 1 - r, k - 1) / C(n, k).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tuner.ledger.objective import Objective

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EqualBudget:
    """The expected objective of the best of k = 1, 2, ... trials, on seeds that did not choose it."""

    off: tuple[float, ...]  # of k trials off the diagonal
    on: tuple[float, ...]  # of k on it
    gain: tuple[float, ...]  # of off over on at the same k, as far as both have as many; positive is better
    gains: tuple[tuple[float, ...], ...]  # the same for each scoring seed, [S][k]
    seeds: int


def equal_budget(
    off: Sequence[Sequence[float]], on: Sequence[Sequence[float]], objective: Objective
) -> EqualBudget | None:
    """The curves of trials off the diagonal [C][S] and on it [D][S], all on the same seeds.

    None without a trial on either side, or with fewer than 2 seeds.
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
    """The expected score on each seed of the best of k trials by the other seeds: [S, k] of scores [C, S]."""
    trials, seeds = scores.shape
    ranked = np.empty((seeds, trials))
    for seed in range(seeds):
        others = np.arange(seeds) != seed
        ranked[seed] = scores[np.argsort(-scores[:, others].mean(1), kind="stable"), seed]
    # One k after the other: the weights of all of them together are trials x trials numbers.
    return np.stack([ranked @ chosen(k, trials) for k in range(1, trials + 1)], 1)


def chosen(k: int, trials: int) -> Floats:
    """The probability that the r-th best of all is the best of k random ones, [r]."""
    r = np.arange(trials - 1)
    # C(n - 2 - r, k - 1) / C(n - 1 - r, k - 1): what the next one has of the probability of the one before.
    ratios = np.maximum(trials - r - k, 0) / (trials - 1 - r)
    return np.cumprod(np.concatenate([[k / trials], ratios]))
