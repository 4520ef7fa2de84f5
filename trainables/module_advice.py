"""Advice for a module that cannot be called: torch says what went wrong, and the cause is one of a few."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from trainables.data import Batch
from trainables.data.dataset import tensors
from trainables.tasks.base import Parameters

_KEPT = (
    "leave its parameters in torch's default dtype, without .double() or .half(): a study's field "
    "`precision` chooses it"
)
_FLOATS = "give the data as floats (x.float()), or let forward convert it"
_ONE_ARGUMENT = (
    "its forward is called with one argument, the inputs; several go into a dictionary of arrays, "
    "data=({'a': a, 'b': b}, labels)"
)
_DICTIONARY = (
    "the inputs are a dictionary, as the data is; let forward take what it needs from it (batch['x']), and "
    "give labels beside the inputs, data=(inputs, labels)"
)
_DEVICE = (
    "leave devices to the tuner, which moves parameters and data: no .cuda(), no .to(device), and new "
    "tensors by x.new_zeros(...)"
)
_SIZES = (
    "make its sizes fit what it is given; a parameter `dataset` of the module receives the dataset, with the "
    "shape of its inputs and the number of its classes"
)


def _dtypes(parameters: Parameters, inputs: Batch) -> str:
    floats = [t for t in parameters.values() if t.is_floating_point()]
    if any(t.dtype != torch.get_default_dtype() for t in floats):
        return _KEPT
    return "" if all(x.is_floating_point() for x in tensors(inputs)) else _FLOATS


_CAUSES: tuple[tuple[str, Callable[[Parameters, Batch], str]], ...] = (
    (r"required positional argument|positional arguments? but", lambda *_: _ONE_ARGUMENT),
    (r"not dict\b|'dict' object", lambda *_: _DICTIONARY),
    (r"NVIDIA|CUDA|cuda|same device|on device", lambda *_: _DEVICE),
    (r"dtype|not implemented for '(?:Long|Bool|Int|Byte)'", _dtypes),
    (r"shape|[Ss]ize|must match|channels|dimension|out of range", lambda *_: _SIZES),
)


def advice(said: str, parameters: Parameters, inputs: Batch) -> str:
    """A sentence on what to do, with a blank before it; empty where nobody can say.

    Args:
        said: what torch, or the module, raised.
        parameters: the module's.
        inputs: what forward was given.
    """
    for cause, known in _CAUSES:
        if re.search(cause, said):
            sentence = known(parameters, inputs)
            return f" {sentence[0].upper()}{sentence[1:]}." if sentence else ""
    return ""


def described(value: Any) -> str:
    """Shape, type and, of whole numbers, range of what is passed to and fro."""
    if isinstance(value, Tensor):
        kind = str(value.dtype).removeprefix("torch.")
        whole = value.numel() and not value.is_floating_point() and not value.is_complex()
        ends = f" from {int(value.min())} to {int(value.max())}" if whole else ""
        return f"{kind} {list(value.shape)}{ends}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {described(x)}" for name, x in value.items()) + "}"
    if isinstance(value, tuple | list):
        return "(" + ", ".join(described(x) for x in value) + ")"
    return type(value).__name__


def as_scalar(value: Any) -> str:
    """How what a loss or metric returned becomes a scalar, as a sentence with a blank before it."""
    if isinstance(value, Tensor):
        return " Append .mean() to it." if value.is_floating_point() else " Append .float().mean() to it."
    if isinstance(value, Mapping | tuple | list):
        return (
            " Return the sum of its terms, and give what is only to be watched as metrics={name: function}."
        )
    return " Return the tensor, without .item() or float()." if isinstance(value, float | int) else ""
