"""Confirmation: what a search selected is trained again on fresh seeds, so that its gain is not a winner's
curse.
"""

from collections.abc import Sequence
from dataclasses import replace

from tuner.evidence.selection import select
from tuner.ledger.objective import Objective
from tuner.ledger.rows import Role, TrialRow
from tuner.strategies.base import Answer, Signal, Strategy, lacking


class Confirmed(Strategy):
    """A strategy, followed by the confirmation of the best trial of every method."""

    def __init__(self, search: Strategy, objective: Objective) -> None:
        self._search = search
        self._objective = objective

    def rung(self, role: Role, interval: int) -> int | None:
        """The search's; confirmations are trained to their end."""
        return None if role is Role.CONFIRM else self._search.rung(role, interval)

    def suggest(self, history: Sequence[TrialRow], n: int) -> Answer:
        """The search's proposals; when all of its trials have ended, the selected configurations with role
        confirm.
        """
        searched = [trial for trial in history if trial.role is not Role.CONFIRM]
        proposals = self._search.suggest(searched, n)
        if proposals is not Signal.DONE:
            return proposals
        if not all(trial.terminal for trial in searched):
            return Signal.WAIT
        chosen = select(searched, self._objective).distinct()
        wanted = [replace(t.proposal, role=Role.CONFIRM) for t in chosen]
        return lacking(wanted, history)[:n] or Signal.DONE
