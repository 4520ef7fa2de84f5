"""Selects the best trial by a smooth surface through all trials, because the best mean over a few seeds is
largely due to luck.

There are many trials off the diagonal and few on it, and luck inflates the best mean of many trials more than
that of few. A Gaussian process, fitted to the trials of both with the noise that their seeds show, judges
every trial by its neighbours as well (surface.py).
"""

from collections.abc import Sequence

import numpy as np

from tuner.evidence.ranking import best, finished
from tuner.evidence.surface import fitted
from tuner.ledger.objective import Objective
from tuner.ledger.rows import TrialRow

# Places of a surface at most, the best by their means: the time of a fit grows with the cube of their number.
_MOST_PLACES = 250
_LEAST_PLACES = 6  # of a surface


def smoothed_best(
    trials: Sequence[TrialRow], objective: Objective, surface: Sequence[TrialRow]
) -> TrialRow | None:
    """That one of `trials` at whose place the process through the trials of `surface` has the best mean.

    At each pair of temperatures only the best trial counts, over learning rates and settings of the
    optimiser. Where there is no surface (few pairs, one seed, temperatures that change during training) it is
    the trial with the best mean over seeds; None where no trial has finished.
    """
    places = _leaders(surface, objective)
    mine = [t for t in _leaders(trials, objective).values() if _pair(t) in places]
    top = best(trials, objective)
    if top is None or not top.variant.steady or not mine:
        return top
    seeds = top.seeds
    alike = {pair: t for pair, t in places.items() if t.seeds == seeds and t.variant.steady}
    ranked = sorted(alike.values(), key=lambda t: objective.sign * (t.mean or 0.0))[:_MOST_PLACES]
    if len(ranked) < _LEAST_PLACES or len(seeds) < 2 or any(len(axis) < 2 for axis in _axes(ranked)):
        return top
    values = objective.sign * np.array([t.objective for t in ranked], dtype=float)  # low is good
    means = dict(zip(map(_pair, ranked), fitted([_pair(t) for t in ranked], values).mean, strict=True))
    judged = [t for t in mine if _pair(t) in means]
    return min(judged, key=lambda t: (means[_pair(t)], t.number), default=top)


def _pair(trial: TrialRow) -> tuple[float, float]:
    return (trial.tau_f or 0.0, trial.tau_b or 0.0)


def _axes(trials: Sequence[TrialRow]) -> tuple[set[float], set[float]]:
    """The values of either temperature."""
    return {t.tau_f or 0.0 for t in trials}, {t.tau_b or 0.0 for t in trials}


def _leaders(trials: Sequence[TrialRow], objective: Objective) -> dict[tuple[float, float], TrialRow]:
    """The best trial at each pair of positive temperatures."""
    leaders: dict[tuple[float, float], TrialRow] = {}
    for t in finished(trials):
        if t.tau_f and t.tau_b:
            rival = leaders.get(_pair(t))
            assert t.mean is not None
            if rival is None or rival.mean is None or objective.better(t.mean, rival.mean):
                leaders[_pair(t)] = t
    return leaders
