"""Makes the dataclasses of rows.py, which the rest of the program works with, from rows of the database."""

import json
import sys
from datetime import UTC, datetime

from sqlalchemy.engine import RowMapping

from tuner.ledger.lease import abandoned
from tuner.ledger.methods import Variant
from tuner.ledger.objective import Objective
from tuner.ledger.rows import Measurement, Role, StudyRow, StudyState, TrialRow, TrialState
from tuner.ledger.seed_values import SeedValues


def study_state(row: RowMapping) -> StudyState:
    """The state of a study from a row with the column `lease.expired`. A study that is running in the
    database but that nobody drives is interrupted.
    """
    state = StudyState(row["state"])
    return StudyState.INTERRUPTED if state is StudyState.RUNNING and abandoned(row) else state


def study_row(row: RowMapping) -> StudyRow:
    """The study of a row of `studies` with the column `lease.expired`."""
    return StudyRow(
        id=row["id"],
        name=row["name"],
        task=row["task"],
        state=study_state(row),
        reason=row["reason"],
        spec=json.loads(row["spec"]),
        objective=Objective.of(row["objective"], row["direction"]),
        created_at=utc(row["created_at"]),
        started_at=_optional_utc(row["started_at"]),
        finished_at=_optional_utc(row["finished_at"]),
        training_s=row["training_s"],
        host=json.loads(row["host"]),
        owner=row["owner"],
        job=row["job"],
        last_job=f"{row['id']}-{row['jobs']}" if row["jobs"] else None,
        cancelling=row["cancel_at"] is not None,
        revision=row["revision"],
        mlflow_run=row["mlflow_run"],
        mlflow_optima=row["mlflow_optima"],
        tags=tuple(json.loads(row["tags"])),
        comment=row["comment"],
        run_s=row["run_s"],
        material=json.loads(row["material"]) if row["material"] else None,
        restarts=row["restarts"],
        outcome=json.loads(row["outcome"]) if row["outcome"] else None,
        outcome_of=row["outcome_of"],
        added_seeds=tuple(json.loads(row["added_seeds"])),
        metrics=json.loads(row["metrics"]) if row["metrics"] else None,
    )


def trial_row(row: RowMapping) -> TrialRow:
    """The trial of a row of `trials`."""
    objective = json.loads(row["objective"]) if row["objective"] else None
    return TrialRow(
        id=row["id"],
        number=row["number"],
        role=Role(row["role"]),
        estimator=row["estimator"],
        tau_f=row["tau_f"],
        tau_b=row["tau_b"],
        lr=row["lr"],
        state=TrialState(row["state"]),
        reason=row["reason"],
        population=row["population"],
        attempts=row["attempts"],
        seeds=tuple(json.loads(row["seeds"])),
        metrics=SeedValues(json.loads(row["metrics"])),
        objective=tuple(objective) if objective is not None else None,
        started_at=_optional_utc(row["started_at"]),
        finished_at=_optional_utc(row["finished_at"]),
        variant=Variant.parse(row["variant"]),
        intervals=row["intervals"],
        epoch=row["epoch"],
        source=row["source"],
        look=row["look"],
    )


def measurement_row(row: RowMapping) -> Measurement:
    """The measurement of a row of `measurements`."""
    return Measurement(
        id=row["id"],
        trial_id=row["trial_id"],
        interval=row["interval"],
        epoch=row["epoch"],
        recorded_at=utc(row["recorded_at"]),
        metrics=_metrics(row["metrics"]),
    )


def _metrics(text: str) -> dict[str, list[float | None]]:
    """Metrics from their JSON. Names are interned: thousands of rows share a few names."""
    return {sys.intern(name): values for name, values in json.loads(text).items()}


def utc(value: datetime) -> datetime:
    """A time as it was stored, always in UTC; SQLite drops the time zone."""
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _optional_utc(value: datetime | None) -> datetime | None:
    return None if value is None else utc(value)
