"""Datasets as tensors, or without torch as arrays: a fixed seeded train/validation split, the test set apart.

Images stay uint8 (a quarter of the memory) and become floats batch by batch, divided by the dataset's largest
pixel value. Other data are arrays of any dtype and shape. A dataset is imported when it is asked for: whoever
checks a spec needs no torch, nor does who reads one of the originals. More datasets come by the entry points
`trainables.datasets`: a function (data folder, **options) -> Dataset, whose attribute OPTIONS, if it has one,
says what options it takes, {name: Option}.
"""

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from trainables.data import options as _options
from trainables.data.dataset import Batch, DataError, Dataset, Split
from trainables.data.options import Option
from trainables.errors import OptionError, unknown

__all__ = [
    "DATASETS",
    "OWN_DATA",
    "Batch",
    "DataError",
    "Dataset",
    "Option",
    "Split",
    "check_options",
    "dataset_names",
    "load",
    "plugged_in_version",
    "read",
]

GROUP = "trainables.datasets"
OWN_DATA = "own"  # what a study calls the data that its task brings itself: Task.own_dataset
DATASETS = {
    "digits": "digits:load",
    "mnist": "originals:mnist",
    "fashion_mnist": "originals:fashion_mnist",
    "cifar10": "originals:cifar10",
    "image_folder": "image_folder:load",
    "arrays": "array_file:load",
}  # name -> module of this package, function of the data folder, with its options as keywords


def dataset_names() -> list[str]:
    """The names of all datasets, built in and plugged in. Nothing of a plugged-in package is imported."""
    return sorted({*DATASETS, *plugged_in()})


def load(name: str, folder: Path | str, options: Mapping[str, Any] | None = None) -> Dataset:
    """A dataset as tensors. Arguments and errors as `read`."""
    return read(name, folder, options).to("cpu")


def read(name: str, folder: Path | str, options: Mapping[str, Any] | None = None) -> Dataset:
    """Reads a dataset, as its reader makes it: as arrays where that takes no torch, else as tensors. The
    originals are downloaded into the folder if they are not there and there is a network.

    Args:
        name: one of dataset_names().
        folder: the data folder, laid out as torchvision's `root`. Not used for digits, which scikit-learn
            carries.
        options: the dataset's own, see `check_options`.

    Raises:
        DataError: the dataset is not there and cannot be had, or a file is damaged.
        OptionError: an option that is unknown, missing or wrong.
        ValueError: unknown name.
    """
    given = options or {}
    check_options(name, given)
    return _loader(name)(Path(folder), **given)


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Looks whether a dataset takes these options, without reading a file.

    image_folder has `folder`, the folder in the data folder, and `size`, what its images are resized to.
    arrays has `file`, `inputs`, and optionally `labels`, `splits`, `validation` and `test`, see
    data/array_file.py.

    Raises:
        OptionError: an option that is unknown, missing or wrong.
        ValueError: unknown name.
    """
    if name in DATASETS or name == OWN_DATA:
        known = _options.BUILT_IN.get(name, {})
    else:
        known = getattr(_loader(name), "OPTIONS", {})
    for given in options:
        if given not in known:
            raise OptionError(given, unknown(given, f"an option of dataset {name}", known))
    for key, option in known.items():
        if key not in options:
            if option.required:
                raise OptionError(key, f"is missing; it must be {option.wanted}")
        elif not option.accepts(options[key]):
            raise OptionError(key, f"must be {option.wanted}", repr(options[key])[:80])


@cache
def plugged_in() -> dict[str, EntryPoint]:
    """Entry points by name. A built-in dataset's name is not given away."""
    return {entry.name: entry for entry in entry_points(group=GROUP) if entry.name not in DATASETS}


def plugged_in_version(name: str) -> tuple[str, str] | None:
    """The package of a plugged-in dataset and its version; None for a built-in one."""
    entry = None if name in DATASETS else plugged_in().get(name)
    return (entry.dist.name, entry.dist.version) if entry and entry.dist else None


def _loader(name: str) -> Callable[..., Dataset]:
    """The function that reads a dataset. Errors of importing a user's own name the dataset."""
    if name in DATASETS:
        module, _, function = DATASETS[name].partition(":")
        built_in: Callable[..., Dataset] = getattr(import_module(f"{__name__}.{module}"), function)
        return built_in
    if name not in plugged_in():
        raise ValueError(f"dataset must be one of {dataset_names()}. Got {name!r}.")
    entry = plugged_in()[name]
    try:
        loader = entry.load()
    except Exception as error:
        said = " ".join(str(error).split())
        raise ValueError(
            f"dataset {name!r} ({entry.value}) cannot be imported: {type(error).__name__}: {said}"
        ) from error
    if not callable(loader):
        raise ValueError(  # noqa: TRY004  # one kind of error for a dataset that cannot be used
            f"dataset {name!r} ({entry.value}) must be a function (data folder, **options) -> Dataset. Got "
            f"{loader!r}."
        )
    found: Callable[..., Dataset] = loader
    return found
