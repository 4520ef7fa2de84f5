"""The regret of a cheaper search: how much worse it would have done than the whole grid, measured on seeds
that selected neither result.

A protocol is replayed on a grid's trials: it picks a cell by the trials that it would have run. On the seeds
by which the cells are picked, its regret against the grid's best cell is never negative and favours the grid,
because the best of many cells is the best partly by luck. So both pick by all seeds but one and are compared
on that one, for every seed in turn (cross-fitting). The mean has no interval, because the picks share most of
their seeds. It is negative where the protocol does better.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tuner.ledger.objective import Objective

Floats = npt.NDArray[np.float64]
Pair = tuple[float, float]
Pick = Callable[[Floats], int]  # from the means [C] of all cells, low is good, to the index of the picked one


@dataclass(frozen=True)
class Regret:
    """By how much the objective of what a protocol picks is worse than that of the whole grid's pick."""

    mean: float
    of_seeds: tuple[float, ...]  # on each seed, where the other seeds picked
    same: int  # on how many seeds both pick the same cell
    seeds: int


def cross_fitted_regret(values: Sequence[Sequence[float]], pick: Pick, objective: Objective) -> Regret | None:
    """The regret of a protocol, from the objectives [C][S] of all cells on the same seeds. None without a
    cell, or with fewer than 2 seeds.
    """
    if not values or len(values[0]) < 2:
        return None
    sign = float(objective.sign)
    scores = sign * np.array(values, dtype=float)  # low is good
    regrets, same = [], 0
    for seed in range(scores.shape[1]):
        means = scores[:, np.arange(scores.shape[1]) != seed].mean(1)
        picked, best = pick(means), int(means.argmin())
        regrets.append(float(scores[picked, seed] - scores[best, seed]))
        same += picked == best
    return Regret(float(np.mean(regrets)), tuple(regrets), same, len(regrets))


def sequential_pick(pairs: Sequence[Pair], start: float) -> Pick:
    """The sequential protocol on cells at pairs (tau_f, tau_b), [C]: the best tau_f at tau_b = start, then
    the best of all cells that the protocol has run.

    Of equals the lowest temperatures are taken. Raises ValueError where no pair has tau_b = start.
    """
    if not any(tau_b == start for _, tau_b in pairs):
        raise ValueError(
            f"start: expected one of the tau_b {sorted(Counter(b for _, b in pairs))}, got {start}"
        )

    def pick(means: Floats) -> int:
        ranked = sorted(range(len(pairs)), key=lambda i: (means[i], pairs[i]))
        tau_f = next(pairs[i][0] for i in ranked if pairs[i][1] == start)
        return next(i for i in ranked if pairs[i][0] == tau_f or pairs[i][1] == start)

    return pick
