"""The order in which waiting studies are started: each owner's by age, and the owners in turn."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tuner.ledger.rows import StudyState
from tuner.ledger.tables import studies


def waits() -> sa.ColumnElement[bool]:
    """Whether a study waits for a job."""
    return (studies.c.state == StudyState.QUEUED) & studies.c.service & studies.c.job.is_(None)


def of_owner(owner: str | None) -> sa.ColumnElement[bool]:
    """Whether a study is an owner's. Not "IS NOT DISTINCT FROM", for which PostgreSQL uses no index."""
    return studies.c.owner.is_(None) if owner is None else studies.c.owner == owner


def waiting_of(db: Connection, owner: str | None) -> int:
    """How many studies of an owner wait."""
    query = sa.select(sa.func.count()).select_from(studies).where(waits(), of_owner(owner))
    return int(db.execute(query).scalar_one())


def in_order() -> sa.Subquery:
    """The studies that wait, with their turn: one after the other if each time the owner with the fewest
    running is served, and the oldest study of an owner first. The turn is the number that the owner would
    have running with it.
    """
    # Counted once for each owner, and not for each study that waits.
    busy = (
        sa.select(studies.c.owner, sa.func.count().label("running"))
        .where(studies.c.job.is_not(None))
        .group_by(studies.c.owner)
        .subquery()
    )
    running = sa.func.coalesce(busy.c.running, 0)
    place = sa.func.row_number().over(
        partition_by=studies.c.owner, order_by=(studies.c.created_at, studies.c.id)
    )
    return (
        sa.select(studies.c.id, studies.c.jobs, studies.c.created_at, (running + place).label("turn"))
        .select_from(studies.outerjoin(busy, busy.c.owner.is_not_distinct_from(studies.c.owner)))
        .where(waits())
        .subquery()
    )
