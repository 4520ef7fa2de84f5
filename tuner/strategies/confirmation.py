"""Confirmation: what a search selected is trained again on fresh seeds, so that its gain is not a winner's
curse.
"""

from collections.abc import Sequence

from tuner.evidence.analysis import select
from tuner.ledger.rows import Proposal, TrialRow
from tuner.strategies.base import Answer, Signal, Strategy, lacking


class Confirmed(Strategy):
    """A strategy, followed by the confirmation of the best trial of every method."""

    def __init__(self, search: Strategy, direction: str) -> None:
        self._search = search
        self._direction = direction

    def rung(self, role: str, interval: int) -> int | None:
        """The search's; confirmations are trained to their end."""
        return None if role == "confirm" else self._search.rung(role, interval)

    def suggest(self, history: Sequence[TrialRow], n: int) -> Answer:
        """The search's proposals; when all of its trials have ended, the selected configurations with role
        confirm.
        """
        searched = [trial for trial in history if trial.role != "confirm"]
        proposals = self._search.suggest(searched, n)
        if proposals is not Signal.DONE:
            return proposals
        if not all(trial.terminal for trial in searched):
            return Signal.WAIT
        chosen = select(searched, self._direction).distinct()
        wanted = [Proposal("confirm", t.estimator, t.tau_f, t.tau_b, t.lr, t.variant) for t in chosen]
        return lacking(wanted, history)[:n] or Signal.DONE
