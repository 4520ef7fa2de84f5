"""What a spec would train: how much, how long by what earlier studies took, and whether its data is there."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from trainables.tasks import task_declaration, task_metrics
from tuner.evidence.expected_time import expected_time
from tuner.ledger.rows import StudyRow
from tuner.ledger.study_metrics import objective_json
from tuner.spec.study import StudySpec

# Folders of the originals within the data folder, as torchvision lays them out.
_ORIGINALS = {"mnist": "MNIST/raw", "fashion_mnist": "FashionMNIST/raw", "cifar10": "cifar-10-batches-py"}


def planned(
    spec: StudySpec, past: Iterable[StudyRow], data_folder: Path, machine: str | None = None
) -> dict[str, Any]:
    """A spec's plan, as the service answers it and `tuner plan` prints it.

    Args:
        spec: what would be trained.
        past: studies by which its time is estimated, in any order.
        data_folder: where its data should be.
        machine: see expected_time.
    """
    return {
        "estimate": _estimate(spec, past, machine),
        "missing_data": _missing_data(spec, data_folder),
        "trials": spec.planned_trials,
        "members": spec.planned_members,
        "trainings": spec.planned_trainings,
        "search_trials": spec.trials_total,
        "confirm_trials": spec.confirm_total,
        "control_trials": spec.control_total,
        "further_trials": spec.further_most,
        "objective": objective_of(spec),
        "spec": spec.model_dump(mode="json"),
    }


def objective_of(spec: StudySpec) -> dict[str, str]:
    """What a spec's trials are judged by: {"name", "direction", "label", "title"}."""
    objective = task_declaration(spec.task).objective
    return objective_json(task_metrics(spec.task), objective.name, objective.direction)


def _estimate(spec: StudySpec, past: Iterable[StudyRow], machine: str | None) -> dict[str, Any] | None:
    """{"seconds", "studies"}: how long it would take, by so many studies before it; None without any like
    it.
    """
    newest_first = sorted(past, key=lambda row: row.created_at, reverse=True)
    found = expected_time(spec, newest_first, machine)
    return {"seconds": round(found.seconds, 1), "studies": found.studies} if found else None


def _missing_data(spec: StudySpec, folder: Path) -> str | None:
    """What is to be known of data that is not there; None where nothing is missed."""
    inside = _ORIGINALS.get(spec.dataset)
    if inside is None or (folder / inside).is_dir():
        return None
    return (
        f"the data of {spec.dataset} is not in the data folder of this machine; it is downloaded when the "
        "study starts, which fails without a network"
    )
