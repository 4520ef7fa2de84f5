"""More than one comparison: corrections for many rivals, and for having chosen the best of many trials.

Two different dangers. A method that is compared with several rivals beats one of them by luck more easily
than one: Holm's correction of the p-values bounds the chance of any wrong claim among them. And the best of
many trials looks better than it is on the seeds that made it the best: only fresh seeds cure that. Where a
study has none, `best_of_many` repeats the selection within the test. It is weaker than a confirmation: it
reuses the seeds, and is the more conservative the more trials compete. """

from collections.abc import Mapping, Sequence

import numpy as np

from tuner.evidence.over_seeds import BestOfMany from tuner.evidence.selection import best, finished, searched
from tuner.ledger.objective import Objective from tuner.ledger.rows import Role, TrialRow

_DRAWS = 2000 _MOST_NUMBERS = 2**22  # of one block of drawn means


def holm(p_values: Mapping[str, float]) -> dict[str, float]: """Holm's adjusted p-values of a family of tests:
the smallest times their number, the next times one less, and so on. """ adjusted: dict[str, float] = {}
largest = 0.0 for i, name in enumerate(sorted(p_values, key=lambda name: p_values[name])): largest =
max(largest, (len(p_values) - i) * p_values[name]) adjusted[name] = min(1.0, largest) return adjusted


def best_of_many(trials: Sequence[TrialRow], objective: Objective) -> BestOfMany | None: """Whether the best
trial off the diagonal beats the best on it by more than choosing it can explain.

    The p-value is the chance that the best of as many candidates gains as much where none is better than that
    on the diagonal. It is read from draws of all their mean differences together, normal with the covariance
    that the seeds show and wider for its few degrees of freedom (a multivariate t); of one candidate alone it
    is the one-sided paired t-test. That the rival was chosen, too, makes it conservative. `left_out_gain`
    selects both on all seeds but one and compares them on that one, for each seed in turn: it is not
    flattered, but the selections overlap, so it comes without an interval.

    None with fewer than 2 seeds, or without a pair of trials that have all of them.
    """
    off = [t for t in finished(searched(trials)) if t.off_diagonal]
    on = finished(t for t in trials if t.method.on_diagonal and t.role in (Role.SEARCH, Role.BASELINE))
    rival = best(on, objective)
    if rival is None or not off or len(rival.seeds) < 2 or any(t.seeds != rival.seeds for t in (*off, *on)):
        return None
    scores, rivals = (
        -objective.sign * np.array([t.objective for t in group], dtype=float) for group in (off, on)
    )  # [C, S], high is good
    differences = scores + objective.sign * np.array(rival.objective, dtype=float)
    seeds = len(rival.seeds)
    return BestOfMany(
        p_value=_max_type(differences),
        candidates=len(off),
        seeds=seeds,
        left_out_gain=_left_out(scores, rivals) if seeds > 2 else None,
    )


def _max_type(differences: np.ndarray) -> float: """The chance of a best mean as good as that of differences
[C, S], where none of their true means is above 0. """ n = differences.shape[1] means = differences.mean(1)
rng = np.random.default_rng(n) multipliers = rng.normal(size=(_DRAWS, n)) / np.sqrt(n * rng.chisquare(n - 1,
(_DRAWS, 1))) residuals = differences - means[:, None] rows = max(1, _MOST_NUMBERS // len(differences)) best =
np.concatenate([(multipliers[i : i + rows] @ residuals.T).max(1) for i in range(0, _DRAWS, rows)]) return
float((1 + np.sum(best >= means.max())) / (1 + _DRAWS))


def _left_out(scores: np.ndarray, rivals: np.ndarray) -> float: """The mean gain on each seed of the best of
scores [C, S] over the best of rivals [D, S], both selected on the others. """ gains = [] for seed in
range(scores.shape[1]): others = np.arange(scores.shape[1]) != seed mine, theirs = (group[group[:,
others].mean(1).argmax(), seed] for group in (scores, rivals)) gains.append(mine - theirs) return
float(np.mean(gains))
