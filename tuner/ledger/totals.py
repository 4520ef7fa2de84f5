"""Numbers about all studies of a ledger for monitoring, counted by the database."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tuner.ledger.lease import expired
from tuner.ledger.rows import TERMINAL_TRIAL_STATES, StudyState
from tuner.ledger.store import Ledger
from tuner.ledger.tables import measurements, studies, trials

_PACE_OVER_S = 60  # seconds over which the training speed is averaged


@dataclass(frozen=True)
class Totals:
    """The numbers, as of now."""

    studies: dict[StudyState, int]  # state -> how many studies
    trials: int  # how many have ended
    projector_lag: int  # measurements that have not been sent to MLflow, of studies that have a run there
    member_epochs_per_s: float  # epochs of members trained per second, over the last minute


def totals(ledger: Ledger) -> Totals:
    """Counts the numbers of a ledger. Raises LedgerError."""
    with ledger.reading() as db:
        lost = (studies.c.state == StudyState.RUNNING) & expired(db).element
        state = sa.case((lost, StudyState.INTERRUPTED), else_=studies.c.state)
        by_state = db.execute(sa.select(state, sa.func.count()).group_by(state))
        ended = (
            sa.select(sa.func.count()).select_from(trials).where(trials.c.state.in_(TERMINAL_TRIAL_STATES))
        )
        unsent = (measurements.c.id > studies.c.mlflow_cursor) & studies.c.mlflow_run.is_not(None)
        lag = (
            sa.select(sa.func.count())
            .select_from(measurements.join(studies, measurements.c.study == studies.c.id))
            .where(unsent)
        )
        return Totals(
            {StudyState(row[0]): row[1] for row in by_state},
            db.execute(ended).scalar_one(),
            db.execute(lag).scalar_one(),
            _pace(db),
        )


def _pace(db: Connection) -> float:
    """Epochs of members trained per second, over the last minute."""
    since = datetime.now(UTC) - timedelta(seconds=_PACE_OVER_S)
    earlier = measurements.alias()
    before = (
        sa.select(sa.func.max(earlier.c.epoch))
        .where(earlier.c.trial_id == measurements.c.trial_id, earlier.c.interval < measurements.c.interval)
        .correlate(measurements)
        .scalar_subquery()
    )
    recent = (
        sa.select(measurements.c.epoch, before.label("before"), trials.c.seeds)
        .join(trials, measurements.c.trial_id == trials.c.id)
        .where(measurements.c.recorded_at > since, trials.c.started_at.is_not(None))
    )
    member_epochs = sum(
        float(epoch - (last or 0.0)) * len(json.loads(seeds)) for epoch, last, seeds in db.execute(recent)
    )
    return member_epochs / _PACE_OVER_S
