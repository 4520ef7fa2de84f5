"""Confirmation: what a search selected is trained again on fresh seeds, because its score in the search is
inflated by the selection (the winner's curse).

Seeds come in blocks, one for each look of a group-sequential design: after each block the verdict is
computed, and while it is undecided all selected configurations are trained on the next block.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from tuner.evidence.selection import select, select_as_printed
from tuner.ledger.methods import Method
from tuner.ledger.objective import Objective
from tuner.ledger.rows import Role, TrialRow
from tuner.strategies.base import Answer, Signal, Strategy, lacking

Decided = Callable[[Sequence[TrialRow]], bool]  # whether the trials of a history need no more fresh seeds


class Confirmed(Strategy):
    """A strategy, followed by the confirmation of the best trial of every method."""

    def __init__(self, search: Strategy, objective: Objective, *, looks: int, decided: Decided) -> None:
        """A strategy that goes on after `search` with a confirmation.

        Args:
            search: proposes the trials before the confirmation.
            objective: by which the best trials are selected.
            looks: how many blocks of fresh seeds there may be.
            decided: whether no further block is needed.
        """
        self._search = search
        self._objective = objective
        self._looks = looks
        self._decided = decided

    def rung(self, role: Role, interval: int) -> int | None:
        """The search's next rung; none for confirmations, which are trained to their end."""
        return None if role is Role.CONFIRM else self._search.rung(role, interval)

    def suggest(self, history: Sequence[TrialRow], n: int) -> Answer:
        """The search's answer; once all of its trials have ended, up to n of the selected configurations with
        the role confirm, look by look.
        """
        searched = [trial for trial in history if trial.role is not Role.CONFIRM]
        proposals = self._search.suggest(searched, n)
        if proposals is not Signal.DONE:
            return proposals
        if not all(trial.terminal for trial in searched):
            return Signal.WAIT
        selected = self._selected(searched)
        for look in range(self._looks):
            wanted = [replace(t.proposal, role=Role.CONFIRM, look=look) for t in selected]
            if missing := lacking(wanted, history):
                return missing[:n]
            if not all(trial.terminal for trial in history):
                return Signal.WAIT if look + 1 < self._looks else Signal.DONE
            if self._decided(history):
                break
        return Signal.DONE

    def _selected(self, searched: Sequence[TrialRow]) -> list[TrialRow]:
        """The best trial of every method; and, off the diagonal and on it, also the one that the search alone
        would have selected, where that is another one.
        """
        chosen: dict[Method, TrialRow] = {}
        printed = select_as_printed(searched, self._objective)
        for trial in (
            *select(searched, self._objective).distinct(),
            *(t for t in (printed.off_diagonal, printed.diagonal) if t is not None),
        ):
            chosen.setdefault(trial.method, trial)
        return list(chosen.values())
