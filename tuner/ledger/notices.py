"""The ends of studies for which a notification is to be sent, each once.

A process claims an end before it sends the notification, so that only one of several processes sends it. An
end is identified by the study's state and fencing number. A study that is resumed has another number, so a
notification is sent again when it ends again.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tuner.ledger.lease import expired
from tuner.ledger.retry import retried
from tuner.ledger.row_mapping import study_state
from tuner.ledger.rows import TERMINAL_STUDY_STATES, StudyState
from tuner.ledger.store import Ledger
from tuner.ledger.tables import studies

ENDS = (*TERMINAL_STUDY_STATES, StudyState.INTERRUPTED)


class Notices:
    """The ends of all studies of a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def patience_s(self) -> float:
        """Seconds for which a method waits for a database that cannot be reached: the ledger's."""
        return self._ledger.patience_s

    @retried
    def due(self) -> list[str]:
        """The ids of the studies that have ended or are interrupted, and whose end nobody has claimed; the
        oldest study first. One that the service is about to resume does not count as interrupted.
        """
        with self._ledger.reading() as db:
            return [end.study_id for end in _unclaimed(db)]

    @retried
    def claim(self, study_id: str) -> bool:
        """Claims the notification of a study's end. False if it has not ended, or if another process has
        claimed it.
        """
        with self._ledger.writing() as db:
            return any(_claimed(db, end) for end in _unclaimed(db, studies.c.id == study_id))

    @retried
    def leave_out(self, older_than_s: float) -> None:
        """Claims all ends that are more than so many seconds old, so that no notifications are sent of them:
        they are from before notifications were switched on. Interruptions, whose time is not kept, count as
        old.
        """
        since = datetime.now(UTC) - timedelta(seconds=older_than_s)
        with self._ledger.writing() as db:
            old = studies.c.finished_at.is_(None) | (studies.c.finished_at < since)
            for end in _unclaimed(db, old):
                _claimed(db, end)


@dataclass(frozen=True)
class _End:
    """An end of a study."""

    study_id: str
    told: str  # the same in the column `told`: STATE FENCE


def _unclaimed(db: Connection, *conditions: sa.ColumnElement[bool]) -> list[_End]:
    """The ends that nobody has claimed, of studies without a Ray job that meet the conditions; the oldest
    study first.
    """
    # The database leaves out most studies whose end was claimed. One whose driver died is still running
    # there, and is interrupted only by `study_state`.
    as_stored = studies.c.state + " " + sa.cast(studies.c.fence, sa.String)
    query = sa.select(studies, expired(db)).where(
        studies.c.job.is_(None),
        studies.c.state.in_([*ENDS, StudyState.RUNNING]),
        studies.c.told.is_(None) | (studies.c.told != as_stored),
        *conditions,
    )
    rows = db.execute(query.order_by(studies.c.created_at)).mappings()
    ends = ((row, f"{state} {row['fence']}") for row in rows if (state := study_state(row)) in ENDS)
    return [_End(row["id"], told) for row, told in ends if row["told"] != told]


def _claimed(db: Connection, end: _End) -> bool:
    """Claims an end; False where another process has done so since it was read."""
    free = (studies.c.id == end.study_id) & (studies.c.told.is_(None) | (studies.c.told != end.told))
    return db.execute(studies.update().where(free).values(told=end.told)).rowcount == 1
