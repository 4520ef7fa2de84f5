"""The ledger: the one truth about studies, trials and measurements.

SQLAlchemy 2 over SQLite (WAL) or PostgreSQL, migrated by Alembic. A report of a population is one
transaction. Whoever drives a study holds its lease: a row with a fencing number and an expiry on the
database's clock. Every write of a driver checks the number first, so a driver that was replaced, however late
it wakes, writes nothing. A driver waits for a database that is away.
"""

import json
import math
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping
from sqlalchemy.exc import InterfaceError, OperationalError

from tuner.errors import LeaseLostError, LedgerAwayError, LedgerError, UserError
from tuner.ledger.database import clock, is_away, open_database, said, without_password
from tuner.ledger.lease import LEASE_S, Lease, abandoned, expired, here
from tuner.ledger.retry import patient, repeating
from tuner.ledger.row_mapping import measurement_row, study_row, trial_row
from tuner.ledger.rows import (
    TERMINAL_STUDY_STATES,
    TERMINAL_TRIAL_STATES,
    Continuation,
    Measurement,
    Proposal,
    StudyRow,
    TrialRow,
)
from tuner.ledger.tables import measurements, studies, trials

_PAGE = 1000  # measurements that are read at once


class Ledger:
    """Studies, trials and measurements in one database."""

    def __init__(self, url: str) -> None:
        """Opens the database, creating and migrating it as needed. Raises UserError where that cannot be."""
        self.url = url
        self.engine = open_database(url)
        self.patience_s = (
            0.0  # how long a method waits for a database that is away; a driver has patience, a command none
        )

    def close(self) -> None:
        """Returns the connections."""
        self.engine.dispose()

    # --- studies ---

    def create_study(
        self, *, name: str, task: str, spec: Mapping[str, Any], objective: str, direction: str
    ) -> str:
        """Adds a study in state queued and returns its id."""
        with self._write() as db:
            return insert_study(db, name=name, task=task, spec=spec, objective=objective, direction=direction)

    @patient
    def study(self, study: str) -> StudyRow:
        """A study by its id. Raises UserError where there is none."""
        with self._read() as db:
            row = db.execute(sa.select(studies, expired(db)).where(studies.c.id == study)).mappings().first()
        if row is None:
            raise UserError(f"there is no study {study!r} in the ledger; `tuner list` shows those there are")
        return study_row(row)

    def find_study(self, name: str) -> StudyRow:
        """A study by its id, a unique prefix of it, or "latest". Raises UserError."""
        query = sa.select(studies.c.id).order_by(studies.c.created_at.desc(), studies.c.id)
        if name != "latest":
            escaped = name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
            query = query.where(studies.c.id.like(f"{escaped}%", escape="\\"))
        with self._read() as db:
            found = list(db.execute(query.limit(3)).scalars())
        if not found:
            raise UserError(
                "there is no study yet; `tuner run sbn-digits` makes one"
                if name == "latest"
                else f"there is no study {name!r} in the ledger; `tuner list` shows those there are"
            )
        if name != "latest" and len(found) > 1 and name not in found:
            raise UserError(
                f"{name!r} is the beginning of several studies ({', '.join(found)}, ...); give more of the id"
            )
        return self.study(found[0])

    def list_studies(self, limit: int = 100) -> list[StudyRow]:
        """Studies, newest first."""
        with self._read() as db:
            rows = db.execute(
                sa.select(studies, expired(db))
                .order_by(studies.c.created_at.desc(), studies.c.id)
                .limit(limit)
            )
            return [study_row(row) for row in rows.mappings()]

    # --- the driver's lease ---

    @patient
    def acquire(self, study: str, host: Mapping[str, Any]) -> Lease:
        """Takes the lease of a study that nobody drives, and sets it running.

        Raises UserError where another driver holds it, or where the study has ended.
        """
        holder = f"{here()}:{os.getpid()}"
        with self._write() as db:
            row = (
                db.execute(sa.select(studies, expired(db)).where(studies.c.id == study).with_for_update())
                .mappings()
                .one()
            )
            if row["state"] in ("succeeded", "cancelled"):
                raise UserError(f"study {study} has {row['state']}; there is nothing to resume")
            if repeating() and row["holder"] == holder and not row["expired"]:
                return Lease(study, row["fence"], holder)  # the transaction whose end we did not hear of
            if not abandoned(row):
                raise UserError(
                    f"study {study} is being run by {row['holder']}; stop that one first, or wait for it"
                )
            fence = row["fence"] + 1
            db.execute(
                studies.update().where(studies.c.id == study).values(
                    state="running", reason=None, fence=fence, holder=holder, lease_until=clock(db) + LEASE_S,
                    host=json.dumps(host), started_at=row["started_at"] or _now(), finished_at=None,
                    revision=studies.c.revision + 1,
                )
            )  # fmt: skip
        return Lease(study, fence, holder)

    def renew(self, lease: Lease) -> None:
        """Keeps the lease for another LEASE_S; without patience, because it comes again anyway. Raises
        LeaseLostError.
        """
        with self._write() as db:
            self._fence(
                db, lease, lease_until=clock(db) + LEASE_S, revision=studies.c.revision
            )  # nothing new

    @patient
    def release(self, lease: Lease, state: str, reason: str | None = None) -> None:
        """Gives the lease back with the state that the study ends or pauses in. Raises LeaseLostError."""
        with self._write() as db:
            ended = {"finished_at": _now()} if state in TERMINAL_STUDY_STATES else {}
            mine = (
                (studies.c.id == lease.study)
                & (studies.c.fence == lease.fence)
                & studies.c.lease_until.is_(None)
            )
            if (
                repeating()
                and db.execute(sa.select(studies.c.id).where(mine, studies.c.state == state)).first()
            ):
                return
            self._fence(db, lease, state=state, reason=reason, lease_until=None, **ended)

    # --- trials ---

    @patient
    def trials(
        self,
        study: str,
        *,
        ids: Iterable[int] | None = None,
        numbers: Iterable[int] | None = None,
        above: int = -1,
    ) -> list[TrialRow]:
        """The trials of a study by number: all, those with some ids, or those with some numbers and all above
        one.
        """
        query = sa.select(trials).where(trials.c.study == study).order_by(trials.c.number)
        if ids is not None:
            query = query.where(trials.c.id.in_(list(ids)))
        if numbers is not None:
            query = query.where(trials.c.number.in_(list(numbers)) | (trials.c.number > above))
        with self._read() as db:
            return [trial_row(row) for row in db.execute(query).mappings()]

    @patient
    def start_population(
        self, lease: Lease, population: str, proposals: Sequence[Proposal], seeds: Sequence[int]
    ) -> list[TrialRow]:
        """Adds the proposals as running trials of a population. A proposal that the study already has is an
        IntegrityError.
        """
        with self._write() as db:
            self._fence(db, lease)
            if repeating():
                mine = (trials.c.study == lease.study) & (trials.c.population == population)
                there = [
                    trial_row(row)
                    for row in db.execute(sa.select(trials).where(mine).order_by(trials.c.number)).mappings()
                ]
                if [t.proposal for t in there] == list(proposals):
                    return there
            first = db.execute(
                sa.select(sa.func.coalesce(sa.func.max(trials.c.number), -1) + 1).where(
                    trials.c.study == lease.study
                )
            ).scalar_one()
            db.execute(
                trials.insert(),
                [
                    {
                        "study": lease.study,
                        "number": first + i,
                        "key": p.key,
                        "role": p.role,
                        "estimator": p.estimator,
                        "tau_f": p.tau_f,
                        "tau_b": p.tau_b,
                        "lr": p.lr,
                        "variant": p.variant,
                        "seeds": json.dumps(list(seeds)),
                        "state": "running",
                        "population": population,
                        "attempts": 1,
                        "started_at": _now(),
                        "metrics": "{}",
                    }
                    for i, p in enumerate(proposals)
                ],
            )
            rows = db.execute(
                sa.select(trials)
                .where(trials.c.study == lease.study, trials.c.number >= first)
                .order_by(trials.c.number)
            )
            return [trial_row(row) for row in rows.mappings()]

    @patient
    def continue_population(self, lease: Lease, population: str, numbers: Iterable[int]) -> list[TrialRow]:
        """Makes queued trials the running ones of a population."""
        waiting = (
            (trials.c.study == lease.study)
            & trials.c.number.in_(list(numbers))
            & (trials.c.state == "queued")
        )
        mine = (
            (trials.c.study == lease.study)
            & (trials.c.population == population)
            & (trials.c.state == "running")
        )
        with self._write() as db:
            self._fence(db, lease)
            db.execute(trials.update().where(waiting).values(state="running", population=population))
            return [
                trial_row(row)
                for row in db.execute(sa.select(trials).where(mine).order_by(trials.c.number)).mappings()
            ]

    def restart_population(self, lease: Lease, population: str) -> list[TrialRow]:
        """Counts another attempt for the unfinished trials of a population and returns them."""
        rows = [t for t in self.trials(lease.study) if t.population == population and t.state == "running"]
        return self._restart(lease, {t.id: t.attempts + 1 for t in rows})

    @patient
    def _restart(self, lease: Lease, attempts: Mapping[int, int]) -> list[TrialRow]:
        mine = trials.c.id.in_(list(attempts)) & (trials.c.state == "running")
        with self._write() as db:
            self._fence(db, lease)
            if attempts:
                counted = [{"the_id": trial_id, "attempts": n} for trial_id, n in attempts.items()]
                db.execute(trials.update().where(trials.c.id == sa.bindparam("the_id")), counted)
            return [
                trial_row(row)
                for row in db.execute(sa.select(trials).where(mine).order_by(trials.c.number)).mappings()
            ]

    @patient
    def record(
        self,
        lease: Lease,
        *,
        interval: int,
        epoch: float,
        training_s: float,
        rows: Mapping[int, Mapping[str, Sequence[float]]],
        final: bool,
        paused: bool = False,
    ) -> None:
        """Writes one report of a population: a measurement for each trial number, and the outcome of each if
        it is final.

        Where the population pauses, its trials are queued, but for those that have diverged: they have ended.
        An interval that is already there (a population that continued from an older checkpoint) is left as it
        is.
        """
        with self._write() as db:
            objective = self._fence(db, lease)["objective"]
            mine = (
                (trials.c.study == lease.study)
                & trials.c.number.in_(list(rows))
                & trials.c.state.not_in(TERMINAL_TRIAL_STATES)
            )
            number = {
                row.id: row.number for row in db.execute(sa.select(trials.c.id, trials.c.number).where(mine))
            }
            known = (measurements.c.trial_id.in_(list(number))) & (measurements.c.interval == interval)
            have = set(db.execute(sa.select(measurements.c.trial_id).where(known)).scalars())
            now = _now()
            fresh, outcomes = [], []
            for trial_id in number:
                metrics = {
                    name: [_finite(v) for v in values] for name, values in rows[number[trial_id]].items()
                }
                encoded = json.dumps(metrics)
                if trial_id not in have:
                    row = {"study": lease.study, "trial_id": trial_id, "interval": interval, "epoch": epoch}
                    fresh.append(row | {"recorded_at": now, "metrics": encoded})
                ended = _outcome(metrics[objective]) | {"finished_at": now} if final or paused else {}
                if paused and ended["state"] == "succeeded":
                    ended = {"state": "queued", "reason": None, "objective": None, "finished_at": None}
                ended |= {"source": None} if paused else {}
                trained = {"so_far": interval, "epoch_so_far": epoch}
                outcomes.append({"the_id": trial_id, "metrics": encoded} | trained | ended)
            if fresh:
                db.execute(measurements.insert(), fresh)
                # Here, so that a report that is written again counts its time once.
                self._fence(db, lease, training_s=studies.c.training_s + training_s)
            if outcomes:
                # A population that starts anew has been further before.
                further = [(trials.c.intervals, "so_far"), (trials.c.epoch, "epoch_so_far")]
                most = {c.name: sa.case((c > sa.bindparam(p), c), else_=sa.bindparam(p)) for c, p in further}
                db.execute(
                    trials.update().where(trials.c.id == sa.bindparam("the_id")).values(**most), outcomes
                )

    @patient
    def decide(self, lease: Lease, go_on: Iterable[Continuation], stop: Mapping[int, str]) -> None:
        """What becomes of queued trials: some go on, some end, {number: why}. It is there as a whole or not
        at all.
        """
        going = [
            {
                "n": c.number,
                "source": c.source,
                "tau_f": c.proposal.tau_f,
                "tau_b": c.proposal.tau_b,
                "lr": c.proposal.lr,
                "variant": c.proposal.variant,
            }
            for c in go_on
        ]
        ending = [
            {"n": n, "state": "stopped", "reason": why, "finished_at": _now()} for n, why in stop.items()
        ]
        waiting = (trials.c.study == lease.study) & (trials.c.state == "queued")
        with self._write() as db:
            self._fence(db, lease)
            for values in (going, ending):
                if values:
                    db.execute(trials.update().where(waiting, trials.c.number == sa.bindparam("n")), values)

    @patient
    def fail(self, lease: Lease, numbers: Iterable[int], reason: str) -> None:
        """Marks unfinished trials as failed, with the reason in one sentence."""
        with self._write() as db:
            self._fence(db, lease)
            unfinished = trials.c.state.not_in(TERMINAL_TRIAL_STATES)
            db.execute(
                trials.update()
                .where(trials.c.study == lease.study, trials.c.number.in_(list(numbers)), unfinished)
                .values(state="failed", reason=reason, finished_at=_now())
            )

    # --- measurements ---

    @patient
    def measurements(self, study: str, *, after: int = 0, limit: int | None = None) -> list[Measurement]:
        """Measurements of a study whose id is above `after`, in the order of their ids."""
        query = sa.select(measurements).where(measurements.c.study == study, measurements.c.id > after)
        with self._read() as db:
            rows = db.execute(query.order_by(measurements.c.id).limit(limit)).mappings()
            return [measurement_row(row) for row in rows]

    def stream(self, study: str) -> Iterator[Measurement]:
        """All measurements of a study in the order of their ids, page by page: there may be more than fit the
        memory.
        """
        after = 0
        while page := self.measurements(study, after=after, limit=_PAGE):
            yield from page
            after = page[-1].id

    # --- the projection into MLflow: its cursor, and which trials' runs are closed ---

    @patient
    def projection(self, study: str) -> tuple[int, set[int]]:
        """The id of the last measurement that MLflow has, and the ids of the trials that have ended, but not
        their runs there.
        """
        unseen = (
            (trials.c.study == study) & trials.c.state.in_(TERMINAL_TRIAL_STATES) & ~trials.c.mlflow_closed
        )
        with self._read() as db:
            cursor = db.execute(sa.select(studies.c.mlflow_cursor).where(studies.c.id == study)).scalar_one()
            return cursor, set(db.execute(sa.select(trials.c.id).where(unseen)).scalars())

    @patient
    def set_projection(
        self, study: str, *, cursor: int | None = None, closed: Iterable[int] = (), run: str | None = None
    ) -> None:
        """Moves the cursor, marks runs as ended, notes which run is the study's: experiment/run."""
        with self._write() as db:
            if run is not None:
                values = {"mlflow_run": run, "revision": studies.c.revision + 1}
                db.execute(studies.update().where(studies.c.id == study).values(**values))
            if cursor is not None:
                db.execute(studies.update().where(studies.c.id == study).values(mlflow_cursor=cursor))
            if ids := list(closed):
                db.execute(trials.update().where(trials.c.id.in_(ids)).values(mlflow_closed=True))

    @patient
    def reset_projection(self, study: str) -> None:
        """Forgets what MLflow has, so that everything is sent again."""
        with self._write() as db:
            db.execute(studies.update().where(studies.c.id == study).values(mlflow_cursor=0))
            db.execute(trials.update().where(trials.c.study == study).values(mlflow_closed=False))

    # --- within ---

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with self._sentences(), self.engine.connect() as db:
            yield db

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        with self._sentences(), self.engine.execution_options(writing=True).begin() as db:
            yield db

    reading, writing = _read, _write  # for the ledger's other files: queue.py, catalogue.py, keys.py

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except (OperationalError, InterfaceError) as error:
            kind = LedgerAwayError if is_away(error) else LedgerError
            raise kind(f"the ledger {without_password(self.url)} failed: {said(error)}") from error

    def _fence(self, db: Connection, lease: Lease, **values: Any) -> RowMapping:
        """Updates the study's row in the name of a lease and returns it; the row stays locked until the
        transaction ends.
        """
        mine = (
            (studies.c.id == lease.study)
            & (studies.c.fence == lease.fence)
            & (studies.c.lease_until.is_not(None))
        )
        done = db.execute(
            studies.update().where(mine).values(**({"revision": studies.c.revision + 1} | values))
        )
        if done.rowcount != 1:
            raise LeaseLostError(f"study {lease.study} was taken over by another driver")
        return db.execute(sa.select(studies).where(studies.c.id == lease.study)).mappings().one()


def insert_study(
    db: Connection,
    *,
    name: str,
    task: str,
    spec: Mapping[str, Any],
    objective: str,
    direction: str,
    **more: Any,
) -> str:
    """Adds a study in state queued, with what else its row is to have, and returns its id."""
    study = secrets.token_hex(5)
    db.execute(
        studies.insert().values(
            id=study, name=name, task=task, spec=json.dumps(spec), objective=objective, direction=direction,
            state="queued", created_at=_now(), training_s=0.0, host="{}", fence=0, **more,
        )
    )  # fmt: skip
    return study


def _outcome(objective: list[float | None]) -> dict[str, Any]:
    bad = sum(v is None for v in objective)
    reason = f"the objective is not finite for {bad} of {len(objective)} seeds" if bad else None
    return {"state": "diverged" if bad else "succeeded", "reason": reason, "objective": json.dumps(objective)}


def _finite(value: float) -> float | None:
    """JSON has no NaN; a value that is not finite is null."""
    return value if math.isfinite(value) else None


def _now() -> datetime:
    return datetime.now(UTC)
