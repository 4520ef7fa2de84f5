"""Rows of the database as the rest of the program sees them, and whether the driver that holds a study is still alive."""

import hashlib
import json
import os
import socket
import sys
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from tuner.database import clock
from tuner.rows import Measurement, StudyRow, TrialRow
from tuner.tables import studies


def expired(db: Connection) -> sa.Label[bool]:
    """Whether the lease of a study has run out, as a column of that name: `study_row` wants it."""
    return (sa.func.coalesce(studies.c.lease_until, 0.0) < clock(db)).label("expired")


def abandoned(row: RowMapping) -> bool:
    """Whether nobody drives a study: no lease, an expired one, or one of a process of this machine that is no more."""
    if row["lease_until"] is None or row["expired"]:
        return True
    where, _, pid = (row["holder"] or ":").rpartition(":")
    return where == here() and not _alive(int(pid))


@cache
def here() -> str:
    """Where the numbers of processes mean the same: containers, and machines, may share a host name but not this."""
    marks = []
    with suppress(OSError):  # not Linux
        marks = [Path("/proc/sys/kernel/random/boot_id").read_text(), str(Path("/proc/self/ns/pid").readlink())]
    return f"{socket.gethostname()}/{hashlib.blake2b(''.join(marks).encode(), digest_size=4).hexdigest()}"


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # A killed process whose parent has not collected it still has its number, but will never write again.
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True


def study_state(row: RowMapping) -> str:
    """The state of a study: one that was running and that nobody drives is interrupted."""
    return "interrupted" if row["state"] == "running" and abandoned(row) else str(row["state"])


def study_row(row: RowMapping) -> StudyRow:
    """A row of `studies`, with `expired`, as the rest of the program sees it."""
    return StudyRow(
        row["id"], row["name"], row["task"], study_state(row), row["reason"], json.loads(row["spec"]), row["objective"],
        row["direction"], utc(row["created_at"]), _optional_utc(row["started_at"]), _optional_utc(row["finished_at"]),
        row["training_s"], json.loads(row["host"]), row["owner"], row["job"],
        f"{row['id']}-{row['jobs']}" if row["jobs"] else None, row["cancel_at"] is not None, row["revision"], row["mlflow_run"],
    )  # fmt: skip


def trial_row(row: RowMapping) -> TrialRow:
    """A row of `trials` likewise."""
    objective = json.loads(row["objective"]) if row["objective"] else None
    return TrialRow(
        row["id"], row["number"], row["role"], row["estimator"], row["tau_f"], row["tau_b"], row["lr"],
        row["state"], row["reason"], row["population"], row["attempts"], tuple(json.loads(row["seeds"])),
        _metrics(row["metrics"]), tuple(objective) if objective is not None else None,
        _optional_utc(row["started_at"]), _optional_utc(row["finished_at"]), row["variant"], row["intervals"], row["epoch"],
        row["source"],
    )  # fmt: skip


def measurement_row(r: RowMapping) -> Measurement:
    """A row of `measurements` likewise."""
    return Measurement(r["id"], r["trial_id"], r["interval"], r["epoch"], utc(r["recorded_at"]), _metrics(r["metrics"]))


def _metrics(text: str) -> dict[str, list[float | None]]:
    """Metrics from their JSON; the same few names of thousands of rows are each in memory once."""
    return {sys.intern(name): values for name, values in json.loads(text).items()}


def utc(value: datetime) -> datetime:
    """SQLite drops the time zone; what we store is always UTC."""
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _optional_utc(value: datetime | None) -> datetime | None:
    return None if value is None else utc(value)
