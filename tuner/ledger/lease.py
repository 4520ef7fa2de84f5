"""The lease of a study: who drives it, and whether that driver is still alive."""

import hashlib
import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from tuner.ledger.database import clock
from tuner.ledger.tables import studies

LEASE_S = 30.0  # a driver that has not renewed for this long has lost its study


@dataclass(frozen=True)
class Lease:
    """The right to write for one study."""

    study: str
    fence: int
    holder: str


def expired(db: Connection) -> sa.Label[bool]:
    """Whether the lease of a study has run out, as a column of that name: `study_row` wants it."""
    return (sa.func.coalesce(studies.c.lease_until, 0.0) < clock(db)).label("expired")


def abandoned(row: RowMapping) -> bool:
    """Whether nobody drives a study: no lease, an expired one, or one of a process of this machine that is no
    more.
    """
    if row["lease_until"] is None or row["expired"]:
        return True
    where, _, pid = (row["holder"] or ":").rpartition(":")
    return where == here() and not _alive(int(pid))


@cache
def here() -> str:
    """Where the numbers of processes mean the same: containers, and machines, may share a host name but not
    this.
    """
    marks = []
    with suppress(OSError):  # not Linux
        marks = [
            Path("/proc/sys/kernel/random/boot_id").read_text(),
            str(Path("/proc/self/ns/pid").readlink()),
        ]
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
