"""How much worse a cheaper search would have done than the whole grid, on seeds that chose neither.

Replayed on a grid's rows, a protocol picks a cell by what it would have seen. Measured on the seeds that
picked, its regret against the grid's best is never negative and flatters the grid: the best of many cells is
the best there by luck. So both pick by all seeds but one and are compared on that one, for every seed in
turn. The picks share most of their seeds, so the mean comes without an interval; it may be negative, where
the protocol does better.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tuner.ledger.objective import Objective

Floats = npt.NDArray[np.float64]
Pair = tuple[float, float]
Pick = Callable[[Floats], int]  # from the means of all cells, low is good, to the place of the picked one


@dataclass(frozen=True)
class Regret:
    """By how much the objective of what a protocol picks is worse than that of the whole grid's pick."""

    mean: float
    of_seeds: tuple[float, ...]  # on each seed, picked by the others
    same: int  # of how many seeds the two picks are one cell
    seeds: int


def cross_fitted_regret(values: Sequence[Sequence[float]], pick: Pick, objective: Objective) -> Regret | None:
    """The regret of a protocol on cells [C][S]. None without a cell, or with fewer than 2 seeds."""
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
    """The sequential protocol on pairs (tau_f, tau_b): the best tau_f at tau_b = start, then the best tau_b
    there.

    Of equals the lowest temperature is taken. Raises ValueError where no pair has that tau_b.
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
