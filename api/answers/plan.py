"""What a spec would train: how much, how long by what this ledger's studies took, and whether its data is
there.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tuner.evidence.expected_time import expected_time
from tuner.ledger.rows import StudyRow
from tuner.spec.study import StudySpec

PAST = 20  # studies that are looked at, the newest
# Folders of the originals within the data folder, as torchvision lays them out.
_ORIGINALS = {"mnist": "MNIST/raw", "fashion_mnist": "FashionMNIST/raw", "cifar10": "cifar-10-batches-py"}


def estimate(spec: StudySpec, past: Iterable[StudyRow]) -> dict[str, Any] | None:
    """{"seconds", "studies"}: how long it would train on one device, by studies before it; None without any
    like it.
    """
    newest_first = sorted(past, key=lambda row: row.created_at, reverse=True)
    found = expected_time(spec, newest_first)
    return {"seconds": round(found.seconds, 1), "studies": found.studies} if found else None


def missing_data(spec: StudySpec, folder: Path) -> str | None:
    """What is to be known of data that is not there; None where nothing is missed."""
    inside = _ORIGINALS.get(spec.dataset)
    if inside is None or (folder / inside).is_dir():
        return None
    return (
        f"the data of {spec.dataset} is not in the data folder of this machine; it is downloaded when the "
        "study starts, which fails without a network"
    )
