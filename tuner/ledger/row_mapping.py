"""Rows of the database as the rest of the program sees them."""

import json
import sys
from datetime import UTC, datetime

from sqlalchemy.engine import RowMapping

from tuner.ledger.lease import abandoned
from tuner.ledger.methods import Variant
from tuner.ledger.objective import Objective
from tuner.ledger.rows import Measurement, Role, StudyRow, StudyState, TrialRow, TrialState


def study_state(row: RowMapping) -> StudyState:
    """The state of a study: one that was running and that nobody drives is interrupted."""
    state = StudyState(row["state"])
    return StudyState.INTERRUPTED if state is StudyState.RUNNING and abandoned(row) else state


def study_row(row: RowMapping) -> StudyRow:
    """A row of `studies`, with `expired`, as the rest of the program sees it."""
    return StudyRow(
        row["id"],
        row["name"],
        row["task"],
        study_state(row),
        row["reason"],
        json.loads(row["spec"]),
        Objective.of(row["objective"], row["direction"]),
        utc(row["created_at"]),
        _optional_utc(row["started_at"]),
        _optional_utc(row["finished_at"]),
        row["training_s"],
        json.loads(row["host"]),
        row["owner"],
        row["job"],
        f"{row['id']}-{row['jobs']}" if row["jobs"] else None,
        row["cancel_at"] is not None,
        row["revision"],
        row["mlflow_run"],
    )


def trial_row(row: RowMapping) -> TrialRow:
    """A row of `trials` likewise."""
    objective = json.loads(row["objective"]) if row["objective"] else None
    return TrialRow(
        row["id"],
        row["number"],
        Role(row["role"]),
        row["estimator"],
        row["tau_f"],
        row["tau_b"],
        row["lr"],
        TrialState(row["state"]),
        row["reason"],
        row["population"],
        row["attempts"],
        tuple(json.loads(row["seeds"])),
        _metrics(row["metrics"]),
        tuple(objective) if objective is not None else None,
        _optional_utc(row["started_at"]),
        _optional_utc(row["finished_at"]),
        Variant.parse(row["variant"]),
        row["intervals"],
        row["epoch"],
        row["source"],
    )


def measurement_row(r: RowMapping) -> Measurement:
    """A row of `measurements` likewise."""
    return Measurement(
        r["id"], r["trial_id"], r["interval"], r["epoch"], utc(r["recorded_at"]), _metrics(r["metrics"])
    )


def _metrics(text: str) -> dict[str, list[float | None]]:
    """Metrics from their JSON; the same few names of thousands of rows are each in memory once."""
    return {sys.intern(name): values for name, values in json.loads(text).items()}


def utc(value: datetime) -> datetime:
    """SQLite drops the time zone; what we store is always UTC."""
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def _optional_utc(value: datetime | None) -> datetime | None:
    return None if value is None else utc(value)
