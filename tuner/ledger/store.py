"""The ledger: the one truth about studies, trials and measurements.

SQLAlchemy 2 over SQLite (WAL) or PostgreSQL, migrated by Alembic. A report of a population is one
transaction. A study has one driver, which holds its lease (lease.py): every write of a driver checks it
first. A driver waits for a database that is away (retry.py).
"""

import json
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import (
    DatabaseError,
    DataError,
    IntegrityError,
    InterfaceError,
    NotSupportedError,
    ProgrammingError,
)

from tuner.errors import LedgerAwayError, LedgerError, StudyNotFoundError, UserError
from tuner.ledger.database import is_away, message_of, open_database, without_password
from tuner.ledger.lease import Lease, expired, given_back, hold, renew, take
from tuner.ledger.reports import write_report
from tuner.ledger.retry import Attempt, retried, retried_with_attempt
from tuner.ledger.row_mapping import measurement_row, study_row, trial_row
from tuner.ledger.rows import (
    TERMINAL_STUDY_STATES,
    TERMINAL_TRIAL_STATES,
    Continuation,
    Measurement,
    Proposal,
    StudyRow,
    StudyState,
    TrialRow,
    TrialState,
)
from tuner.ledger.tables import measurements, studies, trials

PAGE = 1000  # measurements that are read at once


