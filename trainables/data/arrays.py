"""Your own arrays as a dataset: tensors, numpy arrays, a map-style torch Dataset, or a file of arrays.

Everything is read once into memory, because every seed shuffles all of it anew in every epoch. Any dtype and
shape will do. Only uint8 inputs are taken for pixels, as elsewhere in this package: a module gets them
divided by 255. Files are .npz or .safetensors; nothing is ever unpickled.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor

from trainables.data.dataset import Batch, DataError, Dataset, Split, each, one_line, tensors
from trainables.data.shuffling import shuffled

# A tensor or array [n, ...]; {name: array}; (inputs, labels); a map-style torch Dataset of such examples.
Examples: TypeAlias = Any
Share: TypeAlias = "float | Examples"  # of the data, drawn by a fixed seed; or the examples themselves
_PIXEL = 255


def from_examples(
    data: Examples, *, validation: Share = 0.1, test: Share = 0.1, name: str = "arrays"
) -> Dataset:
    """A Dataset of examples in memory.

    Args:
        data: what is trained on: arrays [n, ...], {name: array} for batches that are dictionaries, (inputs,
            labels), or a map-style Dataset whose examples are one of these. Without labels the inputs are the
            target.
        validation, test: a share of the data from 0 to below 1, at least one example, the same for every
            seed, study and machine; or examples like `data`.
        name: of the dataset.

    Raises:
        DataError: too few examples, arrays of different lengths, values that are NaN or infinite, an array
            that is none of numbers, or a Dataset that does not fit into memory.
    """
    whole = as_split(data, name, "the data")
    held_out: dict[str, Split] = {}
    counts: dict[str, int] = {}
    for part, wanted in (("validation", validation), ("test", test)):
        if isinstance(wanted, int | float) and not isinstance(wanted, bool):
            if not 0 < wanted < 1:
                raise DataError(
                    f"dataset {name}: {part} must be a share of the data above 0 and below 1, or "
                    f"examples. Got {wanted}."
                )
            counts[part] = max(1, round(wanted * len(whole)))
        else:
            held_out[part] = as_split(wanted, name, f"the {part} data")
    kept = len(whole) - sum(counts.values())
    if kept < 2:
        raise DataError(
            f"dataset {name} has {len(whole)} example{'s' * (len(whole) != 1)}, which leaves "
            f"{max(kept, 0)} to train on; at least {2 + sum(counts.values())} are needed."
        )
    order = shuffled(len(whole), "arrays split")
    for part, count in counts.items():
        held_out[part], order = whole.take(order[:count]), order[count:]
    train = whole.take(order) if counts else whole
    return dataset_of(name, train, held_out["validation"], held_out["test"])


def dataset_of(name: str, train: Split, validation: Split, test: Split) -> Dataset:
    """A Dataset of three splits of arrays.

    Raises:
        DataError: they are not of one form.
    """
    forms = [_form(split) for split in (train, validation, test)]
    for part, form in zip(("validation", "test"), forms[1:], strict=True):
        if form != forms[0]:
            raise DataError(f"dataset {name}: train and {part} differ in form: {forms[0]} and {form}.")
    whole = [split.labels for split in (train, validation, test)]
    classes = 0
    if all(isinstance(y, Tensor) and y.ndim == 1 and y.dtype == torch.int64 for y in whole):
        labels = torch.cat(whole)
        classes = int(labels.max()) + 1 if int(labels.min()) >= 0 else 0
    inputs = train.inputs
    return Dataset(
        name,
        train=train,
        validation=validation,
        test=test,
        shape=tuple(inputs.shape[1:]) if isinstance(inputs, Tensor) else (),
        classes=classes,
        largest=_PIXEL if any(x.dtype == torch.uint8 for x in tensors(inputs)) else 1,
    )


def _form(split: Split) -> str:
    def described(batch: Batch) -> str:
        if isinstance(batch, Mapping):
            return str({name: described(x) for name, x in batch.items()})
        return (
            "none" if batch is None else f"{str(batch.dtype).removeprefix('torch.')} {list(batch.shape[1:])}"
        )

    return f"inputs {described(split.inputs)}, labels {described(split.labels)}"


def as_split(data: Examples, name: str, what: str) -> Split:
    """Examples of any kind as tensors, looked through."""
    if _is_map_style(data):
        data = _read(data, name)
    pair = isinstance(data, tuple)
    if pair and len(data) != 2:
        raise DataError(
            f"dataset {name}: {what} as a tuple must be (inputs, labels). Got {len(data)} entries."
        )
    inputs, labels = data if pair else (data, None)
    split = Split(_tensors(inputs, name, "inputs"), _labels(_tensors(labels, name, "labels")))
    lengths = {len(x) for x in (*tensors(split.inputs), *tensors(split.labels))}
    if len(lengths) != 1:
        raise DataError(
            f"dataset {name}: all arrays must have one length, the number of examples. Got {sorted(lengths)}."
        )
    return split


def _labels(labels: Batch) -> Batch:
    """Whole-number labels are mostly classes, which torch's losses want as int64."""
    return each(labels, lambda x: x if x.is_floating_point() or x.is_complex() else x.long())


