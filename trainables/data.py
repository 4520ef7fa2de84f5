"""Datasets as tensors: uint8 pixels on the device, a fixed seeded train/validation split, the test set apart.

Inputs stay uint8 (a quarter of the memory) and become floats batch by batch, divided by the dataset's largest pixel value.
"""

import gzip
import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from trainables.randomness import Stream


class DataError(Exception):
    """A dataset cannot be read. The message is one sentence that says what, where, and what to do."""


@dataclass(frozen=True)
class Split:
    """Examples of one split."""

    inputs: Tensor  # [n, D] uint8
    labels: Tensor  # [n] int64

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> "Split":
        """The same split on a device."""
        return Split(self.inputs.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Dataset:
    """A dataset's three splits and what a task must know to build a model for it."""

    name: str
    train: Split
    validation: Split
    test: Split
    classes: int
    largest: int  # the largest pixel value: inputs / largest lies in [0, 1]

    @property
    def features(self) -> int:
        """D, the number of input features."""
        return self.train.inputs.shape[1]

    def to(self, device: torch.device | str) -> "Dataset":
        """The same dataset on a device."""
        train, validation, test = (s.to(device) for s in (self.train, self.validation, self.test))
        return Dataset(self.name, train, validation, test, classes=self.classes, largest=self.largest)


def load(name: str, folder: Path | str) -> Dataset:
    """Reads a dataset; torchvision's are downloaded into the folder if they are not there and there is a network.

    Args:
        name: a key of DATASETS.
        folder: the data folder, laid out as torchvision's `root`. Not used for digits, which scikit-learn carries.

    Raises:
        DataError: the dataset is not there and cannot be had, or a file is damaged.
        ValueError: unknown name.
    """
    if name not in DATASETS:
        raise ValueError(f"dataset must be one of {sorted(DATASETS)}. Got {name!r}.")
    return DATASETS[name](Path(folder))


def _digits(_folder: Path) -> Dataset:
    # scikit-learn's file without its import, which takes 4 s. The test's oracle is sklearn.datasets.load_digits.
    package = find_spec("sklearn")
    if package is None or package.origin is None:
        raise DataError("dataset digits: it comes with scikit-learn, which is not there; `pip install scikit-learn` brings it")
    with gzip.open(Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz", "rt") as file:
        table = torch.tensor([[int(value) for value in line.split(",")] for line in file])  # [n, D + 1], the label last
    x, y = table[:, :-1].to(torch.uint8), table[:, -1]
    # 1,797 images of 8x8, 17 grey levels: 300 for validation, 300 for test.
    order = torch.randperm(len(y), generator=Stream(0, "digits split").at(0))
    test, rest = order[:300], order[300:]
    return _split("digits", Split(x[rest], y[rest]), Split(x[test], y[test]), validation=300, largest=16)


# SHA-256 of the unpacked files: a damaged file is found before it is trained on.
_MNIST_FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
_FASHION_MNIST_FILES = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


def _mnist(folder: Path) -> Dataset:
    return _mnist_like("mnist", "MNIST", _MNIST_FILES, folder)


def _fashion_mnist(folder: Path) -> Dataset:
    return _mnist_like("fashion_mnist", "FashionMNIST", _FASHION_MNIST_FILES, folder)


def _mnist_like(name: str, class_name: str, files: dict[str, str], folder: Path) -> Dataset:
    from torchvision import datasets  # not on a machine that has only torch

    reader = getattr(datasets, class_name)
    raw = folder / class_name / "raw"
    missing = [file for file in files if not (raw / file).is_file()]
    if missing:
        try:
            reader(str(folder), train=True, download=True)
        except (OSError, RuntimeError) as error:
            raise DataError(
                f"dataset {name}: the file {missing[0]} is not in {raw} and could not be downloaded "
                f"({_one_line(error)}); copy torchvision's {class_name} folder to {folder}, "
                "or set TUNER_DATA to the folder that has it."
            ) from error
    for file, digest in files.items():
        if hashlib.sha256((raw / file).read_bytes()).hexdigest() != digest:
            raise DataError(
                f"dataset {name}: the file {file} in {raw} is damaged (its SHA-256 is not the original's); "
                "delete it, and the next run downloads it, or copy the original there."
            )
    train, test = (reader(str(folder), train=train, download=False) for train in (True, False))
    return _split(name, *(Split(d.data.flatten(1), d.targets.long()) for d in (train, test)), validation=5_000, largest=255)


def _one_line(error: Exception) -> str:
    """torchvision tells what it tried line by line, the cause last."""
    return "; ".join(line.strip() for line in str(error).splitlines() if line.strip()) or type(error).__name__


def _split(name: str, train: Split, test: Split, *, validation: int, largest: int) -> Dataset:
    """Takes the validation split out of the training data: the same for every seed, study and machine."""
    order = torch.randperm(len(train), generator=Stream(0, "validation split").at(0))
    held_out, kept = order[:validation], order[validation:]
    return Dataset(
        name,
        train=Split(train.inputs[kept].contiguous(), train.labels[kept]),
        validation=Split(train.inputs[held_out].contiguous(), train.labels[held_out]),
        test=test,
        classes=int(train.labels.max()) + 1,
        largest=largest,
    )


DATASETS = {"digits": _digits, "mnist": _mnist, "fashion_mnist": _fashion_mnist}
