"""Datasets as tensors: uint8 pixels on the device, a fixed seeded train/validation split, the test set apart.

Inputs stay uint8 (a quarter of the memory) and become floats batch by batch, divided by the dataset's largest
pixel value.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from trainables.data import digits, image_folder, originals
from trainables.data.dataset import Batch, DataError, Dataset, Option, Split

__all__ = ["DATASETS", "Batch", "DataError", "Dataset", "Split", "check_options", "load"]

# Each is called with the data folder, and with its options as keywords.
DATASETS: dict[str, Callable[..., Dataset]] = {
    "digits": digits.load,
    "mnist": originals.mnist,
    "fashion_mnist": originals.fashion_mnist,
    "cifar10": originals.cifar10,
    "image_folder": image_folder.load,
}
_OPTIONS: dict[str, Mapping[str, Option]] = {
    "image_folder": image_folder.OPTIONS
}  # the others have none; all are required


def load(name: str, folder: Path | str, options: Mapping[str, Any] | None = None) -> Dataset:
    """Reads a dataset; torchvision's are downloaded into the folder if they are not there and there is a
    network.

    Args:
        name: a key of DATASETS.
        folder: the data folder, laid out as torchvision's `root`. Not used for digits, which scikit-learn
            carries.
        options: the dataset's own, see `check_options`.

    Raises:
        DataError: the dataset is not there and cannot be had, or a file is damaged.
        ValueError: unknown name, or an option that is unknown, missing or wrong.
    """
    given = options or {}
    check_options(name, given)
    return DATASETS[name](Path(folder), **given)


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Looks whether a dataset takes these options, without reading a file.

    Only image_folder has any: `folder`, the folder in the data folder, and `size`, what its images are
    resized to.

    Raises:
        ValueError: "<option>: must be ..., got ..." for an option that is unknown, missing or wrong; or
        unknown name.
    """
    if name not in DATASETS:
        raise ValueError(f"dataset must be one of {sorted(DATASETS)}. Got {name!r}.")
    known = _OPTIONS.get(name, {})
    for given in options:
        if given not in known:
            raise ValueError(
                f"{given}: is not an option of dataset {name}; it has {', '.join(known) or 'none'}"
            )
    for key, option in known.items():
        if key not in options:
            raise ValueError(f"{key}: is missing; it must be {option.wanted}")
        if not option.accepts(options[key]):
            raise ValueError(f"{key}: must be {option.wanted}, got {repr(options[key])[:80]}")
