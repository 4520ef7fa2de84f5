"""Writes a population's report into the ledger: a measurement of each trial, and what each trial now is."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tuner.ledger.rows import SCORE, TERMINAL_TRIAL_STATES, TrialState
from tuner.ledger.tables import measurements, trials

LARGEST = 1e100  # a measurement beyond it counts as not finite; single precision ends at 3.4e38


def write_report(
    db: Connection,
    study_id: str,
    objective: str,
    *,
    interval: int,
    epoch: float,
    rows: Mapping[int, Mapping[str, Sequence[float]]],
    final: bool,
    paused: bool,
) -> bool:
    """Writes a report of a population's unfinished trials, and returns whether any measurement is new.

    Args:
        db: a transaction that writes.
        study_id: the study.
        objective: name of the metric by which a trial has succeeded or diverged; where the report has a
            metric SCORE, that one is taken.
        interval: number of the report, from 1.
        epoch: training done so far, in epochs.
        rows: {trial number: {metric: value per seed}}.
        final: whether the trials have ended.
        paused: whether the trials pause at a rung, where they wait for their strategy's decision; those that
            have diverged have ended.
    """
    unfinished = (
        (trials.c.study == study_id)
        & trials.c.number.in_(list(rows))
        & trials.c.state.not_in(TERMINAL_TRIAL_STATES)
    )
    chosen = db.execute(sa.select(trials.c.id, trials.c.number).where(unfinished)).all()
    # {id of the trial: {metric: value per seed}}
    metrics = {
        trial_id: {name: [_finite(v) for v in values] for name, values in rows[number].items()}
        for trial_id, number in chosen
    }
    is_new = _measure(db, study_id, interval, epoch, metrics)
    now = datetime.now(UTC)
    columns = [
        {"the_id": trial_id, "metrics": json.dumps(values), "the_interval": interval, "the_epoch": epoch}
        | (_ending(values.get(SCORE, values[objective]), now, paused=paused) if final or paused else {})
        for trial_id, values in metrics.items()
    ]
    if columns:
        # A population that went on from an older checkpoint reports less than it has reached before.
        reached = [(trials.c.intervals, "the_interval"), (trials.c.epoch, "the_epoch")]
        furthest = {c.name: sa.case((c > sa.bindparam(p), c), else_=sa.bindparam(p)) for c, p in reached}
        db.execute(trials.update().where(trials.c.id == sa.bindparam("the_id")).values(**furthest), columns)
    return is_new


def _measure(
    db: Connection, study_id: str, interval: int, epoch: float, metrics: Mapping[int, Mapping[str, Any]]
) -> bool:
    """Adds those of the measurements {id of the trial: metrics} that are not there yet, and returns whether
    there were any.
    """
    same = measurements.c.trial_id.in_(list(metrics)) & (measurements.c.interval == interval)
    measured = set(db.execute(sa.select(measurements.c.trial_id).where(same)).scalars())
    about = {"study": study_id, "interval": interval, "epoch": epoch, "recorded_at": datetime.now(UTC)}
    new = [
        about | {"trial_id": trial_id, "metrics": json.dumps(values)}
        for trial_id, values in metrics.items()
        if trial_id not in measured
    ]
    if new:
        db.execute(measurements.insert(), new)
    return bool(new)


def _ending(objective: list[float | None], now: datetime, *, paused: bool) -> dict[str, Any]:
    """The columns of a trial that has ended or paused, from its objective per seed."""
    bad = sum(v is None for v in objective)
    reason = f"the objective is not finite for {bad} of {len(objective)} seeds" if bad else None
    state = TrialState.DIVERGED if bad else TrialState.QUEUED if paused else TrialState.SUCCEEDED
    ended = state is not TrialState.QUEUED
    columns = {
        "state": state,
        "reason": reason,
        "objective": json.dumps(objective) if ended else None,
        "finished_at": now if ended else None,
    }
    # The strategy decides anew from which trial's state a paused trial goes on.
    return columns | ({"source": None} if paused else {})


def _finite(value: float) -> float | None:
    """The value, or None where it is not finite, because JSON has no NaN. Also None where it is beyond
    LARGEST: variances are made of squares, which must stay finite.
    """
    return value if math.isfinite(value) and abs(value) <= LARGEST else None
