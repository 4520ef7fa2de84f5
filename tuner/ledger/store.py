"""The ledger: the one truth about studies, trials and measurements.

SQLAlchemy 2 over SQLite (WAL) or PostgreSQL, migrated by Alembic. A report of a population is one
transaction. A study has one driver, which holds its lease (lease.py): every write of a driver checks it
first. A driver waits for a database that is away (retry.py).
"""

import json
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
from tuner.ledger.new_study import insert_study
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

PAGE = 1000  # measurements that `stream` reads at once


class Ledger:
    """Studies, trials and measurements in one database.

    Every method raises LedgerError where the database fails; where it cannot be reached, that is a
    LedgerAwayError. A method that takes a lease raises LeaseLostError where another driver has taken the
    study over, and then writes nothing.
    """

    def __init__(self, url: str) -> None:
        """Opens the database, creating and migrating it as needed. Raises UserError where that cannot be."""
        self.url = url
        self.engine = open_database(url)
        # Seconds for which the methods marked as retried wait for a database that cannot be reached
        # (retry.py). With 0, as a command has it, they fail at once; a driver sets more.
        self.patience_s = 0.0

    def close(self) -> None:
        """Closes the connections to the database."""
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
        except (DatabaseError, InterfaceError) as error:  # connection lost, locked, disk full, damaged file
            if isinstance(error, IntegrityError | ProgrammingError | DataError | NotSupportedError):
                raise  # the statement was wrong, not the database
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
        """Adds a study in state queued and returns its id; the arguments are those of `insert_study`."""
        with self.writing() as db:
            return insert_study(
                db, name=name, task=task, spec=spec, objective=objective, direction=direction, metrics=metrics
            )

    @retried
    def study(self, study_id: str) -> StudyRow:
        """The study with an id. Raises StudyNotFoundError."""
        with self.reading() as db:
            query = sa.select(studies, expired(db)).where(studies.c.id == study_id)
            row = db.execute(query).mappings().first()
        if row is None:
            raise StudyNotFoundError(
                f"there is no study {study_id!r} in the ledger; `tuner list` shows those there are"
            )
        return study_row(row)

    def find_study(self, name: str) -> StudyRow:
        """A study by its id, a unique prefix of it, or "latest". Raises StudyNotFoundError, or UserError
        where several have that prefix.
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
        """The newest studies, newest first: at most `limit`, or all where that is None."""
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
        """Takes the lease of a study that nobody drives, and sets the study running.

        Arguments and errors are those of `lease.take`; callers of this and other methods that are retried do
        not give the attempt.
        """
        with self.writing() as db:
            return take(db, study_id, host, job=job, repeated=attempt.repeated)

    def renew(self, lease: Lease, ran_s: float = 0.0) -> None:
        """Keeps the lease for another LEASE_S seconds, and adds `ran_s`, the seconds that the driver has run
        since its last renewal, to the study's running time. Not retried: the driver renews again in a few
        seconds anyway.
        """
        with self.writing() as db:
            renew(db, lease, ran_s)

    @retried_with_attempt
    def release(self, attempt: Attempt, lease: Lease, state: StudyState, reason: str | None = None) -> None:
        """Gives the lease back.

        Args:
            lease: the driver's.
            state: in which the study ends or, with interrupted, pauses.
            reason: of that state, one sentence; None where there is nothing to tell.
        """
        with self.writing() as db:
            if attempt.repeated and given_back(db, lease, state):
                return
            ended = {"finished_at": datetime.now(UTC)} if state in TERMINAL_STUDY_STATES else {}
            hold(db, lease, state=state, reason=reason, lease_until=None, **ended)

    @retried
    def note_material(self, lease: Lease, material: Mapping[str, str]) -> None:
        """Keeps what the study's trials are made from, {what: which}, for later drivers
        (driver/material.py).
        """
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
        """Trials of a study, in the order of their numbers.

        Args:
            study_id: the study.
            ids: only trials with these ids; None for any.
            numbers: only trials with these numbers, and those numbered above `above`; None for any.
            above: see `numbers`; without these it has no effect.
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
        """Adds proposals as running trials of a population, and returns their rows.

        Args:
            lease: the driver's.
            population: the population's name.
            proposals: the configurations, in the order of the numbers that they get.
            seeds: those that each of them is trained on.

        Raises sqlalchemy's IntegrityError for a proposal that the study already has.
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
        """Sets queued trials, by their numbers, running as a population; returns its running trials."""
        of_study = trials.c.study == lease.study_id
        queued = of_study & trials.c.number.in_(list(numbers)) & (trials.c.state == TrialState.QUEUED)
        running = of_study & (trials.c.population == population) & (trials.c.state == TrialState.RUNNING)
        with self.writing() as db:
            hold(db, lease)
            db.execute(trials.update().where(queued).values(state=TrialState.RUNNING, population=population))
            return _select_trials(db, running)

    def restart_population(self, lease: Lease, population: str) -> list[TrialRow]:
        """Counts one more attempt for each running trial of a population, and returns these trials."""
        mine = [t for t in self.trials(lease.study_id) if t.population == population]
        rows = [t for t in mine if t.state is TrialState.RUNNING]
        return self._set_attempts(lease, {t.id: t.attempts + 1 for t in rows})

    @retried
    def _set_attempts(self, lease: Lease, attempts: Mapping[int, int]) -> list[TrialRow]:
        """Sets how often trials were started, {id: times}, and returns those that are running. It takes the
        number and not "one more", which a retry could count twice.
        """
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
        """Writes one report of a population: a measurement of each trial and, if the report is final, each
        trial's outcome.

        A report that is already in the ledger, because the population went on from an older checkpoint, is
        left as it is, and its training time is not counted again.

        Args:
            lease: the driver's.
            interval: number of the report, from 1.
            epoch: training done so far, in epochs.
            training_s: seconds that the population trained since its last report.
            rows: {trial number: {metric: value per seed}}.
            final: whether the trials have ended.
            paused: whether the trials pause at a rung: they become queued, but for those that have diverged,
                which have ended.
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
        """Writes a strategy's decision on trials that are queued at a rung, all of it in one transaction.

        Args:
            lease: the driver's.
            go_on: the trials that are trained further.
            stop: the trials that end here, {number: why, in one sentence}.
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
        """The first `limit` measurements of a study with ids above `after`, by id; None: all of them."""
        query = sa.select(measurements).where(measurements.c.study == study_id, measurements.c.id > after)
        with self.reading() as db:
            rows = db.execute(query.order_by(measurements.c.id).limit(limit)).mappings()
            return [measurement_row(row) for row in rows]

    def stream(self, study_id: str) -> Iterator[Measurement]:
        """All measurements of a study by id, in pages because there may be more than fit into memory."""
        after = 0
        while page := self.measurements(study_id, after=after, limit=PAGE):
            yield from page
            after = page[-1].id


def _select_trials(db: Connection, chosen: sa.ColumnElement[bool]) -> list[TrialRow]:
    """The trials that a condition chooses, by number."""
    query = sa.select(trials).where(chosen).order_by(trials.c.number)
    return [trial_row(row) for row in db.execute(query).mappings()]
