"""Any folder of images: <folder>/train/<class>/<image> and <folder>/test/<class>/<image> in the data folder.

Images become RGB and are stretched to one size (bilinear, antialiased); one that has the size already keeps
its pixels. As with torchvision's ImageFolder, the classes are the folders' names in order, a transparency is
dropped and an orientation noted by the camera is not followed. Links to folders are followed, but one that
leads into itself is refused, and so is an image of a kind that is not read, a GIF for instance: torchvision
would leave it out without a word.
"""

import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from trainables.data.dataset import DataError, Dataset, Split, hold_out, one_line

_PARTS = ("train", "test")
_NOT_READ = (".gif", ".heic", ".heif", ".avif", ".jxl", ".jp2", ".svg", ".ico", ".psd", ".tga")
_THREADS, _CHUNK = 8, 64  # decoders work without Python's lock; a chunk of images is one thread's task


def load(data_folder: Path, *, folder: str, size: int) -> Dataset:
    """A tenth of train, at least one image, is for validation; shape [3, size, size].

    Raises:
        DataError: a folder or image is missing, train and test differ in their classes, or an image cannot be
        decoded.
    """
    root = data_folder / folder
    for needed in (root, *(root / part for part in _PARTS)):
        if not needed.is_dir():
            raise DataError(
                f"dataset image_folder: there is no folder {needed}; put the images into "
                f"{root}/train/<class>/ and "
                f"{root}/test/<class>/, or set TUNER_DATA to the folder that has {folder}."
            )
    listed = [_listed(root / part) for part in _PARTS]
    _check_classes(root, *(set(classes) for classes, _ in listed))
    if (found := len(listed[0][1])) < 2:
        raise DataError(
            f"dataset image_folder: {root / 'train'} must have at least 2 images, one to train and one to "
            "validate, and has "
            f"{found}; add images."
        )
    train, test = (
        Split(
            _pixels([path for path, _ in images], size).flatten(1),
            torch.tensor([label for _, label in images]),
        )
        for _, images in listed
    )
    return hold_out("image_folder", train, test, validation=max(1, len(train) // 10), shape=(3, size, size))


def _refuse_what_is_not_read(folder: Path, above: frozenset[tuple[int, int]] = frozenset()) -> None:
    """Raises DataError where a folder leads into itself, whose images torchvision would take forty times, or
    has an image of a kind that it would pass over.
    """
    try:
        status = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(
            f"dataset image_folder: the folder {folder} cannot be read ({error.strerror}); put that right or "
            "delete it."
        ) from error
    here = (status.st_dev, status.st_ino)
    if here in above:
        raise DataError(
            f"dataset image_folder: {folder} is a link to a folder that it lies in, so that it has no end; "
            "delete the link."
        )
    for entry in entries:
        if entry.name.lower().endswith(_NOT_READ):
            raise DataError(
                f"dataset image_folder: the image {entry.path} is of a kind that is not read; convert it to "
                "PNG, JPEG or WebP, or delete it."
            )
        if entry.is_symlink() and not Path(entry.path).exists():
            raise DataError(
                f"dataset image_folder: {entry.path} is a link to nothing, or to itself; delete it."
            )
        if entry.is_dir():
            _refuse_what_is_not_read(Path(entry.path), above | {here})


def _listed(part: Path) -> tuple[list[str], list[tuple[str, int]]]:
    """The classes of train or test, and its images: (path, label), in order."""
    from torchvision.datasets import ImageFolder  # not on a machine that has only torch

    _refuse_what_is_not_read(part)
    try:
        found = ImageFolder(str(part), allow_empty=True)
    except OSError as error:
        raise DataError(
            f"dataset image_folder: the folder {part} must have a folder of images for each class "
            f"({one_line(error)}); "
            "put the images into such folders."
        ) from error
    used = {label for _, label in found.samples}
    for label, name in enumerate(found.classes):
        if label not in used:
            raise DataError(
                f"dataset image_folder: the class folder {part / name} has no image; put some there (JPEG, "
                "PNG or WebP), "
                "or delete this class from train and test."
            )
    return found.classes, found.samples


def _check_classes(root: Path, train: set[str], test: set[str]) -> None:
    if train != test:
        there, other = _PARTS if train - test else _PARTS[::-1]
        name = min(train - test or test - train)
        raise DataError(
            f"dataset image_folder: train and test in {root} must have the same class folders, and {name} is "
            f"in {there} but "
            f"not in {other}; add or delete folders until they agree."
        )


def _pixels(paths: Sequence[str], size: int) -> Tensor:  # [n, 3, size, size] uint8
    pixels = torch.empty((len(paths), 3, size, size), dtype=torch.uint8)

    def fill(start: int) -> None:
        some = slice(start, start + _CHUNK)
        torch.stack([_image(path, size) for path in paths[some]], out=pixels[some])

    with warnings.catch_warnings(), ThreadPoolExecutor(_THREADS) as pool:
        # Deprecated in torchvision 0.29 in favour of torchcodec. Pillow, the other decoder that torchvision
        # comes with, yields the same pixels (the tests compare them) in nearly twice the time: for 60,000
        # images of 32x32, 7.5 s of CPU, not 4.2 s.
        warnings.filterwarnings("ignore", "The image decoding and encoding", DeprecationWarning)
        for _ in pool.map(fill, range(0, len(paths), _CHUNK)):  # an error cancels what has not begun
            pass
    return pixels


def _image(path: str, size: int) -> Tensor:  # [3, size, size] uint8
    from torchvision.io import ImageReadMode, decode_image

    try:
        image: Tensor = decode_image(path, ImageReadMode.RGB)
    except RuntimeError as error:
        reason = one_line(error).split(", ", 2)[
            -1
        ]  # torchvision's are "function, line of its source, reason"
        raise DataError(
            f"dataset image_folder: the image {path} cannot be decoded ({reason}); replace or delete it."
        ) from error
    if image.dtype != torch.uint8 or image.ndim != 3:  # a PNG of 16 bits; the frames of a film
        raise DataError(
            f"dataset image_folder: the image {path} must be a single picture with 8 bits a channel; convert "
            "or delete it."
        )
    if image.shape[1:] == (size, size):
        return image
    return F.interpolate(image[None], (size, size), mode="bilinear", antialias=True)[0]
