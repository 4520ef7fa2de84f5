"""Reads many studies and trials a page at a time, and has the database count how far studies are.

The service answers from here, so that its work does not grow with the number of studies in the ledger.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from tuner.ledger.lease import expired
from tuner.ledger.row_mapping import measurement_row, study_row, study_state, trial_row, utc
from tuner.ledger.rows import WITH_STUDY, Measurement, Role, StudyRow, StudyState, TrialRow, TrialState
from tuner.ledger.store import Ledger
from tuner.ledger.tables import measurements, studies, trials

_REVISION = [studies.c[name] for name in ("id", "created_at", "revision", "state", "holder", "lease_until")]


@dataclass(frozen=True)
class StudyRevision:
    """Which study it is and at which revision, without its content. An answer that was made from a study is
    valid as long as the study's revision and state are the same.
    """

    study_id: str
    created_at: datetime
    revision: int
    state: StudyState


@dataclass(frozen=True)
class PopulationAtWork:
    """A population that is being trained, and how far it is."""

    roles: tuple[Role, ...]  # of its running trials
    trials: int  # how many of its trials are running
    first: int  # lowest number among them
    last: int  # highest number among them
    interval: int  # reports so far, of the trial that has most

    def joined(self, other: "PopulationAtWork") -> "PopulationAtWork":
        """The population with the trials of `other`, which are those of another role in the same
        population.
        """
        return PopulationAtWork(
            roles=self.roles + other.roles,
            trials=self.trials + other.trials,
            first=min(self.first, other.first),
            last=max(self.last, other.last),
            interval=max(self.interval, other.interval),
        )


@dataclass(frozen=True)
class WorkDone:
    """How far a study is."""

    trials: dict[tuple[TrialState, Role], int] = field(default_factory=dict)  # (state, role) -> how many
    # role -> report intervals that its running trials have been trained for, summed over the trials
    intervals: dict[Role, int] = field(default_factory=dict)
    populations: tuple[PopulationAtWork, ...] = ()


class Pages:
    """Pages of a ledger's studies and trials."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def page(
        self,
        limit: int,
        *,
        after: tuple[datetime, str] | None = None,
        state: StudyState | None = None,
        task: str | None = None,
        prefix: str | None = None,
        text: str | None = None,
        owner: str | None = None,
    ) -> list[StudyRevision]:
        """A page of studies, newest first, without their content, which `studies` reads.

        Args:
            limit: the largest number of studies.
            after: (created_at, id) of the last study of the page before; None for the first page.
            state: only studies in this state.
            task: only studies of this task.
            prefix: only studies whose id begins with it.
            text: only studies that have it in their name, id, task, tags or comment, or whose dataset begins
                with it. Upper and lower case are the same.
            owner: only studies of this owner of API keys; None for those of all.
        """
        with self._ledger.reading() as db:
            lease_expired = expired(db)
            query = (
                sa.select(*_REVISION, lease_expired)
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
                lost = (studies.c.state == StudyState.RUNNING) & lease_expired.element
                if state == StudyState.INTERRUPTED:
                    query = query.where((studies.c.state == state) | lost)
                else:
                    query = query.where(studies.c.state == state, ~lost)
            for column, value in ((studies.c.task, task), (studies.c.owner, owner)):
                if value is not None:
                    query = query.where(column == value)
            if prefix is not None:
                query = query.where(studies.c.id.startswith(prefix, autoescape=True))
            if text is not None:
                query = query.where(_has(text))
            return [
                StudyRevision(r["id"], utc(r["created_at"]), r["revision"], study_state(r))
                for r in db.execute(query).mappings()
            ]

    def studies(self, ids: Iterable[str]) -> list[StudyRow]:
        """The studies with these ids, in any order; one that has been deleted is left out."""
        with self._ledger.reading() as db:
            query = sa.select(studies, expired(db)).where(studies.c.id.in_(list(ids)))
            return [study_row(row) for row in db.execute(query).mappings()]

    def trials(
        self, study_id: str, limit: int, *, after: int = -1, state: TrialState | None = None
    ) -> list[TrialRow]:
        """A page of a study's trials in the order of their numbers: at most `limit`, with numbers above
        `after`, and only those in `state` where one is given.
        """
        query = (
            sa.select(trials)
            .where(trials.c.study == study_id, trials.c.number > after)
            .order_by(trials.c.number)
        )
        if state is not None:
            query = query.where(trials.c.state == state)
        with self._ledger.reading() as db:
            return [trial_row(row) for row in db.execute(query.limit(limit)).mappings()]

    def trial(self, study_id: str, number: int) -> TrialRow | None:
        """The trial of a study with that number; None where there is none."""
        found = self.trials(study_id, 1, after=number - 1)
        return found[0] if found and found[0].number == number else None

    def repeated(self, study_id: str, trial: TrialRow) -> list[TrialRow]:
        """The other trials of a study with the same configuration as `trial`, in the order of their numbers.
        The database selects most of them, because a study may have 10,000 trials.
        """
        c, same = trials.c, trial.method
        alike = [
            c.study == study_id, c.number != trial.number, c.lr == same.lr,
            c.tau_f.is_not_distinct_from(same.tau_f), c.tau_b.is_not_distinct_from(same.tau_b),
        ]  # fmt: skip
        with self._ledger.reading() as db:
            rows = db.execute(sa.select(trials).where(*alike).order_by(c.number)).mappings()
            return [found for found in map(trial_row, rows) if found.method == same]

    def count(self, study_id: str) -> int:
        """How many trials a study has."""
        query = sa.select(sa.func.count()).select_from(trials).where(trials.c.study == study_id)
        with self._ledger.reading() as db:
            return int(db.execute(query).scalar_one())

    def work_done(self, study_ids: Iterable[str]) -> dict[str, WorkDone]:
        """How far each of these studies is, {id: work}."""
        ids = list(study_ids)
        counts: dict[str, dict[tuple[TrialState, Role], int]] = defaultdict(dict)
        intervals: dict[str, dict[Role, int]] = defaultdict(lambda: defaultdict(int))
        at_work: dict[str, dict[str, PopulationAtWork]] = defaultdict(dict)
        by_state = (
            sa.select(trials.c.study, trials.c.state, trials.c.role, sa.func.count())
            .where(trials.c.study.in_(ids))
            .group_by(trials.c.study, trials.c.state, trials.c.role)
        )
        interval = sa.func.coalesce(sa.func.max(measurements.c.interval), 0).label("interval")
        running = (
            sa.select(trials.c.study, trials.c.role, trials.c.population, trials.c.number, interval)
            .outerjoin(measurements, measurements.c.trial_id == trials.c.id)
            .where(trials.c.study.in_(ids), trials.c.state == TrialState.RUNNING)
            .group_by(trials.c.id, trials.c.study, trials.c.role, trials.c.population, trials.c.number)
            .subquery()
        )
        r = running.c
        populations = sa.select(
            r.study, r.population, r.role, sa.func.count(), sa.func.min(r.number), sa.func.max(r.number),
            sa.func.max(r.interval), sa.func.sum(r.interval),
        ).group_by(r.study, r.population, r.role).order_by(sa.func.min(r.number))  # fmt: skip
        with self._ledger.reading() as db:
            for study_id, state, role, count in db.execute(by_state):
                counts[study_id][TrialState(state), Role(role)] = count
            for study_id, name, role, count, first, last, furthest, total in db.execute(populations):
                population = PopulationAtWork((Role(role),), count, first, last, furthest)
                before = at_work[study_id].get(name)
                at_work[study_id][name] = before.joined(population) if before else population
                intervals[study_id][Role(role)] += int(total)
        return {
            study_id: WorkDone(counts[study_id], dict(intervals[study_id]), tuple(at_work[study_id].values()))
            for study_id in ids
        }

    def common_interval(self, study_id: str, least: int) -> int | None:
        """The last report that all unfinished trials of the search have, so that they can be compared at it.

        Unfinished are those that run or are queued, and those that were stopped because their study was.
        Trials without a report are left out and, if other trials of the search have ended, also those with
        fewer than `least` reports. None where no trial is left.
        """
        c = trials.c
        search = (c.study == study_id) & (c.role == Role.SEARCH)
        cancelled = (c.state == TrialState.STOPPED) & c.reason.in_(WITH_STUDY)
        under_way = c.state.in_([TrialState.RUNNING, TrialState.QUEUED]) | cancelled
        fewest = sa.select(sa.func.min(c.intervals)).where(search, under_way, c.intervals > 0)
        ended = sa.select(sa.func.count()).where(search, c.objective.is_not(None))
        with self._ledger.reading() as db:
            if db.execute(ended).scalar_one():
                fewest = fewest.where(c.intervals >= least)
            reached: int | None = db.execute(fewest).scalar_one()
            return reached

    def at_interval(self, study_id: str, interval: int) -> dict[int, Measurement]:
        """The measurements of a study at one report, {id of the trial: measurement}."""
        wanted = (measurements.c.study == study_id) & (measurements.c.interval == interval)
        with self._ledger.reading() as db:
            rows = db.execute(sa.select(measurements).where(wanted)).mappings()
            return {row["trial_id"]: measurement_row(row) for row in rows}

    def curves(self, study_id: str, numbers: Iterable[int]) -> dict[int, list[Measurement]]:
        """The measurements of trials, {number: those of the trial in the order of its reports}. Trials
        without a measurement are left out.
        """
        wanted = (trials.c.study == study_id) & trials.c.number.in_(list(numbers))
        query = (
            sa.select(measurements, trials.c.number)
            .join(trials, measurements.c.trial_id == trials.c.id)
            .where(wanted)
            .order_by(trials.c.number, measurements.c.interval)
        )
        curves: dict[int, list[Measurement]] = defaultdict(list)
        with self._ledger.reading() as db:
            for row in db.execute(query).mappings():
                curves[row["number"]].append(measurement_row(row))
        return dict(curves)


def _has(text: str) -> sa.ColumnElement[bool]:
    """Whether a study has a text in what a list shows of it: see `Pages.page`."""
    dataset = sa.func.lower(studies.c.spec).contains(f'"dataset": "{text.lower()}', autoescape=True)
    named = [
        sa.func.lower(column).contains(text.lower(), autoescape=True)
        for column in (studies.c.name, studies.c.id, studies.c.task, studies.c.comment)
    ]
    # Tags are kept as JSON, ["a", "b"]: its brackets, quotes and commas are in nobody's tag.
    inside = sa.func.substr(studies.c.tags, 3, sa.func.length(studies.c.tags) - 4)
    tags = sa.case((studies.c.tags == "[]", ""), else_=sa.func.replace(inside, '", "', "\n"))
    tagged = sa.func.lower(tags).contains(json.dumps(text.lower(), ensure_ascii=False)[1:-1], autoescape=True)
    return sa.or_(dataset, tagged, *named)
