"""A study's trials, as its driver reads them again and again, without reading ended trials twice.

A driver asks for the trials at every suggestion and every report. Trials that have ended never change in the
ledger, so only the others and new ones are read again, and the cost does not grow with the number of ended
trials.
"""

from collections.abc import Sequence

from tuner.ledger.rows import TrialRow
from tuner.ledger.store import Ledger


class History:
    """The trials of one study, in the order of their numbers. Not safe for use by several threads."""

    def __init__(self, ledger: Ledger, study_id: str) -> None:
        self._ledger, self._study_id = ledger, study_id
        self._rows: list[TrialRow] = []  # by number, which has no gaps
        self._unfinished: set[int] = set()  # numbers of the trials that had not ended at the last look

    def trials(self) -> Sequence[TrialRow]:
        """All trials as they are now, in the order of their numbers. It is the same list every time, which
        the caller must not change.
        """
        changed = self._ledger.trials(self._study_id, numbers=self._unfinished, above=len(self._rows) - 1)
        for row in changed:
            if row.number < len(self._rows):
                self._rows[row.number] = row
            else:
                self._rows.append(row)
            if row.terminal:
                self._unfinished.discard(row.number)
            else:
                self._unfinished.add(row.number)
        return self._rows
