"""Users' arrays as the vectors of features that built-in tasks take.

A built-in task takes inputs [n, D], and, if it is a classifier, labels from 0 on. Arrays have any shape;
those that cannot be taken are an error that says what came and what to do, before anything is trained. Free
of torch: a driver passes numpy arrays, training passes tensors.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from trainables.data import DataError, Dataset, Split

Values = Literal["numbers", "pixels", "bytes"]
_WANTED = {
    "pixels": "pixels: uint8, or floating point from 0 to 1",
    "bytes": "pixels as uint8, from 0 to 255",
}


def as_vectors(dataset: Dataset, task: str, *, values: Values, labels: bool) -> Dataset:
    """The dataset with inputs [n, D], shaped [channels, height, width] for pictures of them.

    Args:
        dataset: of one array of inputs [n, ...]; a dataset of images is taken as it is.
        task: what errors call it.
        values: what inputs the task can take: any numbers, pixels in [0, 1], or only pixels of one byte.
        labels: whether it needs classes.

    Raises:
        DataError: inputs by name, inputs or labels of another kind, labels that do not count from 0.
    """
    said = f"dataset {dataset.name}: task {task}"
    inputs = dataset.train.inputs
    if isinstance(inputs, Mapping):
        raise DataError(f"{said} takes one array of inputs. Got {', '.join(inputs)}; name one of them.")
    if _is_complex(inputs):
        raise DataError(f"{said} takes real numbers. Got {_kind(inputs)}.")
    splits = {name: getattr(dataset, name) for name in ("train", "validation", "test")}
    if values != "numbers":
        for split in splits.values():
            _check_pixels(split.inputs, values, said)
    if labels:
        _check_classes(dataset, splits, said)
    n = len(dataset.shape)
    shape = dataset.shape if n == 3 else (1, *dataset.shape) if n == 2 else (1, 1, dataset.features)
    flat = {
        name: replace(split, inputs=split.inputs.reshape(len(split), -1)) for name, split in splits.items()
    }
    return replace(dataset, **flat, shape=shape)


def _check_pixels(inputs: Any, values: Values, said: str) -> None:
    if _kind(inputs) == "uint8":
        return
    low, high = inputs.min().item(), inputs.max().item()
    if values == "bytes" or not _is_floating(inputs) or low < 0 or high > 1:
        raise DataError(
            f"{said} takes {_WANTED[values]}. Got {_kind(inputs)} from {low:.6g} to {high:.6g}; scale "
            "them, and round them to uint8 where they are to be bytes."
        )


def _check_classes(dataset: Dataset, splits: dict[str, Split], said: str) -> None:
    examples = sum(map(len, splits.values()))
    y = dataset.train.labels
    if y is None:
        raise DataError(f"{said} is a classifier and needs labels; name their field as `labels`.")
    if isinstance(y, Mapping):
        raise DataError(f"{said} takes one array of labels. Got {', '.join(y)}; name one of them.")
    if y.ndim != 1 or _is_floating(y) or _is_complex(y):
        raise DataError(
            f"{said} takes labels [n] of whole numbers, a class for each example. Got {_kind(y)} "
            f"{list(y.shape)}."
        )
    every = [split.labels for split in splits.values()]
    low, high = min(int(y.min()) for y in every), max(int(y.max()) for y in every)
    if low < 0 or high < 1 or high >= examples:
        raise DataError(
            f"{said} takes labels that count from 0, of two classes or more. Got {low} to {high} for "
            f"{examples} examples; number the classes 0, 1, 2, ..."
        )


def _kind(x: Any) -> str:
    return str(x.dtype).removeprefix("torch.")


def _is_floating(x: Any) -> bool:
    return "float" in _kind(x)


def _is_complex(x: Any) -> bool:
    return "complex" in _kind(x)
