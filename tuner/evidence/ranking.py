"""Which trials compete to be selected, and which of them has the best mean objective over seeds.

Trials that were not trained to their end do not compete: those that failed or diverged have no objective on
some seed, and the objective of those that were stopped at a rung is that of a shorter training.
"""

import math
from collections.abc import Iterable

from tuner.ledger.objective import Objective
from tuner.ledger.rows import TrialRow, TrialState


def best(trials: Iterable[TrialRow], objective: Objective) -> TrialRow | None:
    """The `finished` trial with the best mean objective; of equals that of the lowest number."""
    return min(_ranked(trials, objective), key=lambda pair: (pair[0], pair[1].number), default=(0.0, None))[1]


def best_forward(trials: Iterable[TrialRow], objective: Objective) -> float | None:
    """The tau_f of the `finished` trial with the best mean objective; of equals the smallest. None where no
    such trial has a tau_f.
    """
    scored = [(rank, t.tau_f) for rank, t in _ranked(trials, objective) if t.tau_f is not None]
    return min(scored)[1] if scored else None


def finished(trials: Iterable[TrialRow]) -> list[TrialRow]:
    """The trials that compete: trained to the end, with a finite objective on every seed."""
    return [
        t
        for t in trials
        if t.state is not TrialState.STOPPED and t.mean is not None and math.isfinite(t.mean)
    ]


def _ranked(trials: Iterable[TrialRow], objective: Objective) -> list[tuple[float, TrialRow]]:
    """The trials that compete, each with a number that is lower for a better one."""
    return [(objective.sign * t.mean, t) for t in finished(trials) if t.mean is not None]