class Ledger:
    """Studies, trials and measurements in one database."""

    def __init__(self, url: str) -> None:
        """Opens the database, creating and migrating it as needed. Raises UserError where that cannot be."""
        self.url = url
        self.engine = open_database(url)
        # How long a method waits for a database that is away. A command does not wait; a driver sets it.
        self.patience_s = 0.0

    def close(self) -> None:
        """Returns the connections."""
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with. Raises LedgerError where the database fails."""
        with self._failures_as_sentences(), self.engine.connect() as db:
            yield db

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that writes: committed at the end of the block, rolled back where it raises. Raises
        LedgerError where the database fails.
        """
        with (
            self._failures_as_sentences(),
            self.engine.execution_options(writing=True).begin() as db,
        ):
            yield db

    @contextmanager
    def _failures_as_sentences(self) -> Iterator[None]:
        try:
            yield
        except (DatabaseError, InterfaceError) as error:  # OperationalError, or a file that is damaged
            if isinstance(error, IntegrityError | ProgrammingError | DataError | NotSupportedError):
                raise  # what was asked was wrong, not the database
            kind = LedgerAwayError if is_away(error) else LedgerError
            raise kind(f"the ledger {without_password(self.url)} failed: {message_of(error)}") from error
        except UnicodeEncodeError as error:
            raise UserError("text that is looked for or kept in the ledger must be text in UTF-8") from error

    # --- studies ---

    def create_study(
        self,
        *,
        name: str,
        task: str,
        spec: Mapping[str, Any],
        objective: str,
        direction: str,
        metrics: Mapping[str, Any] | None = None,
    ) -> str:
        """Adds a study in state queued and returns its id; `metrics` is what its task declares of them."""
        declared = None if metrics is None else json.dumps(metrics)
        with self.writing() as db:
            return insert_study(
                db, name=name, task=task, spec=spec, objective=objective, direction=direction,
                metrics=declared,
            )  # fmt: skip

    @retried
    def study(self, study_id: str) -> StudyRow:
        """A study by its id. Raises StudyNotFoundError."""
        with self.reading() as db:
            query = sa.select(studies, expired(db)).where(studies.c.id == study_id)
            row = db.execute(query).mappings().first()
        if row is None:
            raise StudyNotFoundError(
                f"there is no study {study_id!r} in the ledger; `tuner list` shows those there are"
            )
        return study_row(row)

    def find_study(self, name: str) -> StudyRow:
        """A study by its id, a unique prefix of it, or "latest". Raises StudyNotFoundError, or
        UserError where several have that prefix.
        """
        query = sa.select(studies.c.id).order_by(studies.c.created_at.desc(), studies.c.id)
        if name != "latest":
            query = query.where(studies.c.id.startswith(name, autoescape=True))
        with self.reading() as db:
            ids = list(db.execute(query.limit(3)).scalars())
        if not ids:
            raise StudyNotFoundError(
                "there is no study yet; `tuner run sbn-digits` makes one"
                if name == "latest"
                else f"there is no study {name!r} in the ledger; `tuner list` shows those there are"
            )
        if name != "latest" and len(ids) > 1 and name not in ids:
            raise UserError(
                f"{name!r} is the beginning of several studies ({', '.join(ids)}, ...); give more of the id"
            )
        return self.study(ids[0])

    def list_studies(self, limit: int | None = 100) -> list[StudyRow]:
        """Studies, newest first; None for all of them."""
        with self.reading() as db:
            rows = db.execute(
                sa.select(studies, expired(db))
                .order_by(studies.c.created_at.desc(), studies.c.id)
                .limit(limit)
            )
            return [study_row(row) for row in rows.mappings()]

    # --- the driver's lease ---

    @retried_with_attempt
    def acquire(
        self, attempt: Attempt, study_id: str, host: Mapping[str, Any], *, job: str | None = None
    ) -> Lease:
        """Takes the lease of a study that nobody drives, and sets it running; `job` is the Ray job that does.

        Raises UserError where another driver holds it, another job is to run it, or the study has ended.
        """
        with self.writing() as db:
            return take(db, study_id, host, job=job, repeated=attempt.repeated)

    def renew(self, lease: Lease, ran_s: float = 0.0) -> None:
        """Keeps the lease for another LEASE_S; the driver has run for `ran_s` since it did so last. Not
        retried: the driver renews again in a few seconds anyway. Raises LeaseLostError.
        """
        with self.writing() as db:
            renew(db, lease, ran_s)

    @retried_with_attempt
    def release(self, attempt: Attempt, lease: Lease, state: StudyState, reason: str | None = None) -> None:
        """Gives the lease back with the state that the study ends or pauses in. Raises LeaseLostError."""
        with self.writing() as db:
            if attempt.repeated and given_back(db, lease, state):
                return
            ended = {"finished_at": datetime.now(UTC)} if state in TERMINAL_STUDY_STATES else {}
            hold(db, lease, state=state, reason=reason, lease_until=None, **ended)

    @retried
    def note_material(self, lease: Lease, material: Mapping[str, str]) -> None:
        """Keeps what the study's trials are made from."""
        with self.writing() as db:
            hold(db, lease, material=json.dumps(material))

    # --- trials ---

    @retried
    def trials(
        self,
        study_id: str,
        *,
        ids: Iterable[int] | None = None,
        numbers: Iterable[int] | None = None,
        above: int = -1,
    ) -> list[TrialRow]:
        """The trials of a study by number: all, those with some ids, or those with some numbers and all above
        one.
        """
        chosen = trials.c.study == study_id
        if ids is not None:
            chosen &= trials.c.id.in_(list(ids))
        if numbers is not None:
            chosen &= trials.c.number.in_(list(numbers)) | (trials.c.number > above)
        with self.reading() as db:
            return _select_trials(db, chosen)

    @retried_with_attempt
    def start_population(
        self,
        attempt: Attempt,
        lease: Lease,
        population: str,
        proposals: Sequence[Proposal],
        seeds: Sequence[int],
    ) -> list[TrialRow]:
        """Adds the proposals as running trials of a population. A proposal that the study already has is an
        IntegrityError.
        """
        of_study = trials.c.study == lease.study_id
        with self.writing() as db:
            hold(db, lease)
            if attempt.repeated:
                added = _select_trials(db, of_study & (trials.c.population == population))
                if [t.proposal for t in added] == list(proposals):
                    return added
            last = sa.func.coalesce(sa.func.max(trials.c.number), -1)
            first = db.execute(sa.select(last + 1).where(of_study)).scalar_one()
            values = [
                {
                    "study": lease.study_id, "number": number, "key": p.key, "role": p.role,
                    "estimator": p.estimator, "tau_f": p.tau_f, "tau_b": p.tau_b, "lr": p.lr,
                    "variant": p.variant.text, "seeds": json.dumps(list(seeds)), "state": TrialState.RUNNING,
                    "population": population, "attempts": 1, "started_at": datetime.now(UTC),
                    "metrics": "{}", "look": p.look,
                }
                for number, p in enumerate(proposals, start=first)
            ]  # fmt: skip
            db.execute(trials.insert(), values)
            return _select_trials(db, of_study & (trials.c.number >= first))

    @retried
    def continue_population(self, lease: Lease, population: str, numbers: Iterable[int]) -> list[TrialRow]:
        """Makes queued trials the running ones of a population."""
        of_study = trials.c.study == lease.study_id
        queued = of_study & trials.c.number.in_(list(numbers)) & (trials.c.state == TrialState.QUEUED)
        running = of_study & (trials.c.population == population) & (trials.c.state == TrialState.RUNNING)
        with self.writing() as db:
            hold(db, lease)
            db.execute(trials.update().where(queued).values(state=TrialState.RUNNING, population=population))
            return _select_trials(db, running)

    def restart_population(self, lease: Lease, population: str) -> list[TrialRow]:
        """Counts another attempt for the unfinished trials of a population and returns them."""
        mine = [t for t in self.trials(lease.study_id) if t.population == population]
        rows = [t for t in mine if t.state is TrialState.RUNNING]
        return self._set_attempts(lease, {t.id: t.attempts + 1 for t in rows})

    @retried
    def _set_attempts(self, lease: Lease, attempts: Mapping[int, int]) -> list[TrialRow]:
        """Sets how often trials were started, {id: times}; "one more" would be counted twice by a retry."""
        with self.writing() as db:
            hold(db, lease)
            if attempts:
                values = [{"the_id": trial_id, "attempts": n} for trial_id, n in attempts.items()]
                db.execute(trials.update().where(trials.c.id == sa.bindparam("the_id")), values)
            return _select_trials(
                db, trials.c.id.in_(list(attempts)) & (trials.c.state == TrialState.RUNNING)
            )

    @retried
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
        An interval that is already in the ledger (the population continued from an older checkpoint) is left
        as it is, and its time is counted once.
        """
        with self.writing() as db:
            objective = hold(db, lease)["objective"]
            is_new = write_report(
                db, lease.study_id, objective, interval=interval, epoch=epoch, rows=rows, final=final,
                paused=paused,
            )  # fmt: skip
            if is_new:
                hold(db, lease, training_s=studies.c.training_s + training_s)

    @retried
    def decide(self, lease: Lease, go_on: Iterable[Continuation], stop: Mapping[int, str]) -> None:
        """What becomes of queued trials: some go on, some end, {number: why}. All of it is written, or
        nothing.
        """
        going = [
            {
                "n": c.number, "source": c.source, "tau_f": c.proposal.tau_f, "tau_b": c.proposal.tau_b,
                "lr": c.proposal.lr, "variant": c.proposal.variant.text,
            }
            for c in go_on
        ]  # fmt: skip
        now = datetime.now(UTC)
        stopped = {"state": TrialState.STOPPED, "finished_at": now}
        ending = [stopped | {"n": n, "reason": why} for n, why in stop.items()]
        queued = (trials.c.study == lease.study_id) & (trials.c.state == TrialState.QUEUED)
        with self.writing() as db:
            hold(db, lease)
            for values in (going, ending):
                if values:
                    db.execute(trials.update().where(queued, trials.c.number == sa.bindparam("n")), values)

    @retried
    def fail(self, lease: Lease, numbers: Iterable[int], reason: str) -> None:
        """Marks unfinished trials as failed, with the reason in one sentence."""
        unfinished = (
            (trials.c.study == lease.study_id)
            & trials.c.number.in_(list(numbers))
            & trials.c.state.not_in(TERMINAL_TRIAL_STATES)
        )
        with self.writing() as db:
            hold(db, lease)
            values = {"state": TrialState.FAILED, "reason": reason, "finished_at": datetime.now(UTC)}
            db.execute(trials.update().where(unfinished).values(**values))

    # --- measurements ---

    @retried
    def measurements(self, study_id: str, *, after: int = 0, limit: int | None = None) -> list[Measurement]:
        """Measurements of a study whose id is above `after`, in the order of their ids."""
        query = sa.select(measurements).where(measurements.c.study == study_id, measurements.c.id > after)
        with self.reading() as db:
            rows = db.execute(query.order_by(measurements.c.id).limit(limit)).mappings()
            return [measurement_row(row) for row in rows]

    def stream(self, study_id: str) -> Iterator[Measurement]:
        """All measurements of a study in the order of their ids, page by page: there may be more than fit the
        memory.
        """
        after = 0
        while page := self.measurements(study_id, after=after, limit=PAGE):
            yield from page
            after = page[-1].id


def insert_study(
    db: Connection,
    *,
    name: str,
    task: str,
    spec: Mapping[str, Any],
    objective: str,
    direction: str,
    **columns: Any,
) -> str:
    """Adds a study in state queued, with other columns of its row where given, and returns its id."""
    study_id = secrets.token_hex(5)
    db.execute(
        studies.insert().values(
            id=study_id, name=name, task=task, spec=json.dumps(spec), objective=objective,
            direction=direction, state=StudyState.QUEUED, created_at=datetime.now(UTC), training_s=0.0,
            host="{}", fence=0, **columns,
        )
    )  # fmt: skip
    return study_id


def _select_trials(db: Connection, chosen: sa.ColumnElement[bool]) -> list[TrialRow]:
    """The trials that a condition chooses, by number."""
    query = sa.select(trials).where(chosen).order_by(trials.c.number)
    return [trial_row(row) for row in db.execute(query).mappings()]