def _tensors(value: Any, name: str, what: str) -> Batch:
    if value is None:
        return None
    if isinstance(value, Mapping):
        if not value:
            raise DataError(f"dataset {name}: {what} must be arrays by name. Got none.")
        return {str(key): _tensor(x, name, f"{what}[{key!r}]") for key, x in value.items()}
    return _tensor(value, name, what)


def _tensor(value: Any, name: str, what: str) -> Tensor:
    """A tensor [n, ...] of finite numbers."""
    if hasattr(value, "to_numpy"):  # a pandas DataFrame or Series
        value = value.to_numpy()
    if isinstance(value, Tensor):
        tensor = value.detach()
    else:
        flags = getattr(value, "flags", None)  # of a numpy array
        try:
            if flags is not None and not (flags.writeable and flags.c_contiguous):
                value = value.copy()  # torch warns of arrays that must not be written to
            tensor = torch.as_tensor(value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise DataError(
                f"dataset {name}: {what} must be an array of numbers ({one_line(error)}); encode text and "
                "categories as numbers first."
            ) from error
    if tensor.ndim == 0 or len(tensor) == 0:
        raise DataError(
            f"dataset {name}: {what} must have an axis of examples, at least one. Got {list(tensor.shape)}."
        )
    if tensor.is_floating_point():
        bad = (~tensor.flatten(1).isfinite()).any(1) if tensor.ndim > 1 else ~tensor.isfinite()
        if bool(bad.any()):
            raise DataError(
                f"dataset {name}: {what} has values that are NaN or infinite in {int(bad.sum())} of "
                f"{len(tensor)} examples, first in number {int(bad.int().argmax())}; fill or drop them."
            )
    return tensor


# --- a map-style Dataset ---


def _is_map_style(data: Any) -> bool:
    first = data[0] if isinstance(data, list) and data else None
    if isinstance(first, tuple) and first and getattr(first[0], "ndim", 0) > 0:
        return True  # examples (inputs, label) in a list
    if isinstance(data, Tensor | Mapping | tuple | list | int | float) or hasattr(data, "__array__"):
        return False
    if hasattr(data, "to_numpy"):
        return False
    if not hasattr(data, "__getitem__") or not hasattr(data, "__len__"):
        raise DataError(
            f"data must be arrays, (inputs, labels), or a Dataset with a length and numbered examples. Got "
            f"{type(data).__name__}; of a DataLoader give its dataset, of an iterator a list."
        )
    return True


def _read(dataset: Any, name: str) -> Examples:
    """All examples of a map-style Dataset, stacked."""
    n = len(dataset)
    if n == 0:
        raise DataError(f"dataset {name} has no example.")
    first = _example(dataset[0], name)
    needed = n * sum(x.nbytes for x in first.values())
    free = free_bytes()
    if needed > free:
        raise DataError(
            f"dataset {name}: its {n} examples take {needed / 2**30:.1f} GB as tensors, and this machine has "
            f"{free / 2**30:.1f} GB free; take a part (torch.utils.data.Subset) or make the examples smaller."
        )
    stacks = {key: torch.empty(n, *x.shape, dtype=x.dtype) for key, x in first.items()}
    for i in range(n):
        example = first if i == 0 else _example(dataset[i], name)
        for key, stack in stacks.items():
            if example.keys() != stacks.keys() or example[key].shape != stack.shape[1:]:
                found = {k: list(v.shape) for k, v in example.items()}
                wanted = {k: list(v.shape[1:]) for k, v in stacks.items()}
                raise DataError(
                    f"dataset {name}: example {i} has the form {found}, and the first has {wanted}; crop, "
                    "pad or resize them to one shape."
                )
            stack[i] = example[key]
    return _unpacked(stacks)


_INPUTS, _LABELS = "inputs", "labels"


def _example(item: Any, name: str) -> dict[str, Tensor]:
    """The tensors of one example by place: "inputs" or "inputs.<name>", and likewise "labels"."""
    parts = item if isinstance(item, tuple | list) else (item,)
    if len(parts) > 2:
        raise DataError(
            f"dataset {name}: an example must be inputs, or (inputs, labels). Got {len(parts)} parts."
        )
    found = {}
    for place, part in zip((_INPUTS, _LABELS), parts, strict=False):
        named = (
            {f"{place}.{key}": x for key, x in part.items()} if isinstance(part, Mapping) else {place: part}
        )
        for key, x in named.items():
            try:
                found[key] = torch.as_tensor(x)
            except (TypeError, ValueError, RuntimeError) as error:
                raise DataError(
                    f"dataset {name}: an example's {key} must be a tensor or a number, and is "
                    f"{type(x).__name__}; give the Dataset a transform that makes one (torchvision's "
                    "PILToTensor)."
                ) from error
    return found


def _unpacked(stacks: dict[str, Tensor]) -> Examples:
    def part(place: str) -> Batch:
        if place in stacks:
            return stacks[place]
        return {
            k.removeprefix(f"{place}."): x for k, x in stacks.items() if k.startswith(f"{place}.")
        } or None

    labels = part(_LABELS)
    return part(_INPUTS) if labels is None else (part(_INPUTS), labels)


def free_bytes() -> int:
    """The memory that this machine can give; where it does not say, all it has."""
    file = Path("/proc/meminfo")
    if file.exists():
        entries = dict(line.split(":", 1) for line in file.read_text().splitlines())
        return int(entries["MemAvailable"].split()[0]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
