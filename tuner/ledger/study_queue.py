"""Studies as the service runs them: accepted once, started in order, cancelled, resumed, deleted.

Every step is one transaction that looks at the row it changes, so that several API processes may take it at
once and one of them does. The names of Ray jobs are given here, before Ray hears of them: a job that was
named and never started is started under the same name, and Ray refuses a name twice.
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
from tuner.ledger.store import Ledger, insert_study
from tuner.ledger.tables import measurements, studies, trials
from tuner.ledger.turns import in_order


@dataclass(frozen=True)
class Job:
    """A study that has a Ray job, or is about to have one."""

    study_id: str
    name: str  # the job's submission id
    state: StudyState  # interrupted where its lease has run out
    cancel_s: float | None  # seconds since a cancel was asked for
    silent_s: float | None = None  # seconds since its driver's lease ran out; below 0 while it holds
    cluster: str | None = None  # that it was named for; None for a job from before clusters had names
    idle_s: float = 0.0  # seconds since it was named, or since the lease ran out if that was later


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
        """Accepts a study: its id, and whether it is new.

        Raises:
            OtherBodyError: the same idempotency key came with another request.
            ForbiddenByStateError: the same request came before, and its study has been deleted.
            QuotaError: the owner has as many studies as it may have, or as many of them wait.
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
        """Writes tags and comment beside a study, whatever its state; None leaves what there is."""
        written: dict[str, str] = {}
        if tags is not None:
            written["tags"] = json.dumps(list(tags), ensure_ascii=False)
        if comment is not None:
            written["comment"] = comment
        with self._ledger.writing() as db:
            locked(db, study_id)
            change(db, study_id, **written)

    def position(self, study: StudyRow) -> int:
        """The place of a queued study among those that wait, from 1."""
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
        """Asks for a study's end, and returns its state: cancelled at once where nothing runs. Raises
        ForbiddenByStateError.
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
        """Forgets all trials of a study that has not succeeded and that nobody runs, so that they are started
        anew. Raises ForbiddenByStateError, and TooManyWaitError where `resume` would: nothing is forgotten
        then.
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
        """Queues a study again that was interrupted or has failed, and returns its state. Raises
        ForbiddenByStateError, and TooManyWaitError by the quota of the study's owner.
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
        """Removes a study that nothing runs. Raises ForbiddenByStateError."""
        with self._ledger.writing() as db:
            row = locked(db, study_id)
            if study_row(row).state is StudyState.RUNNING or row["job"] is not None:
                raise ForbiddenByStateError(
                    f"study {study_id} is running, or its job has not quite ended; cancel it first"
                )
            db.execute(studies.delete().where(studies.c.id == study_id))
            note_deletion(db, study_id)

    def note_outcome(self, study_id: str, revision: int, outcome: Mapping[str, Any], of: str) -> None:
        """Keeps what a study that has ended has found, for lists, as of a revision; `of` says by what."""
        same = (studies.c.id == study_id) & (studies.c.revision == revision)
        with self._ledger.writing() as db:
            db.execute(studies.update().where(same).values(outcome=json.dumps(outcome), outcome_of=of))

    # --- what the reconciler does ---

    def claim(
        self, most_running: int, cluster: str | None = None, *, most_of_one_owner: int | None = None
    ) -> tuple[str, str] | None:
        """Names a job for a study that waits, if fewer than `most_running` have one on this cluster: (study's
        id, job's name), or None. It is the oldest of the owner who has the fewest running, if that is fewer
        than `most_of_one_owner`.
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
        """The studies that a job has been named for and whose job is not known to have ended."""
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
        """What a study's job is called where all jobs of a cluster are listed: "name · id"."""
        return f"{self._ledger.study(study_id).name} · {study_id}"

    def job_ended(self, study_id: str, job: str, why: str, most_losses: int) -> StudyState:
        """Takes note that a study's job is no more, and returns the study's state.

        A study that had not ended by itself is queued again, at most `most_losses` times without getting on
        in between, and is interrupted then. Its fence grows: whatever is left of that job writes no more. A
        study that somebody else drives meanwhile is theirs, and goes on.
        """
        with self._ledger.writing() as db:
            row = locked(db, study_id)
            if row["job"] != job:
                return study_row(row).state  # another process has taken note already
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
        """Whether a cancel was asked for."""
        with self._ledger.reading() as db:
            query = sa.select(studies.c.id).where(studies.c.id == study_id, studies.c.cancel_at.is_not(None))
            return db.execute(query).first() is not None

    def end_cancelled(self, lease: Lease, reason: str = CANCELLED, detail: str = "") -> None:
        """Ends a study as cancelled in the name of its driver, if that still is its driver.

        Args:
            lease: the driver's.
            reason: one of WITH_STUDY, the reason of its trials, too.
            detail: more of the study's reason.
        """
        with self._ledger.writing() as db:
            row = locked(db, lease.study_id)
            if row["fence"] == lease.fence and row["lease_until"] is not None:
                _end_as_cancelled(db, lease.study_id, reason, detail)


def _on(cluster: str | None) -> sa.ColumnElement[bool]:
    """Whether a study's job is on a cluster; one from before clusters had names is on any."""
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
    """Cancels for good: what was finished is kept, what was running is stopped, and no driver writes any
    more.
    """
    now = datetime.now(UTC)
    ended = {"state": StudyState.CANCELLED, "finished_at": now, "lease_until": None}
    change(db, study_id, reason=reason + detail, **ended, fence=studies.c.fence + 1, **values)
    unfinished = (trials.c.study == study_id) & trials.c.state.not_in(TERMINAL_TRIAL_STATES)
    stopped = {"state": TrialState.STOPPED, "reason": reason, "finished_at": now}
    db.execute(trials.update().where(unfinished).values(**stopped))
