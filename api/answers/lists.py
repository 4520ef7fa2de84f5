"""What may be submitted: the tasks with their datasets, estimators and options, and the presets."""

from dataclasses import MISSING, fields
from functools import cache
from typing import Any

from api.answers.views import metrics_json
from trainables.estimator_names import TEMPERATURES
from trainables.tasks import task_declaration, task_metrics, task_names
from tuner.evidence.labels import METHODS, STATES
from tuner.ledger.study_metrics import objective_json
from tuner.spec.study import BASELINES, PRESETS, load_spec, preset_names


@cache
def tasks() -> list[dict[str, Any]]:
    """Every task, plugged-in ones included; one that cannot be imported says why."""
    return [_task(name) for name in task_names()]


def _task(name: str) -> dict[str, Any]:
    try:
        task = task_declaration(name)
    except ValueError as error:
        return {
            "name": name,
            "datasets": [],
            "baselines": [],
            "objective": None,
            "options": [],
            "metrics": [],
            "problem": str(error),
        }
    defaults = (
        (f.name, f.default_factory() if f.default_factory is not MISSING else f.default)
        for f in fields(task.options_type)
    )
    return {
        "name": name,
        "datasets": list(task.datasets),
        "baselines": [b for b in BASELINES if b in task.estimators],
        "estimators": [e for e in TEMPERATURES if e in task.estimators],
        "objective": objective_json(task_metrics(name), task.objective.name, task.objective.direction),
        "options": [
            {"name": option, "default": None if value is MISSING else value} for option, value in defaults
        ],
        "metrics": metrics_json(task_metrics(name)),
        "problem": None,
    }


def labels() -> dict[str, dict[str, str]]:
    """What methods and states are called, by their keys in all other answers."""
    return {"methods": METHODS, "states": STATES}


@cache
def presets() -> list[dict[str, Any]]:
    """Every preset with its spec, its size, and what the comment at its head says."""
    found = []
    for name in preset_names():
        spec = load_spec(name)
        lines = (PRESETS / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
        head = [line.removeprefix("#").strip() for line in lines if line.startswith("#")]
        found.append(
            {
                "name": name,
                "description": " ".join(head),
                "spec": spec.model_dump(mode="json"),
                "trials": spec.planned_trials,
                "members": spec.planned_members,
            }
        )
    return found
