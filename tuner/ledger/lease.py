"""The lease of a study: the right of one driver to write for it.

It is part of the study's row: a fencing number that grows with every driver, the driver's process, and a time
of expiry on the database's clock. A driver renews it while it lives. Every write of a driver first updates
that row on condition of its fencing number (`hold`), so a driver that was replaced writes nothing, however
late it wakes up.
"""

import hashlib
import json
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from tuner.errors import LeaseLostError, UserError
from tuner.ledger.database import clock
from tuner.ledger.rows import StudyState
from tuner.ledger.tables import studies
from tuner.processes import is_alive

LEASE_S = 30.0  # seconds: another driver may take a study whose driver has not renewed for this long


@dataclass(frozen=True)
class Lease:
    """One driver's right to write for one study."""

    study_id: str
    fence: int  # grows with every driver of the study
    holder: str  # the driver's process, as `this_process` names it


def take(db: Connection, study_id: str, host: Mapping[str, Any], *, job: str | None, repeated: bool) -> Lease:
    """Takes the lease of a study that nobody drives, and sets the study running.

    Args:
        db: a transaction that writes.
        study_id: the study.
        host: versions and device of the driver.
        job: the Ray job that the driver is; None for a driver that is not a Ray job.
        repeated: whether an earlier try of this call may have taken the lease already; if it has, that lease
            is returned.

    Raises:
        UserError: another driver holds the lease, another job is to run the study, or the study has
            succeeded, was cancelled or does not exist.
    """
    query = sa.select(studies, expired(db)).where(studies.c.id == study_id).with_for_update()
    row = db.execute(query).mappings().first()
    if row is None:
        raise UserError(f"there is no study {study_id!r} in the ledger; it may have been deleted")
    if row["state"] in (StudyState.SUCCEEDED, StudyState.CANCELLED):
        raise UserError(f"study {study_id} has {row['state']}; there is nothing to resume")
    if job is not None and row["job"] != job:
        raise UserError(f"study {study_id} is no longer for job {job}: another one is to run it")
    holder = this_process()
    if repeated and row["holder"] == holder and not row["expired"]:
        return Lease(study_id, row["fence"], holder)
    if not abandoned(row):
        raise UserError(
            f"study {study_id} is being run by {row['holder']}; stop that one first, or wait for it"
        )
    fence = row["fence"] + 1
    db.execute(
        studies.update().where(studies.c.id == study_id).values(
            state=StudyState.RUNNING, reason=None, fence=fence, holder=holder, holder_job=job,
            lease_until=clock(db) + LEASE_S, host=json.dumps(host),
            started_at=row["started_at"] or datetime.now(UTC), finished_at=None,
            revision=studies.c.revision + 1,
        )
    )  # fmt: skip
    return Lease(study_id, fence, holder)


def hold(db: Connection, lease: Lease, **values: Any) -> RowMapping:
    """Writes columns of the study's row, if the study still has this lease, and returns the row. Its revision
    grows, and it stays locked until the transaction ends. Raises LeaseLostError where another driver has
    taken the lease, or it was given back.
    """
    mine = (
        (studies.c.id == lease.study_id)
        & (studies.c.fence == lease.fence)
        & (studies.c.lease_until.is_not(None))
    )
    updated = db.execute(
        studies.update().where(mine).values(**({"revision": studies.c.revision + 1} | values))
    )
    if updated.rowcount != 1:
        raise LeaseLostError(f"study {lease.study_id} was taken over by another driver")
    return db.execute(sa.select(studies).where(studies.c.id == lease.study_id)).mappings().one()


def renew(db: Connection, lease: Lease, ran_s: float) -> None:
    """Keeps the lease for another LEASE_S seconds, and adds `ran_s` seconds to the time that the study has
    run. The study's revision does not change, because nothing that users see has changed.
    """
    values = {"lease_until": clock(db) + LEASE_S, "run_s": studies.c.run_s + ran_s}
    hold(db, lease, revision=studies.c.revision, **values)


def given_back(db: Connection, lease: Lease, state: StudyState) -> bool:
    """Whether this driver has given the lease back already, with the study in this state."""
    returned = (
        (studies.c.id == lease.study_id)
        & (studies.c.fence == lease.fence)
        & studies.c.lease_until.is_(None)
        & (studies.c.state == state)
    )
    return db.execute(sa.select(studies.c.id).where(returned)).first() is not None


def expired(db: Connection) -> sa.Label[bool]:
    """The column "expired" of a query on `studies`: whether the lease has run out, or there is none."""
    return (sa.func.coalesce(studies.c.lease_until, 0.0) < clock(db)).label("expired")


def abandoned(row: RowMapping) -> bool:
    """Whether nobody drives the study of a row with the column `expired`: it has no lease, or the lease has
    expired, or its holder was a process of this machine that has ended.
    """
    if row["lease_until"] is None or row["expired"]:
        return True
    machine, _, process_id = (row["holder"] or ":").rpartition(":")
    return machine == this_machine() and not is_alive(int(process_id))


def this_process() -> str:
    """The name of this process as the holder of a lease: MACHINE:PROCESS_ID."""
    return f"{this_machine()}:{os.getpid()}"


@cache
def this_machine() -> str:
    """A name for what process ids are unique in: one boot of one machine, or one container. The host's name
    is not enough, because containers and even machines may share one; the ids of the kernel's boot and of the
    process namespace tell them apart.
    """
    marks = []
    with suppress(OSError):  # not Linux
        marks = [
            Path("/proc/sys/kernel/random/boot_id").read_text(),
            str(Path("/proc/self/ns/pid").readlink()),
        ]
    return f"{socket.gethostname()}/{hashlib.blake2b(''.join(marks).encode(), digest_size=4).hexdigest()}"
