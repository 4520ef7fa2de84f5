"""The best trial of every method: what a search selects. Pure functions of the ledger's rows.

Trials that were not trained to the end do not compete: those that failed or diverged have no objective on
some seed, and those that were dropped on the way (state stopped) have one of a shorter training.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tuner.ledger.methods import DECOUPLED, SOFTMAX, Method
from tuner.ledger.objective import Objective
from tuner.ledger.rows import Role, TrialRow, TrialState


@dataclass(frozen=True)
class Selection:
    """The best trial of every method by the mean objective over seeds; None where no trial of it
    succeeded.
    """

    best: TrialRow | None  # of the search, wherever it lies
    off_diagonal: TrialRow | None
    diagonal: TrialRow | None  # decoupled ST with tau_f = tau_b, or softmax ST: the same estimator
    baselines: dict[str, TrialRow]

    def named(self) -> dict[str, TrialRow]:
        """The selected trials by the name that results give them: off_diagonal, diagonal, and the baselines'
        names.
        """
        named = {"off_diagonal": self.off_diagonal, "diagonal": self.diagonal, **self.baselines}
        return {name: trial for name, trial in named.items() if trial is not None}

    def distinct(self) -> list[TrialRow]:
        """The selected trials, each method once."""
        chosen: dict[Method, TrialRow] = {}
        for trial in self.named().values():
            chosen.setdefault(trial.method, trial)
        return list(chosen.values())


def best(trials: Iterable[TrialRow], objective: Objective) -> TrialRow | None:
    """The trial with the best mean objective; of equals the first. Trials without one (failed, diverged) do
    not compete.
    """
    return min(_ranked(trials, objective), key=lambda pair: (pair[0], pair[1].number), default=(0.0, None))[1]


def best_forward(trials: Iterable[TrialRow], objective: Objective) -> float | None:
    """The tau_f of the best mean objective; of equals the smallest. None where no trial has a tau_f and an
    objective.
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


def select(trials: Sequence[TrialRow], objective: Objective) -> Selection:
    """The best of every method among search and baseline trials."""
    decoupled = searched(trials)
    on = [t for t in decoupled if not t.off_diagonal]
    baseline = [t for t in trials if t.role is Role.BASELINE]
    names = sorted({t.estimator for t in baseline})
    named = {name: best((t for t in baseline if t.estimator == name), objective) for name in names}
    return Selection(
        best=best(decoupled, objective),
        off_diagonal=best((t for t in decoupled if t.off_diagonal), objective),
        diagonal=best([*on, *(t for t in baseline if t.estimator == SOFTMAX)], objective),
        baselines={name: trial for name, trial in named.items() if trial is not None},
    )


def searched(trials: Iterable[TrialRow]) -> list[TrialRow]:
    """The trials of the search over both temperatures."""
    return [t for t in trials if t.role is Role.SEARCH and t.estimator == DECOUPLED]


def taken(trials: Iterable[TrialRow], name: str) -> list[float]:
    """The values that a temperature takes, ascending."""
    return sorted({getattr(t, name) for t in trials})


def _ranked(trials: Iterable[TrialRow], objective: Objective) -> list[tuple[float, TrialRow]]:
    """The trials that compete, each with a number that is lower for a better one."""
    return [(objective.sign * t.mean, t) for t in finished(trials) if t.mean is not None]
