"""Adds a study to the ledger, for a driver that runs it at once and for the service that queues it alike."""

import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.engine import Connection

from tuner.ledger.rows import StudyState
from tuner.ledger.tables import studies


def insert_study(
    db: Connection,
    *,
    name: str,
    task: str,
    spec: Mapping[str, Any],
    objective: str,
    direction: str,
    metrics: Mapping[str, Any] | None = None,
    **columns: Any,
) -> str:
    """Adds a study in state queued and returns its id.

    Args:
        db: a transaction that writes.
        name: the study's label, not unique.
        task: the task's name.
        spec: the spec as submitted, as JSON has it.
        objective: name of the metric by which configurations are selected.
        direction: minimize or maximize.
        metrics: what the task declares of its metrics, as JSON has it; None where an installed package brings
            the task, and so the declaration.
        columns: other columns of the study's row.
    """
    study_id = secrets.token_hex(5)
    db.execute(
        studies.insert().values(
            id=study_id, name=name, task=task, spec=json.dumps(spec), objective=objective,
            direction=direction, metrics=None if metrics is None else json.dumps(metrics),
            state=StudyState.QUEUED, created_at=datetime.now(UTC), training_s=0.0, host="{}", fence=0,
            **columns,
        )
    )  # fmt: skip
    return study_id
