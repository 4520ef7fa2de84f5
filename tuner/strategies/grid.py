"""The full grid: every pair (tau_f, tau_b) at every learning rate, and the baselines over their one
temperature.
"""

from collections.abc import Sequence

from tuner.ledger.rows import Proposal, TrialRow
from tuner.spec.study import StudySpec
from tuner.strategies.base import Signal, Strategy, lacking
from tuner.strategies.proposals import baselines, pairs


class Grid(Strategy):
    """Proposes the trials of the grid, then the baselines."""

    def __init__(self, spec: StudySpec) -> None:
        self._wanted = [*pairs(spec, spec.search.forward, spec.search.backward), *baselines(spec)]

    def suggest(self, history: Sequence[TrialRow], n: int) -> list[Proposal] | Signal:
        """Up to n trials of the grid that have not been started. Never waits: no trial depends on another's
        outcome.
        """
        return lacking(self._wanted, history)[:n] or Signal.DONE
