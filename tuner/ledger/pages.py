"""Reading many studies and trials a page at a time, with what they have done so far counted by the
database.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tuner.ledger.database import clock
from tuner.ledger.lease import expired
from tuner.ledger.row_mapping import measurement_row, study_row, study_state, trial_row, utc
from tuner.ledger.rows import TERMINAL_STUDY_STATES, TERMINAL_TRIAL_STATES, Measurement, StudyRow, TrialRow
from tuner.ledger.store import Ledger
from tuner.ledger.tables import measurements, studies, trials

_VERSION = [studies.c[name] for name in ("id", "created_at", "revision", "state", "holder", "lease_until")]


@dataclass(frozen=True)
class Version:
    """A study in a page: which it is, and whether what was made of it still holds."""

    study: str
    created_at: datetime
    revision: int
    state: str


@dataclass(frozen=True)
class Done:
    """What a study has done so far."""

    trials: dict[tuple[str, str], int] = field(default_factory=dict)  # (state, role) -> how many
    intervals: dict[str, int] = field(
        default_factory=dict
    )  # role -> report intervals of its running trials, summed
    populations: int = 0  # that are training


@dataclass(frozen=True)
class Totals:
    """Of all studies."""

    studies: dict[str, int]  # state -> how many
    trials: int  # that have ended
    projector_lag: int  # measurements that MLflow does not have yet
    member_epochs_per_s: float  # over the last minute


class Catalogue:
    """Pages of a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def page(
        self,
        limit: int,
        *,
        after: tuple[datetime, str] | None = None,
        state: str | None = None,
        task: str | None = None,
        prefix: str | None = None,
        owner: str | None = None,
    ) -> list[Version]:
        """Studies, newest first; their rows are read by `studies`, which decodes the specs.

        Args:
            limit: at most so many.
            after: (created_at, id) of the last one of the page before.
            state: only those in it.
            task: only those of it.
            prefix: only those whose id begins so: hexadecimal digits.
            owner: only those of this key.
        """
        with self._ledger.reading() as db:
            query = (
                sa.select(*_VERSION, expired(db))
                .order_by(studies.c.created_at.desc(), studies.c.id.desc())
                .limit(limit)
            )
            if after is not None:
                then, last = after
                older = (studies.c.created_at < then) | (
                    (studies.c.created_at == then) & (studies.c.id < last)
                )
                query = query.where(older)
            if state is not None:
                over = sa.func.coalesce(studies.c.lease_until, 0.0) < clock(db)
                lost = (studies.c.state == "running") & over
                if state == "interrupted":
                    query = query.where((studies.c.state == state) | lost)
                else:
                    query = query.where(studies.c.state == state, ~lost)
            for column, value in ((studies.c.task, task), (studies.c.owner, owner)):
                if value is not None:
                    query = query.where(column == value)
            if prefix is not None:
                query = query.where(studies.c.id.startswith(prefix, autoescape=True))
            return [
                Version(r["id"], utc(r["created_at"]), r["revision"], study_state(r))
                for r in db.execute(query).mappings()
            ]

    def studies(self, ids: Iterable[str]) -> list[StudyRow]:
        """These studies, in no order; one that is not there any more is left out."""
        with self._ledger.reading() as db:
            query = sa.select(studies, expired(db)).where(studies.c.id.in_(list(ids)))
            return [study_row(row) for row in db.execute(query).mappings()]

    def trials(self, study: str, limit: int, *, after: int = -1, state: str | None = None) -> list[TrialRow]:
        """Trials of a study by number, those after a number."""
        query = (
            sa.select(trials)
            .where(trials.c.study == study, trials.c.number > after)
            .order_by(trials.c.number)
        )
        if state is not None:
            query = query.where(trials.c.state == state)
        with self._ledger.reading() as db:
            return [trial_row(row) for row in db.execute(query.limit(limit)).mappings()]

    def done(self, of: Iterable[str]) -> dict[str, Done]:
        """What each of these studies has done so far."""
        ids = list(of)
        counts: dict[str, dict[tuple[str, str], int]] = defaultdict(dict)
        intervals: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        populations: dict[str, set[str]] = defaultdict(set)
        by_state = sa.select(trials.c.study, trials.c.state, trials.c.role, sa.func.count()).where(
            trials.c.study.in_(ids)
        )
        running = (
            sa.select(
                trials.c.study, trials.c.role, trials.c.population, sa.func.max(measurements.c.interval)
            )
            .outerjoin(measurements, measurements.c.trial_id == trials.c.id)
            .where(trials.c.study.in_(ids), trials.c.state == "running")
            .group_by(trials.c.id, trials.c.study, trials.c.role, trials.c.population)
        )
        with self._ledger.reading() as db:
            for study, state, role, count in db.execute(
                by_state.group_by(trials.c.study, trials.c.state, trials.c.role)
            ):
                counts[study][state, role] = count
            for study, role, population, interval in db.execute(running):
                intervals[study][role] += interval or 0
                populations[study].add(population)
        return {study: Done(counts[study], dict(intervals[study]), len(populations[study])) for study in ids}

    def position(self, study: StudyRow) -> int:
        """The place of a queued study among those that wait, from 1."""
        earlier = (
            (studies.c.created_at < study.created_at)
            & (studies.c.state == "queued")
            & studies.c.job.is_(None)
        )
        with self._ledger.reading() as db:
            return 1 + db.execute(sa.select(sa.func.count()).select_from(studies).where(earlier)).scalar_one()

    def totals(self) -> Totals:
        """What is true of all studies together, now."""
        with self._ledger.reading() as db:
            over = sa.func.coalesce(studies.c.lease_until, 0.0) < clock(db)
            state = sa.case(((studies.c.state == "running") & over, "interrupted"), else_=studies.c.state)
            by_state = db.execute(sa.select(state, sa.func.count()).group_by(state))
            ended = (
                sa.select(sa.func.count())
                .select_from(trials)
                .where(trials.c.state.in_(TERMINAL_TRIAL_STATES))
            )
            behind = (measurements.c.id > studies.c.mlflow_cursor) & studies.c.mlflow_run.is_not(None)
            lag = sa.select(sa.func.count()).select_from(
                measurements.join(studies, measurements.c.study == studies.c.id)
            )
            return Totals(
                {row[0]: row[1] for row in by_state},
                db.execute(ended).scalar_one(),
                db.execute(lag.where(behind)).scalar_one(),
                self._pace(db),
            )

    def _pace(self, db: Connection) -> float:
        """Member-epochs a second over the last minute."""
        since = datetime.now(UTC) - timedelta(seconds=60)
        earlier = measurements.alias()
        before = (
            sa.select(sa.func.max(earlier.c.epoch))
            .where(
                earlier.c.trial_id == measurements.c.trial_id, earlier.c.interval < measurements.c.interval
            )
            .correlate(measurements)
            .scalar_subquery()
        )
        recent = (
            sa.select(measurements.c.epoch, before.label("before"), trials.c.seeds)
            .join(trials, measurements.c.trial_id == trials.c.id)
            .where(measurements.c.recorded_at > since, trials.c.started_at.is_not(None))
        )
        return (
            sum(
                float(epoch - (last or 0.0)) * len(json.loads(seeds))
                for epoch, last, seeds in db.execute(recent)
            )
            / 60
        )

    def unprojected(self, limit: int) -> list[str]:
        """Studies of the service that have ended, and are not all in MLflow; the one that ended first,
        first.
        """
        unsent = trials.c.state.in_(TERMINAL_TRIAL_STATES) & ~trials.c.mlflow_closed
        left = sa.exists().where(trials.c.study == studies.c.id, unsent)
        ended = studies.c.service & studies.c.state.in_(TERMINAL_STUDY_STATES) & studies.c.job.is_(None)
        with self._ledger.reading() as db:
            query = sa.select(studies.c.id).where(ended, left).order_by(studies.c.finished_at).limit(limit)
            return list(db.execute(query).scalars())

    def curves(self, study: str, numbers: Iterable[int]) -> dict[int, list[Measurement]]:
        """The measurements of some trials: number -> by interval. Trials that are not there are left out."""
        wanted = (trials.c.study == study) & trials.c.number.in_(list(numbers))
        query = (
            sa.select(measurements, trials.c.number)
            .join(trials, measurements.c.trial_id == trials.c.id)
            .where(wanted)
        )
        found: dict[int, list[Measurement]] = defaultdict(list)
        with self._ledger.reading() as db:
            for row in db.execute(query.order_by(trials.c.number, measurements.c.interval)).mappings():
                found[row["number"]].append(measurement_row(row))
        return dict(found)
