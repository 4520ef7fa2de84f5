"""The order in which waiting studies are started: owners take turns, each with its oldest study first."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tuner.ledger.rows import StudyState
from tuner.ledger.tables import studies


def waits() -> sa.ColumnElement[bool]:
    """The condition that a study waits for a Ray job."""
    return (studies.c.state == StudyState.QUEUED) & studies.c.service & studies.c.job.is_(None)


def of_owner(owner: str | None) -> sa.ColumnElement[bool]:
    """The condition that a study belongs to an owner, or to none. It is not "IS NOT DISTINCT FROM", for which
    PostgreSQL uses no index.
    """
    return studies.c.owner.is_(None) if owner is None else studies.c.owner == owner


def waiting_of(db: Connection, owner: str | None) -> int:
    """How many studies of an owner wait."""
    query = sa.select(sa.func.count()).select_from(studies).where(waits(), of_owner(owner))
    return int(db.execute(query).scalar_one())


def in_order() -> sa.Subquery:
    """A subquery of the studies that wait: id, jobs, created_at and turn. They are to be started in ascending
    order of turn, then of created_at, then of id.

    The turn is the number of running studies that the owner would have if this study and the owner's older
    waiting ones ran as well. So in this order the owner with the fewest running studies comes first.
    """
    # Running studies are counted once for each owner, and not for each study that waits.
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
