"""A file of arrays in the data folder: numpy's .npz or .safetensors, with the names of its fields.

A field `x` is split by fractions, or by a field that says which split an example belongs to; or the file
has the fields `x_train` and `x_test`, as many published files do, and perhaps `x_validation`.
"""

from collections.abc import Set
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import torch

from trainables.data.arrays import Examples, Share, as_split, dataset_of, from_examples
from trainables.data.dataset import Batch, DataError, Dataset, one_line

_SPLITS = ("train", "validation", "test")  # a field of splits holds their numbers


def load(
    data_folder: Path,
    *,
    file: str,
    inputs: str | list[str],
    labels: str | list[str] | None = None,
    splits: str | None = None,
    validation: float = 0.1,
    test: float = 0.1,
) -> Dataset:
    """The arrays of a file as a dataset. Inputs of several fields are batches {name: [B, ...]}.

    Raises:
        DataError: the file or a field is missing, or what from_examples says of arrays.
    """
    names = {*_names(inputs), *_names(labels), *_names(splits)}
    fields = _Fields(data_folder / file, names | {f"{name}_{part}" for name in names for part in _SPLITS})

    def batch(names: str | list[str] | None, suffix: str = "") -> Batch:
        if isinstance(names, list | tuple):
            return {name: fields[name + suffix] for name in names}
        return None if names is None else fields[names + suffix]

    def examples(suffix: str = "") -> Examples:
        found = batch(inputs, suffix)
        return found if labels is None else (found, batch(labels, suffix))

    if splits is not None:
        return _by_field(examples(), fields, splits)
    first = _names(inputs)[0]
    if first not in fields and f"{first}_train" in fields:
        shares: dict[str, Share] = {"validation": validation, "test": test}
        shares |= {part: examples(f"_{part}") for part in shares if f"{first}_{part}" in fields}
        return from_examples(
            examples("_train"), validation=shares["validation"], test=shares["test"], name="arrays"
        )
    return from_examples(examples(), validation=validation, test=test)


def _names(given: str | list[str] | None) -> list[str]:
    if given is None:
        return []
    return [given] if isinstance(given, str) else list(given)


def _by_field(examples: Examples, fields: "_Fields", name: str) -> Dataset:
    """The three splits that a field tells apart."""
    whole = as_split(examples, "arrays", "the data")
    number = torch.as_tensor(fields[name])
    said = f"dataset arrays: the field {name} in {fields.path} must"
    if number.ndim != 1 or number.is_floating_point() or len(number) != len(whole):
        raise DataError(f"{said} have one whole number for each of {len(whole)} examples.")
    parts = [whole.take((number == k).nonzero()[:, 0]) for k in range(3)]
    if sum(map(len, parts)) != len(whole) or not all(map(len, parts)):
        raise DataError(
            f"{said} hold 0 (train), 1 (validation) and 2 (test), each for some examples, and nothing else."
        )
    return dataset_of("arrays", *parts)


class _Fields:
    """Some fields of a file, read; a missing one is an error that lists those there are."""

    def __init__(self, path: Path, wanted: Set[str]) -> None:
        self.path = path
        if not path.is_file():
            raise DataError(
                f"dataset arrays: there is no file {path}; put it there, or set TUNER_DATA to the folder "
                f"that has {path.name}."
            )
        read = _npz if path.suffix == ".npz" else _safetensors
        try:
            self._arrays, self._names = read(path, wanted)
        except ImportError as error:
            raise DataError(
                f"dataset arrays: {path.name} cannot be read: {one_line(error)}; install it."
            ) from error
        except (OSError, EOFError, ValueError, BadZipFile) as error:
            # numpy says ValueError of pickled objects, which it is told never to load.
            raise DataError(
                f"dataset arrays: the file {path} cannot be read ({one_line(error)}); it must be whole, "
                "and hold arrays of numbers only."
            ) from error

    def __contains__(self, name: str) -> bool:
        return name in self._arrays

    def __getitem__(self, name: str) -> Any:
        if name not in self._arrays:
            has = ", ".join(sorted(self._names)[:20])
            raise DataError(f"dataset arrays: the file {self.path} has no field {name}; it has {has}.")
        return self._arrays[name]


def _npz(path: Path, wanted: Set[str]) -> tuple[dict[str, Any], list[str]]:
    import numpy as np  # not on a machine that has only torch

    # Opened here, because numpy leaves a damaged file open.
    with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
        return {name: file[name] for name in file.files if name in wanted}, file.files


def _safetensors(path: Path, wanted: Set[str]) -> tuple[dict[str, Any], list[str]]:
    from safetensors import SafetensorError, safe_open  # not on a machine that has only torch

    try:
        with safe_open(path, framework="pt") as file:
            names = list(file.keys())
            return {name: file.get_tensor(name) for name in names if name in wanted}, names
    except SafetensorError as error:
        raise ValueError(str(error)) from error
