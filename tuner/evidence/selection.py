"""Selects the best trial of every method, and says to which method a trial belongs (`kind_of`). Pure
functions of the ledger's rows.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tuner.evidence.ranking import best, best_forward, finished
from tuner.evidence.smoothing import smoothed_best
from tuner.ledger.methods import DECOUPLED, SOFTMAX, Method
from tuner.ledger.objective import Objective
from tuner.ledger.rows import COMPETING, PRINTED, Role, TrialRow

__all__ = ["ARGMAX", "OFF", "ON", "Selection", "best", "best_forward", "finished", "kind_of", "searched",
           "select", "select_as_printed", "taken"]  # fmt: skip

# The names of decoupled ST's methods; a baseline's name is its estimator's.
OFF, ARGMAX, ON = "off_diagonal", "argmax", "diagonal"


def kind_of(trial: TrialRow) -> str:
    """The method to which a trial belongs: OFF (off the diagonal with noise), ARGMAX (tau_f = 0, which has no
    counterpart on the diagonal), ON (on the diagonal; softmax ST as well), or the estimator of another
    baseline.
    """
    method = trial.method
    if method.is_argmax:
        return ARGMAX
    return OFF if method.off_diagonal else ON if method.on_diagonal else trial.estimator


@dataclass(frozen=True)
class Selection:
    """The best trial of every method; None where no trial of the method was trained to its end."""

    best: TrialRow | None  # of decoupled and softmax ST, wherever it lies
    off_diagonal: TrialRow | None  # with noise, tau_f > 0
    argmax: TrialRow | None  # tau_f = 0
    diagonal: TrialRow | None  # decoupled ST with tau_f = tau_b, or softmax ST: the same estimator
    baselines: dict[str, TrialRow]  # {estimator: its best trial}; those that have one

    def named(self) -> dict[str, TrialRow]:
        """The selected trials by the names that the results give them: off_diagonal, argmax, diagonal, and
        the estimators of baselines.
        """
        named = {OFF: self.off_diagonal, ARGMAX: self.argmax, ON: self.diagonal, **self.baselines}
        return {name: trial for name, trial in named.items() if trial is not None}

    def distinct(self) -> list[TrialRow]:
        """The selected trials, each configuration once: softmax ST may be the best on the diagonal as
        well.
        """
        chosen: dict[Method, TrialRow] = {}
        for trial in self.named().values():
            chosen.setdefault(trial.method, trial)
        return list(chosen.values())


def select(trials: Sequence[TrialRow], objective: Objective) -> Selection:
    """The best trial of every method among the competing trials: those of the search, the baselines, the
    extension and the refinement.

    Where ranges were extended or optima refined, the best trial off the diagonal and the best on it are
    selected by a smooth surface through the trials of both (smoothing.py); all others by their mean over
    seeds.
    """
    competing = [t for t in trials if t.role in COMPETING]
    smooth = any(t.role in (Role.EXTENSION, Role.REFINEMENT) for t in competing)
    return _select(competing, objective, smoothed_best if smooth else _best)


def select_as_printed(trials: Sequence[TrialRow], objective: Objective) -> Selection:
    """The best trial of every method among those of the search itself and the baselines, by the mean over
    seeds.
    """
    return _select([t for t in trials if t.role in PRINTED], objective, _best)


def _best(trials: Sequence[TrialRow], objective: Objective, _: Sequence[TrialRow]) -> TrialRow | None:
    return best(trials, objective)


def _select(
    competing: Sequence[TrialRow],
    objective: Objective,
    choose: Callable[[Sequence[TrialRow], Objective, Sequence[TrialRow]], TrialRow | None],
) -> Selection:
    kinds: dict[str, list[TrialRow]] = defaultdict(list)
    for trial in competing:
        kinds[kind_of(trial)].append(trial)
    estimators = {t.estimator for t in competing if t.estimator != DECOUPLED and t.role in PRINTED}
    named = {name: best((t for t in competing if t.estimator == name), objective) for name in estimators}
    surface = [*kinds[OFF], *kinds[ON]]
    return Selection(
        best=best((t for t in competing if t.estimator in (DECOUPLED, SOFTMAX)), objective),
        off_diagonal=choose(kinds[OFF], objective, surface),
        argmax=best(kinds[ARGMAX], objective),
        diagonal=choose(kinds[ON], objective, surface),
        baselines={name: leader for name in sorted(named) if (leader := named[name]) is not None},
    )


def searched(trials: Iterable[TrialRow]) -> list[TrialRow]:
    """The trials of decoupled ST with the role search."""
    return [t for t in trials if t.role is Role.SEARCH and t.estimator == DECOUPLED]


def taken(trials: Iterable[TrialRow], name: str) -> list[float]:
    """The values that a temperature, tau_f or tau_b by its `name`, has in some trial, ascending."""
    return sorted({getattr(t, name) for t in trials})
