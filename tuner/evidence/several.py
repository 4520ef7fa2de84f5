"""More than one comparison: corrections for many rivals, and for having chosen the best of many trials.

Two different dangers. A method that is compared with several rivals beats one of them by luck more easily than one: Holm's
correction of the p-values bounds the chance of any wrong claim among them. And the best of many trials looks better than it is
on the seeds that made it the best: only fresh seeds cure that. Where a study has none, the test of `best_of_many` repeats the
selection within the test. It is weaker than a confirmation: it reuses the seeds, and with n of them cannot be below 2^-n.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tuner.evidence.paired import EXACT_SEEDS, Paired, paired, signs
from tuner.evidence.selection import best, finished, searched
from tuner.rows import TrialRow

_MOST_NUMBERS = 2**22  # of one block of flipped means


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's adjusted p-values of a family of tests: the smallest times their number, the next times one less, and so on."""
    adjusted: dict[str, float] = {}
    largest = 0.0
    for i, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = max(largest, (len(p_values) - i) * p_values[name])
        adjusted[name] = min(1.0, largest)
    return adjusted


@dataclass(frozen=True)
class BestOfMany:
    """Off the diagonal against on it, on the search's own seeds, with the selection repeated."""

    p_value: float  # one-sided, max-type sign-flip test
    smallest_p: float  # what it can give at most
    candidates: int  # trials off the diagonal
    seeds: int
    left_out: Paired | None  # gain on each seed of what was selected on the others; None with fewer than 3 seeds


def best_of_many(trials: Sequence[TrialRow], direction: str) -> BestOfMany | None:
    """Whether the best trial off the diagonal beats the best on it by more than choosing it can explain.

    Where no trial off the diagonal is better than that on it, the differences of a seed are as likely to have all their signs
    flipped: the p-value is the share of the flips for which the best candidate gains as much as the best one did. `left_out`
    selects both on all seeds but one and compares them on that one, for each seed in turn: its mean is not flattered, but its
    interval is only approximate, for the selections overlap.

    None with fewer than 2 seeds, or without a pair of trials that have all of them.
    """
    sign = -1 if direction == "minimize" else 1
    off = [t for t in finished(searched(trials)) if t.off_diagonal]
    on = finished(t for t in trials if t.method[0] == "decoupled" and not t.off_diagonal and t.role in ("search", "baseline"))
    rival = best(on, direction)
    if rival is None or not off or len(rival.seeds) < 2 or any(t.seeds != rival.seeds for t in (*off, *on)):
        return None
    scores, rivals = (sign * np.array([t.objective for t in group], dtype=float) for group in (off, on))  # [C, S], high is good
    differences = scores - sign * np.array(rival.objective, dtype=float)
    seeds = len(rival.seeds)
    return BestOfMany(
        _max_type(differences), 2.0**-seeds if seeds <= EXACT_SEEDS else 1 / len(signs(seeds)), len(off), seeds,
        left_out=_left_out(scores, rivals) if seeds > 2 else None,
    )  # fmt: skip


def _max_type(differences: np.ndarray) -> float:
    """The share of sign flips of the seeds for which the best mean of differences [C, S] is as good as it is."""
    flips = signs(differences.shape[1])
    observed = differences.sum(1).max()
    rows = max(1, _MOST_NUMBERS // len(differences))
    best = np.concatenate([(flips[i : i + rows] @ differences.T).max(1) for i in range(0, len(flips), rows)])
    return float(np.mean(best >= observed - 1e-9 * abs(observed)))


def _left_out(scores: np.ndarray, rivals: np.ndarray) -> Paired | None:
    """Gains on each seed of the best of scores [C, S] over the best of rivals [D, S], both selected on the other seeds."""
    gains = []
    for seed in range(scores.shape[1]):
        others = np.arange(scores.shape[1]) != seed
        mine, theirs = (group[group[:, others].mean(1).argmax(), seed] for group in (scores, rivals))
        gains.append(float(mine - theirs))
    return paired(gains)
