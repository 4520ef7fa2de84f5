"""Studies as the service runs them: accepted once, started in order, cancelled, resumed, deleted.

Every step is one transaction that reads and locks the row which it changes, so that several API processes may
attempt the same step at once and only one of them takes it. The submission ids of Ray jobs are given here,
before a job is submitted: one that was named but never started is submitted again under the same id, and Ray
refuses to start an id twice.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from tuner.errors import ForbiddenByStateError
from tuner.ledger.database import clock
from tuner.ledger.lease import Lease, abandoned, expired
from tuner.ledger.locked_row import change, locked
from tuner.ledger.new_study import insert_study
from tuner.ledger.quotas import ANY_NUMBER, Quota, one_at_a_time
from tuner.ledger.requests import RequestKey, note_deletion, note_request, study_of_request
from tuner.ledger.row_mapping import study_row
from tuner.ledger.rows import (
    CANCELLED,
    TERMINAL_STUDY_STATES,
    TERMINAL_TRIAL_STATES,
    StudyRow,
    StudyState,
    TrialState,
)
from tuner.ledger.store import Ledger
from tuner.ledger.tables import measurements, studies, trials
from tuner.ledger.turns import in_order


@dataclass(frozen=True)
class Job:
    """A study that has a Ray job, or is about to have one."""

    study_id: str
    name: str  # the job's submission id
    state: StudyState  # interrupted where its lease has run out
    cancel_s: float | None  # seconds since a cancel was asked for
    silent_s: float | None = None  # seconds since its driver's lease ran out; negative while the lease holds
    cluster: str | None = None  # Ray cluster for which it was named; None for a job of an earlier version
    idle_s: float = 0.0  # seconds since it was named or since its lease ran out, whichever came later


class StudyQueue:
    """The studies that the service runs."""

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
        request: RequestKey | None = None,
        quota: Quota = ANY_NUMBER,
    ) -> tuple[str, bool]:
        """Accepts a study, which then waits to be run: its id, and whether it is new.

        Args:
            name, task, spec, objective, direction: as in `insert_study`.
            owner: to whom it belongs; None where there are no API keys.
            request: its idempotency key; the same request again returns the study that the first one made.
            quota: how many studies the owner may have.

        Raises:
            OtherBodyError: the same idempotency key came with another request.
            ForbiddenByStateError: the same request came before, and its study has been deleted.
            QuotaError: the owner has as many studies, or as many that wait, as the quota allows.
        """
        with self._ledger.writing() as db:
            one_at_a_time(db)
            if request and (earlier := study_of_request(db, owner, request)):
                return earlier, False
            quota.admit_another(db, owner)
            study_id = insert_study(
                db, name=name, task=task, spec=spec, objective=objective, direction=direction,
                owner=owner, service=True,
            )  # fmt: skip
            if request:
                note_request(db, owner, request, study_id)
        return study_id, True

    def annotate(
        self, study_id: str, *, tags: Sequence[str] | None = None, comment: str | None = None
    ) -> None:
        """Writes tags and a comment beside a study, whatever its state; None leaves what is there. Raises
        StudyNotFoundError.
        """
        written: dict[str, str] = {}
        if tags is not None:
            written["tags"] = json.dumps(list(tags), ensure_ascii=False)
        if comment is not None:
            written["comment"] = comment
        with self._ledger.writing() as db:
            locked(db, study_id)
            change(db, study_id, **written)

    def position(self, study: StudyRow) -> int:
        """The place of a queued study among the studies that wait, from 1."""
        order = in_order()
        mine = sa.select(order.c.turn, order.c.created_at).where(order.c.id == study.id).subquery()
        earlier = (order.c.turn < mine.c.turn) | (
            (order.c.turn == mine.c.turn) & (order.c.created_at < mine.c.created_at)
        )
        with self._ledger.reading() as db:
            return (
                1
                + db.execute(sa.select(sa.func.count()).select_from(order, mine).where(earlier)).scalar_one()
            )

    def cancel(self, study_id: str) -> StudyState:
        """Cancels a study and returns its state. A running study stays running until its driver sees the
        request and ends it. Raises StudyNotFoundError, and ForbiddenByStateError where it has ended.
        """
        with self._ledger.writing() as db:
            row = locked(db, study_id)
            state = study_row(row).state
            asked = row["cancel_at"] is not None
            if state is StudyState.CANCELLED or (state in TERMINAL_STUDY_STATES and asked):
                return state
            if state in TERMINAL_STUDY_STATES:
                raise ForbiddenByStateError(f"study {study_id} has {state}; there is nothing to cancel")
            if state is StudyState.RUNNING:
                if row["cancel_at"] is None:
                    change(db, study_id, cancel_at=clock(db))
                return state
            _end_as_cancelled(db, study_id, cancel_at=clock(db))
            return StudyState.CANCELLED

    def restart_trials(self, study_id: str, *, quota: Quota = ANY_NUMBER) -> None:
        """Deletes all trials of a queued, interrupted or failed study that nobody runs, so that its next
        driver starts anew. Call `resume` after it.

        Raises StudyNotFoundError, ForbiddenByStateError for a study in another state, and TooManyWaitError
        where `resume` would raise it; nothing is deleted then.
        """
        with self._ledger.writing() as db:
            one_at_a_time(db)
            row = locked(db, study_id)
            state = study_row(row).state
            if state not in (StudyState.QUEUED, StudyState.INTERRUPTED, StudyState.FAILED) or row["job"]:
                was = "is running" if state is StudyState.RUNNING or row["job"] else f"has {state}"
                raise ForbiddenByStateError(
                    f"study {study_id} {was}; only trials of an interrupted or failed one can be restarted"
                )
            if state is not StudyState.QUEUED:
                quota.admit_waiting(db, row["owner"])
            db.execute(trials.delete().where(trials.c.study == study_id))
            change(
                db, study_id, restarts=studies.c.restarts + 1, material=None, training_s=0.0, mlflow_run=None,
                mlflow_cursor=0, measured_at_loss=0, run_s=0.0, added_seeds="[]",
                fence=studies.c.fence + 1, lease_until=None,
            )  # fmt: skip

    def resume(self, study_id: str, *, quota: Quota = ANY_NUMBER) -> StudyState:
        """Queues a study that was interrupted or has failed again, and returns its state. One that is queued
        or runs stays as it is. Raises StudyNotFoundError, ForbiddenByStateError for a study in another state,
        and TooManyWaitError by the quota of the study's owner.
        """
        with self._ledger.writing() as db:
            one_at_a_time(db)
            row = locked(db, study_id)
            state = study_row(row).state
            if row["cancel_at"] is not None and state is not StudyState.CANCELLED:
                raise ForbiddenByStateError(f"a cancel of study {study_id} was asked for, which is final")
            if state in (StudyState.QUEUED, StudyState.RUNNING):
                return state
            if state not in (StudyState.INTERRUPTED, StudyState.FAILED):
                was = "was cancelled" if state is StudyState.CANCELLED else f"has {state}"
                raise ForbiddenByStateError(
                    f"study {study_id} {was}; only an interrupted or failed one can be resumed"
                )
            quota.admit_waiting(db, row["owner"])
            values = {"reason": None, "service": True, "losses": 0, "finished_at": None}
            change(
                db, study_id, state=StudyState.QUEUED, **values, fence=studies.c.fence + 1, lease_until=None
            )
            return StudyState.QUEUED

    def delete(self, study_id: str) -> None:
        """Deletes a study with its trials and measurements. Raises StudyNotFoundError, and
        ForbiddenByStateError where it runs.
        """
        with self._ledger.writing() as db:
            row = locked(db, study_id)
            if study_row(row).state is StudyState.RUNNING or row["job"] is not None:
                raise ForbiddenByStateError(
                    f"study {study_id} is running, or its job has not quite ended; cancel it first"
                )
            db.execute(studies.delete().where(studies.c.id == study_id))
            note_deletion(db, study_id)

    def note_outcome(self, study_id: str, revision: int, outcome: Mapping[str, Any], of: str) -> None:
        """Keeps what a study that has ended has found, so that a list need not compute it again.

        Args:
            study_id: the study.
            revision: of the study from which it was computed; where the study has changed since, nothing is
                kept.
            outcome: what it has found, as JSON has it.
            of: a hash of the study's end and of this program's version, by which a reader sees whether what
                is kept is still valid.
        """
        same = (studies.c.id == study_id) & (studies.c.revision == revision)
        with self._ledger.writing() as db:
            db.execute(studies.update().where(same).values(outcome=json.dumps(outcome), outcome_of=of))

    # --- what the reconciler does ---

    def claim(
        self, most_running: int, cluster: str | None = None, *, most_of_one_owner: int | None = None
    ) -> tuple[str, str] | None:
        """Chooses the next of the waiting studies to be started and names a Ray job for it: (study's id,
        job's name), or None where none may be started. It is the oldest study of the owner with the fewest
        running studies.

        Args:
            most_running: how many studies may have a job on this cluster.
            cluster: name of the Ray cluster.
            most_of_one_owner: how many studies of one owner may have a job; None for any number.
        """
        with self._ledger.writing() as db:
            one_at_a_time(db)
            here = studies.c.job.is_not(None) & _on(cluster)
            running = db.execute(sa.select(sa.func.count()).select_from(studies).where(here)).scalar_one()
            order = in_order()
            first = sa.select(order).order_by(order.c.turn, order.c.created_at, order.c.id).limit(1)
            row = db.execute(first).first()
            if running >= most_running or row is None:
                return None
            if most_of_one_owner is not None and row.turn > most_of_one_owner:
                return None
            job = f"{row.id}-{row.jobs + 1}"
            change(db, row.id, job=job, jobs=row.jobs + 1, cluster=cluster, job_at=clock(db))
            return row.id, job

    def jobs(self) -> list[Job]:
        """The jobs that have been named and are not known to have ended, those of the oldest study first."""
        with self._ledger.reading() as db:
            query = (
                sa.select(
                    studies,
                    expired(db),
                    (clock(db) - studies.c.cancel_at).label("cancel_s"),
                    (clock(db) - studies.c.lease_until).label("silent_s"),
                    (clock(db) - sa.func.coalesce(studies.c.job_at, 0.0)).label("named_s"),
                )
                .where(studies.c.job.is_not(None))
                .order_by(studies.c.created_at)
            )
            return [_job(row) for row in db.execute(query).mappings()]

    def title(self, study_id: str) -> str:
        """The name of a study's job in a cluster's list of jobs: "name · id". Raises StudyNotFoundError."""
        return f"{self._ledger.study(study_id).name} · {study_id}"

    def job_ended(self, study_id: str, job: str, why: str, most_losses: int) -> StudyState:
        """Writes down that a study's Ray job has ended, and returns the study's state.

        If the study has not ended, its job was lost, and the study is queued again. After `most_losses` such
        losses without a measurement in between it becomes interrupted instead. Its fencing number grows, so
        that a driver that is left of the job writes nothing any more. A study that another driver holds by
        now is left to that driver.

        Args:
            study_id: the study.
            job: the job's name; where the study has another job by now, nothing is changed.
            why: the reason of the loss, for users.
            most_losses: how often in a row the study is queued again.

        Raises StudyNotFoundError.
        """
        with self._ledger.writing() as db:
            row = locked(db, study_id)
            if row["job"] != job:
                return study_row(row).state  # another process has written it down already
            state, measured = StudyState(row["state"]), _last_measurement(db, study_id)
            losses = row["losses"] if measured == row["measured_at_loss"] else 0
            driven_by_another = not abandoned(row) and row["holder_job"] != job
            if state in TERMINAL_STUDY_STATES or driven_by_another:
                change(db, study_id, job=None)
            elif row["cancel_at"] is not None:
                _end_as_cancelled(db, study_id, job=None)
                state = StudyState.CANCELLED
            else:
                reason = row["reason"] if state is StudyState.INTERRUPTED and row["reason"] else why
                state = StudyState.QUEUED if losses < most_losses else StudyState.INTERRUPTED
                what = f"resumed, {losses + 1} of {most_losses}" if state is StudyState.QUEUED else "given up"
                values = {
                    "state": state, "reason": f"{reason}; {what}", "losses": losses + 1,
                    "measured_at_loss": measured,
                }  # fmt: skip
                change(db, study_id, **values, job=None, lease_until=None, fence=studies.c.fence + 1)
            return state

    # --- what the driver does ---

    def cancel_requested(self, study_id: str) -> bool:
        """Whether somebody has asked to cancel a study; False also where it was deleted."""
        with self._ledger.reading() as db:
            query = sa.select(studies.c.id).where(studies.c.id == study_id, studies.c.cancel_at.is_not(None))
            return db.execute(query).first() is not None

    def end_cancelled(self, lease: Lease, reason: str = CANCELLED, detail: str = "") -> None:
        """Ends a study as cancelled for its driver; does nothing where another driver has taken it over.

        Args:
            lease: the driver's.
            reason: one of WITH_STUDY; also the reason of the trials that are stopped.
            detail: what follows the reason in the study's own reason.

        Raises StudyNotFoundError.
        """
        with self._ledger.writing() as db:
            row = locked(db, lease.study_id)
            if row["fence"] == lease.fence and row["lease_until"] is not None:
                _end_as_cancelled(db, lease.study_id, reason, detail)


def _on(cluster: str | None) -> sa.ColumnElement[bool]:
    """Whether a study's job is on a cluster. A job of a version that did not name clusters counts on each."""
    return studies.c.cluster.is_(None) | (studies.c.cluster == cluster)


def _job(row: RowMapping) -> Job:
    named_s, silent_s = row["named_s"], row["silent_s"]
    idle_s = named_s if silent_s is None else min(named_s, silent_s)
    return Job(
        row["id"], row["job"], study_row(row).state, row["cancel_s"], silent_s, row["cluster"], float(idle_s)
    )


def _last_measurement(db: Connection, study_id: str) -> int:
    """The id of a study's last measurement; 0 for none."""
    last = sa.func.coalesce(sa.func.max(measurements.c.id), 0)
    return int(db.execute(sa.select(last).where(measurements.c.study == study_id)).scalar_one())


def _end_as_cancelled(
    db: Connection, study_id: str, reason: str = CANCELLED, detail: str = "", **values: Any
) -> None:
    """Ends a study as cancelled: finished trials are kept, unfinished ones are stopped, and no driver can
    write for it any more.
    """
    now = datetime.now(UTC)
    ended = {"state": StudyState.CANCELLED, "finished_at": now, "lease_until": None}
    change(db, study_id, reason=reason + detail, **ended, fence=studies.c.fence + 1, **values)
    unfinished = (trials.c.study == study_id) & trials.c.state.not_in(TERMINAL_TRIAL_STATES)
    stopped = {"state": TrialState.STOPPED, "reason": reason, "finished_at": now}
    db.execute(trials.update().where(unfinished).values(**stopped))
