"""Studies as the service runs them: accepted once, started in order, cancelled, resumed, deleted.

Every step is one transaction that looks at the row it changes, so that several API processes may take it at
once and one of them does. The names of Ray jobs are given here, before Ray hears of them: a job that was
named and never started is started under the same name, and Ray refuses a name twice.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from tuner.errors import UserError
from tuner.ledger.database import clock
from tuner.ledger.lease import expired
from tuner.ledger.row_mapping import study_row
from tuner.ledger.rows import TERMINAL_STUDY_STATES, TERMINAL_TRIAL_STATES
from tuner.ledger.store import Ledger, insert_study
from tuner.ledger.tables import idempotency, studies, trials

CANCELLED = "cancelled by the user"
_LOCK = (
    7_270_415  # of PostgreSQL: one process at a time accepts or starts studies. SQLite has one writer anyway.
)


class ForbiddenByStateError(UserError):
    """What was asked for does not go with the state that the study is in."""


class OtherBodyError(UserError):
    """An idempotency key that came before with another request."""


@dataclass(frozen=True)
class Once:
    """What makes a request the same as an earlier one."""

    key: str  # the client's
    body: str  # SHA-256 of the request


@dataclass(frozen=True)
class Job:
    """A study that has a Ray job, or is about to."""

    study: str
    job: str  # submission id
    state: str  # of the study; interrupted where its lease has run out
    cancel_s: float | None  # seconds since a cancel was asked for


class Queue:
    """The service's side of the ledger's studies."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    # --- what users ask for ---

    def submit(
        self,
        *,
        name: str,
        task: str,
        spec: Mapping[str, Any],
        objective: str,
        direction: str,
        owner: str | None = None,
        once: Once | None = None,
    ) -> tuple[str, bool]:
        """Accepts a study: its id, and whether it is new. Raises OtherBodyError."""
        with self._ledger.writing() as db:
            _alone(db)
            if once and (known := _known(db, owner, once)):
                return known, False
            study = insert_study(
                db,
                name=name,
                task=task,
                spec=spec,
                objective=objective,
                direction=direction,
                owner=owner,
                service=True,
            )
            if once:
                values = {"owner": owner or "", "key": _hash(once.key), "body": once.body, "study": study}
                db.execute(idempotency.insert().values(**values, created_at=datetime.now(UTC)))
        return study, True

    def cancel(self, study: str) -> str:
        """Asks for a study's end, and returns its state: cancelled at once where nothing runs. Raises
        ForbiddenByStateError.
        """
        with self._ledger.writing() as db:
            row = _locked(db, study)
            state = study_row(row).state
            if state == "cancelled" or (state in TERMINAL_STUDY_STATES and row["cancel_at"] is not None):
                return state
            if state in TERMINAL_STUDY_STATES:
                raise ForbiddenByStateError(f"study {study} has {state}; there is nothing to cancel")
            if state == "running":
                if row["cancel_at"] is None:
                    _change(db, study, cancel_at=clock(db))
                return state
            _end(db, study, cancel_at=clock(db))
            return "cancelled"

    def resume(self, study: str) -> str:
        """Queues a study again that was interrupted or has failed, and returns its state. Raises
        ForbiddenByStateError.
        """
        with self._ledger.writing() as db:
            row = _locked(db, study)
            state = study_row(row).state
            if row["cancel_at"] is not None and state != "cancelled":
                raise ForbiddenByStateError(f"a cancel of study {study} was asked for, which is final")
            if state in ("queued", "running"):
                return state
            if state not in ("interrupted", "failed"):
                raise ForbiddenByStateError(
                    f"study {study} {_has(state)}; only an interrupted or failed one can be resumed"
                )
            values = {"state": "queued", "reason": None, "service": True, "losses": 0, "finished_at": None}
            _change(db, study, **values, fence=studies.c.fence + 1, lease_until=None)
            return "queued"

    def delete(self, study: str) -> None:
        """Forgets a study that nothing runs. Raises ForbiddenByStateError."""
        with self._ledger.writing() as db:
            row = _locked(db, study)
            if study_row(row).state == "running" or row["job"] is not None:
                raise ForbiddenByStateError(
                    f"study {study} is running, or its job has not quite ended; cancel it first"
                )
            db.execute(studies.delete().where(studies.c.id == study))

    # --- what the reconciler does ---

    def claim(self, most: int) -> tuple[str, str] | None:
        """Names a job for the oldest study that waits, if fewer than `most` have one: (study, job), or
        None.
        """
        with self._ledger.writing() as db:
            _alone(db)
            running = db.execute(
                sa.select(sa.func.count()).select_from(studies).where(studies.c.job.is_not(None))
            ).scalar_one()
            waits = (studies.c.state == "queued") & studies.c.service & studies.c.job.is_(None)
            oldest = (
                sa.select(studies.c.id, studies.c.jobs)
                .where(waits)
                .order_by(studies.c.created_at, studies.c.id)
                .limit(1)
            )
            row = db.execute(oldest).first()
            if running >= most or row is None:
                return None
            job = f"{row.id}-{row.jobs + 1}"
            _change(db, row.id, job=job, jobs=row.jobs + 1)
            return row.id, job

    def jobs(self) -> list[Job]:
        """The studies that have a job, and those that may have been left without one in the middle."""
        with self._ledger.reading() as db:
            asked = (clock(db) - studies.c.cancel_at).label("cancel_s")
            query = (
                sa.select(studies, expired(db), asked)
                .where(studies.c.job.is_not(None))
                .order_by(studies.c.created_at)
            )
            rows = db.execute(query).mappings()
            return [Job(row["id"], row["job"], study_row(row).state, row["cancel_s"]) for row in rows]

    def ended(self, study: str, job: str, why: str, most_losses: int) -> str:
        """Takes note that a study's job is no more, and returns the study's state.

        A study that had not ended by itself waits again for its turn, at most `most_losses` times, and is
        interrupted then. Its fence grows: whatever is left of that job writes no more.
        """
        with self._ledger.writing() as db:
            row = _locked(db, study)
            if row["job"] != job:
                return study_row(row).state  # somebody else was here first
            state, losses = row["state"], row["losses"]
            if state in TERMINAL_STUDY_STATES:
                _change(db, study, job=None)
            elif row["cancel_at"] is not None:
                _end(db, study, job=None)
                state = "cancelled"
            else:
                reason = row["reason"] if state == "interrupted" and row["reason"] else why
                state = "queued" if losses < most_losses else "interrupted"
                reason = (
                    f"{reason}; resumed, {losses + 1} of {most_losses}"
                    if state == "queued"
                    else f"{reason}; given up"
                )
                values = {
                    "state": state,
                    "reason": reason,
                    "losses": losses + 1,
                    "job": None,
                    "lease_until": None,
                }
                _change(db, study, **values, fence=studies.c.fence + 1)
            return str(state)

    # --- what the driver does ---

    def cancel_requested(self, study: str) -> bool:
        """Whether a cancel was asked for."""
        with self._ledger.reading() as db:
            query = sa.select(studies.c.id).where(studies.c.id == study, studies.c.cancel_at.is_not(None))
            return db.execute(query).first() is not None

    def cancelled(self, study: str, fence: int) -> None:
        """Ends a study as cancelled in the name of the driver with that fence, if it still is the driver."""
        with self._ledger.writing() as db:
            row = _locked(db, study)
            if row["fence"] == fence and row["lease_until"] is not None:
                _end(db, study)


