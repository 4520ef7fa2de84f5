"""Ends of studies for which a notification is due, each once.

A process claims an end before it sends the notification, so that only one of several processes does. An end
is identified by its state and by the driver under which it came: a study that is resumed and ends again is
notified of again.
"""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from tuner.ledger.lease import expired
from tuner.ledger.retry import retried
from tuner.ledger.row_mapping import study_state
from tuner.ledger.rows import TERMINAL_STUDY_STATES, StudyState
from tuner.ledger.store import Ledger
from tuner.ledger.tables import studies

ENDS = (*TERMINAL_STUDY_STATES, StudyState.INTERRUPTED)


class Notices:
    """The ends of all studies."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def patience_s(self) -> float:
        """The ledger's."""
        return self._ledger.patience_s

    @retried
    def due(self) -> list[str]:
        """The studies that have ended or are interrupted, and whose end nobody has claimed. One that the
        service is about to resume is not interrupted.
        """
        with self._ledger.reading() as db:
            return [row["id"] for row in _candidates(db) if study_state(row) in ENDS]

    @retried
    def claim(self, study_id: str) -> bool:
        """Claims the notification of a study's end. False if it has not ended, or if another process has
        claimed it.
        """
        with self._ledger.writing() as db:
            for row in _candidates(db, studies.c.id == study_id):
                if (state := study_state(row)) in ENDS:
                    return _claimed(db, row, state)
        return False

    @retried
    def leave_out(self, older_than_s: float) -> None:
        """Claims all ends that are older, so that no messages are sent about them: they are from before
        notifications were switched on.
        """
        since = datetime.now(UTC) - timedelta(seconds=older_than_s)
        with self._ledger.writing() as db:
            old = studies.c.finished_at.is_(None) | (studies.c.finished_at < since)
            for row in _candidates(db, old):
                if (state := study_state(row)) in ENDS:
                    _claimed(db, row, state)


def _candidates(db: Connection, *conditions: sa.ColumnElement[bool]) -> list[RowMapping]:
    """Studies without a job that have ended, or run and may be interrupted, and are not told of as that."""
    end = studies.c.state + " " + sa.cast(studies.c.fence, sa.String)
    query = sa.select(studies, expired(db)).where(
        studies.c.job.is_(None),
        studies.c.state.in_([*ENDS, StudyState.RUNNING]),
        studies.c.told.is_(None) | (studies.c.told != end),
        *conditions,
    )
    return list(db.execute(query.order_by(studies.c.created_at)).mappings())


def _claimed(db: Connection, row: RowMapping, state: StudyState) -> bool:
    told = f"{state} {row['fence']}"
    mine = (studies.c.id == row["id"]) & (studies.c.told.is_(None) | (studies.c.told != told))
    return db.execute(studies.update().where(mine).values(told=told)).rowcount == 1
