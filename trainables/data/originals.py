"""MNIST, Fashion-MNIST and CIFAR-10 from the original files, laid out as torchvision does.

Every file is compared with the original's checksum before it is read: a damaged file is found before it is
trained on. Files that are there are read by numpy, without torch; missing ones are downloaded by torchvision,
if there is a network.
"""

import hashlib
import pickle
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from trainables.data.dataset import DataError, Dataset, Split, hold_out, one_line

# SHA-256 of the unpacked files.
MNIST_FILES = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
FASHION_MNIST_FILES = {
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
# MD5 of the unpacked files: those that their authors, and torchvision, name.
CIFAR10_FILES = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
    "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
}
_CIFAR10_FOLDER = "cifar-10-batches-py"
_IMAGES_HEADER, _LABELS_HEADER = 16, 8  # bytes before the numbers of an idx file of 3 axes, and of 1


def mnist(data_folder: Path) -> Dataset:
    """55,000 training examples, 5,000 for validation, 10,000 for test; shape [1, 28, 28]."""
    return _mnist_like("mnist", "MNIST", MNIST_FILES, data_folder)


def fashion_mnist(data_folder: Path) -> Dataset:
    """55,000 training examples, 5,000 for validation, 10,000 for test; shape [1, 28, 28]."""
    return _mnist_like("fashion_mnist", "FashionMNIST", FASHION_MNIST_FILES, data_folder)


def _mnist_like(name: str, class_name: str, files: Mapping[str, str], data_folder: Path) -> Dataset:
    def download() -> object:
        from torchvision import datasets  # not on a machine that has only torch

        return getattr(datasets, class_name)(str(data_folder), train=True, download=True)

    folder = f"{class_name}/raw"
    _have(name, data_folder, folder, files, algorithm="sha256", download=download)
    train, test = (_idx(data_folder / folder, part) for part in ("train", "t10k"))
    return hold_out(name, train, test, validation=5_000, shape=(1, 28, 28))


def _idx(folder: Path, part: str) -> Split:
    """The examples of a part. The files are the originals, so that their headers are known."""
    import numpy as np  # not on a machine that has only torch

    images, labels = (
        np.fromfile(folder / f"{part}-{kind}-ubyte", np.uint8)[header:]
        for kind, header in (("images-idx3", _IMAGES_HEADER), ("labels-idx1", _LABELS_HEADER))
    )
    return Split(images.reshape(len(labels), -1), labels.astype(np.int64))


def cifar10(data_folder: Path) -> Dataset:
    """45,000 training examples, 5,000 for validation, 10,000 for test; shape [3, 32, 32]."""

    def download() -> object:
        from torchvision.datasets import CIFAR10  # not on a machine that has only torch
        from torchvision.datasets.utils import download_and_extract_archive

        # CIFAR10(download=True) does not when only batches.meta is missing, and then refuses to read.
        return download_and_extract_archive(
            CIFAR10.url, str(data_folder), filename=CIFAR10.filename, md5=CIFAR10.tgz_md5
        )

    _have("cifar10", data_folder, _CIFAR10_FOLDER, CIFAR10_FILES, algorithm="md5", download=download)
    folder = data_folder / _CIFAR10_FOLDER
    train = _batches([folder / name for name in CIFAR10_FILES if name.startswith("data_batch")])
    test = _batches([folder / "test_batch"])
    return hold_out("cifar10", train, test, validation=5_000, shape=(3, 32, 32))


def _batches(files: Sequence[Path]) -> Split:
    """The examples of some of CIFAR-10's files, whose images are [channels, height, width] already."""
    import numpy as np  # not on a machine that has only torch

    found: list[dict[str, np.ndarray]] = []
    for file in files:
        with file.open("rb") as opened:
            found.append(pickle.load(opened, encoding="latin1"))  # noqa: S301  # the original, by its checksum
    labels = np.concatenate([np.asarray(batch["labels"], np.int64) for batch in found])
    return Split(np.concatenate([batch["data"] for batch in found]), labels)


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