def _alone(db: Connection) -> None:
    if db.dialect.name == "postgresql":
        db.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _known(db: Connection, owner: str | None, once: Once) -> str | None:
    query = sa.select(idempotency).where(
        idempotency.c.owner == (owner or ""), idempotency.c.key == _hash(once.key)
    )
    row = db.execute(query).mappings().first()
    if row is None:
        return None
    if row["body"] != once.body:
        raise OtherBodyError("this key came before with another request; use a new one for a new study")
    return str(row["study"])


def _locked(db: Connection, study: str) -> RowMapping:
    row = (
        db.execute(sa.select(studies, expired(db)).where(studies.c.id == study).with_for_update())
        .mappings()
        .first()
    )
    if row is None:
        raise UserError(f"there is no study {study!r} in the ledger")
    return row


def _change(db: Connection, study: str, **values: Any) -> None:
    changed = studies.update().where(studies.c.id == study)
    db.execute(changed.values(revision=studies.c.revision + 1, **values))


def _end(db: Connection, study: str, **values: Any) -> None:
    """Cancelled, for good: what was finished is kept, what was running is stopped, and no driver writes any
    more.
    """
    now = datetime.now(UTC)
    ended = {"state": "cancelled", "reason": CANCELLED, "finished_at": now, "lease_until": None}
    _change(db, study, **ended, fence=studies.c.fence + 1, **values)
    unfinished = (trials.c.study == study) & trials.c.state.not_in(TERMINAL_TRIAL_STATES)
    db.execute(trials.update().where(unfinished).values(state="stopped", reason=CANCELLED, finished_at=now))


def _has(state: str) -> str:
    return "was cancelled" if state == "cancelled" else f"has {state}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
