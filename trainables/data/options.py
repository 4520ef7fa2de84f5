"""The options of datasets: their names, and what values they take. In a file of its own, because a spec is
checked without reading data.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Option:
    """One option of a dataset."""

    wanted: str  # follows "must be"
    accepts: Callable[[Any], bool]
    required: bool = True


# No path separator: never outside the data folder.
_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.(npz|safetensors)")


def _is_folder_name(value: Any) -> bool:
    return isinstance(value, str) and _FOLDER.fullmatch(value) is not None


def _is_size(value: Any) -> bool:
    return type(value) is int and 1 <= value <= 512  # True is an int, and no size


def _is_file_name(value: Any) -> bool:
    return isinstance(value, str) and _FILE.fullmatch(value) is not None


def _is_field(value: Any) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= 200


def _is_fields(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return 1 <= len(value) <= 100 and all(_is_field(x) for x in value) and len({*value}) == len(value)
    return _is_field(value)


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1


IMAGE_FOLDER = {
    "folder": Option(
        "the name of a folder in the data folder, 1 to 64 letters, digits, '.', '_' or '-', beginning with a "
        "letter or digit",
        _is_folder_name,
    ),
    "size": Option("a whole number from 1 to 512, the pixels of an image's side", _is_size),
}
ARRAYS = {
    "file": Option("the name of a .npz or .safetensors file in the data folder", _is_file_name),
    "inputs": Option("the name of a field of the file, or a list of names for several inputs", _is_fields),
    "labels": Option("the name of a field of the file, or a list of names", _is_fields, required=False),
    "splits": Option(
        "the name of a field with 0, 1 or 2 for every example: train, validation, test",
        _is_field,
        required=False,
    ),
    "validation": Option("a share of the examples, above 0 and below 1", _is_share, required=False),
    "test": Option("a share of the examples, above 0 and below 1", _is_share, required=False),
}
BUILT_IN: dict[str, Mapping[str, Option]] = {"image_folder": IMAGE_FOLDER, "arrays": ARRAYS}  # others: none
