"""Measurements of running studies, which are asked for again and again: those that were read once are not
read again.

A measurement never changes, and those of one study are written by one driver at a time, so their ids grow in
the order in which they become visible.
"""

import threading
from collections import OrderedDict

from tuner.ledger.rows import Measurement
from tuner.ledger.store import Ledger

_MOST_ROWS = 50_000  # of all studies that are kept; about 1 KB each


class Measured:
    """The measurements of the studies that were looked at last."""

    def __init__(self, ledger: Ledger, most_rows: int = _MOST_ROWS) -> None:
        self._ledger, self._most = ledger, most_rows
        self._kept: OrderedDict[str, list[Measurement]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, study_id: str) -> list[Measurement]:
        """All measurements of a study as they are now."""
        with self._lock:
            known = self._kept.get(study_id, [])
        fresh = self._ledger.measurements(study_id, after=known[-1].id if known else 0)
        found = [*known, *fresh]  # not in place: others may be reading the list
        with self._lock:
            if len(found) >= len(self._kept.get(study_id, [])):
                self._kept[study_id] = found
            self._kept.move_to_end(study_id)
            while len(self._kept) > 1 and sum(map(len, self._kept.values())) > self._most:
                self._kept.popitem(last=False)
        return found
