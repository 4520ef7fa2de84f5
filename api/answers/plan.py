"""What a spec would train: how much, how long by what this ledger's studies took, and whether its data is
there.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from tuner.errors import UserError
from tuner.ledger.rows import StudyRow
from tuner.spec.study import StudySpec, parse_spec

PAST = 20  # studies that are looked at, the newest
# Folders of the originals within the data folder, as torchvision lays them out.
_ORIGINALS = {"mnist": "MNIST/raw", "fashion_mnist": "FashionMNIST/raw", "cifar10": "cifar-10-batches-py"}


def estimate(spec: StudySpec, past: Sequence[StudyRow]) -> dict[str, Any] | None:
    """{"seconds", "studies"}: how long it would train on one device, by the time that each epoch, or step,
    of a model took in studies of the same task, dataset, options and batch size. None without any.
    """
    rates = [rate for row in past if alike(spec, row.spec) and (rate := _rate(row)) is not None]
    if not rates:
        return None
    length = spec.epochs or spec.steps or 0
    return {"seconds": round(median(rates) * spec.planned_members * length, 1), "studies": len(rates)}


def alike(spec: StudySpec, other: dict[str, Any]) -> bool:
    """Whether an epoch of one model is the same work in both."""
    mine = spec.model_dump(mode="json")
    same = ("task", "dataset", "options", "dataset_options", "batch_size")
    unit = "epochs" if spec.epochs is not None else "steps"
    return other.get(unit) is not None and all(mine.get(name) == other.get(name) for name in same)


def _rate(row: StudyRow) -> float | None:
    """Seconds that populations trained, for each model and epoch or step of it."""
    try:
        spec = parse_spec(row.spec)
    except UserError:  # of another version
        return None
    work = spec.planned_members * (spec.epochs or spec.steps or 0)
    return row.training_s / work if work and row.training_s > 0 else None


def missing_data(spec: StudySpec, folder: Path) -> str | None:
    """What is to be known of data that is not there; None where nothing is missed."""
    inside = _ORIGINALS.get(spec.dataset)
    if inside is None or (folder / inside).is_dir():
        return None
    return (
        f"the data of {spec.dataset} is not in the data folder of this machine; it is downloaded when the "
        "study starts, which fails without a network"
    )
