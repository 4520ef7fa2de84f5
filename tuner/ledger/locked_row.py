"""Reads and changes a study's row in one transaction, so that what a decision rests on still holds when the
decision is written.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from tuner.errors import StudyNotFoundError
from tuner.ledger.lease import expired
from tuner.ledger.tables import studies


def locked(db: Connection, study_id: str) -> RowMapping:
    """The study's row with the column `lease.expired`, locked until the transaction ends. Raises
    StudyNotFoundError.
    """
    query = sa.select(studies, expired(db)).where(studies.c.id == study_id).with_for_update()
    row = db.execute(query).mappings().first()
    if row is None:
        raise StudyNotFoundError(f"there is no study {study_id!r} in the ledger")
    return row


def change(db: Connection, study_id: str, **values: Any) -> None:
    """Writes columns of the study's row, and lets its revision grow by 1."""
    changed = studies.update().where(studies.c.id == study_id)
    db.execute(changed.values(revision=studies.c.revision + 1, **values))
