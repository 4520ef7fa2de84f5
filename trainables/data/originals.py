"""MNIST, Fashion-MNIST and CIFAR-10: the original files, through torchvision.

A missing file is downloaded if there is a network, and every file is compared with the original's checksum
before it is read: a damaged file is found before it is trained on.
"""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from trainables.data.dataset import DataError, Dataset, Split, hold_out, one_line

# SHA-256 of the unpacked files.
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


def mnist(data_folder: Path) -> Dataset:
    """55,000 training examples, 5,000 for validation, 10,000 for test; shape [1, 28, 28]."""
    return _mnist_like("mnist", "MNIST", _MNIST_FILES, data_folder)


def fashion_mnist(data_folder: Path) -> Dataset:
    """55,000 training examples, 5,000 for validation, 10,000 for test; shape [1, 28, 28]."""
    return _mnist_like("fashion_mnist", "FashionMNIST", _FASHION_MNIST_FILES, data_folder)


def _mnist_like(name: str, class_name: str, files: Mapping[str, str], data_folder: Path) -> Dataset:
    from torchvision import datasets  # not on a machine that has only torch

    reader = getattr(datasets, class_name)
    _have(
        name,
        data_folder,
        f"{class_name}/raw",
        files,
        algorithm="sha256",
        download=lambda: reader(str(data_folder), train=True, download=True),
    )
    train, test = (reader(str(data_folder), train=train, download=False) for train in (True, False))
    splits = (Split(part.data.flatten(1), part.targets.long()) for part in (train, test))
    return hold_out(name, *splits, validation=5_000, shape=(1, 28, 28))


def cifar10(data_folder: Path) -> Dataset:
    """45,000 training examples, 5,000 for validation, 10,000 for test; shape [3, 32, 32]."""
    from torchvision.datasets import CIFAR10  # not on a machine that has only torch
    from torchvision.datasets.utils import download_and_extract_archive

    _have(
        "cifar10",
        data_folder,
        CIFAR10.base_folder,
        {
            **dict(CIFAR10.train_list),
            **dict(CIFAR10.test_list),
            CIFAR10.meta["filename"]: CIFAR10.meta["md5"],
        },
        algorithm="md5",  # those that torchvision has
        # CIFAR10(download=True) does not when only batches.meta is missing, and then refuses to read.
        download=lambda: download_and_extract_archive(
            CIFAR10.url, str(data_folder), filename=CIFAR10.filename, md5=CIFAR10.tgz_md5
        ),
    )
    train, test = (CIFAR10(str(data_folder), train=train, download=False) for train in (True, False))
    # torchvision turns the file's channel-major images to [n, height, width, channels]; this turns them back,
    # without a copy.
    splits = (
        Split(torch.from_numpy(part.data).permute(0, 3, 1, 2).flatten(1), torch.tensor(part.targets))
        for part in (train, test)
    )
    return hold_out("cifar10", *splits, validation=5_000, shape=(3, 32, 32))


def _have(
    name: str,
    data_folder: Path,
    files_in: str,
    files: Mapping[str, str],
    *,
    algorithm: str,
    download: Callable[[], object],
) -> None:
    """Sees to it that the original files are there.

    Args:
        name: the dataset's.
        data_folder: torchvision's `root`.
        files_in: their folder in the data folder.
        files: {file name: checksum}.
        algorithm: the checksums', as hashlib calls it.
        download: puts all of them there.

    Raises:
        DataError: a file is missing and cannot be downloaded, or is damaged.
    """
    folder = data_folder / files_in
    missing = [file for file in files if not (folder / file).is_file()]
    if missing:
        try:
            download()
        except (OSError, RuntimeError) as error:
            raise DataError(
                f"dataset {name}: the file {missing[0]} is not in {folder} and could not be downloaded "
                f"({one_line(error)}); copy torchvision's {files_in.partition('/')[0]} folder to "
                f"{data_folder}, "
                "or set TUNER_DATA to the folder that has it."
            ) from error
    for file, original in files.items():
        if (
            hashlib.new(algorithm, (folder / file).read_bytes(), usedforsecurity=False).hexdigest()
            != original
        ):
            raise DataError(
                f"dataset {name}: the file {file} in {folder} is damaged (its {algorithm} checksum is not "
                "the original's); "
                "delete it, and the next run downloads it, or copy the original there."
            )
