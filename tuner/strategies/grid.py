"""The full grid: every pair (tau_f, tau_b) at every learning rate, and the baselines over their one temperature."""

from collections.abc import Iterator, Sequence

from trainables.estimators import ESTIMATORS
from tuner.rows import Proposal, TrialRow
from tuner.spec import StudySpec
from tuner.strategies.base import Signal, Strategy, lacking


class Grid(Strategy):
    """Proposes what the history lacks of the grid, then of the baselines."""

    def __init__(self, spec: StudySpec) -> None:
        self._wanted = [*_grid(spec), *_baselines(spec)]

    def suggest(self, history: Sequence[TrialRow], n: int) -> list[Proposal] | Signal:
        """Up to n trials of the grid that have not been started. Never waits: no trial depends on another's outcome."""
        return lacking(self._wanted, history)[:n] or Signal.DONE


def _grid(spec: StudySpec) -> Iterator[Proposal]:
    # Learning rates outermost: neighbours with equal ones share a call of the optimiser.
    for lr in spec.learning_rates:
        for tau_f in spec.search.forward:
            for tau_b in spec.search.backward:
                yield Proposal("search", "decoupled", tau_f, tau_b, lr)


def _baselines(spec: StudySpec) -> Iterator[Proposal]:
    for lr in spec.learning_rates:
        for name in spec.baselines:
            takes = ESTIMATORS[name].temperatures
            for tau in spec.baseline_temperatures if takes else [None]:
                yield Proposal("baseline", name, tau if "tau_f" in takes else None, tau if "tau_b" in takes else None, lr)
