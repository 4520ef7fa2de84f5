"""A second device for tests on a machine without a GPU: tensors that say they are on it, compute on the CPU,
and refuse what a GPU refuses.

An operation that mixes tensors of the device with tensors of the host is an error, but for those that torch
allows: a host's scalar, a host's index, a copy. Its generators are the CPU's under another name, so nothing
is learnt here about a GPU's numbers. The device is called "meta" and not "cuda", because autograd asks CUDA's
driver about CUDA devices. For the same reason an index that is a list does not work: torch makes a tensor of
it that no mode sees.
"""

from contextlib import contextmanager
from unittest.mock import patch

import torch
import torch._dynamo  # which dispatch modes import at their first use: before torch is changed below
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map_only

DEVICE = torch.device("meta")
_INDEXED = {"index", "index_put", "index_put_", "_index_put_impl_"}


class OnDevice(torch.Tensor):
    """A tensor that says it is on the device, around one on the CPU that has its numbers."""

    __torch_function__ = torch._C._disabled_torch_function_impl  # a copy on the host is an ordinary tensor

    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(
            cls, inner.size(), strides=inner.stride(), storage_offset=inner.storage_offset(),
            dtype=inner.dtype, layout=inner.layout, device=DEVICE, requires_grad=False,
        )  # fmt: skip

    def __init__(self, inner):
        self.inner = inner

    def __repr__(self):
        return f"OnDevice({self.inner!r})"

    def tolist(self):
        return self.inner.tolist()

    @classmethod
    def __torch_dispatch__(cls, function, types, arguments=(), keywords=None):
        return _computed(function, arguments, keywords or {})


class _Mode(TorchDispatchMode):
    """Catches functions that create tensors without taking one, for which no tensor's class is asked."""

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        return _computed(function, arguments, keywords or {})


class _Generator(torch.Generator):
    """A generator of the CPU that says it is the device's."""

    device = DEVICE


@contextmanager
def simulated_device():
    """Within it there is the device. Yields it."""
    lift = torch._C._only_lift_cpu_tensors()
    new_generator, new_tensor = torch.Generator, torch.tensor

    def generator(device="cpu"):
        return _Generator() if torch.device(device) == DEVICE else new_generator(device)

    def tensor(data, *, device="cpu", **keywords):  # torch makes one of "meta" without asking a mode
        return new_tensor(data, **keywords).to(device)

    with patch("torch.Generator", generator), patch("torch.tensor", tensor), _Mode():
        torch._C._set_only_lift_cpu_tensors(True)
        try:
            yield DEVICE
        finally:
            torch._C._set_only_lift_cpu_tensors(lift)


def _computed(function, arguments, keywords):
    name = function._schema.name.partition("::")[2]
    tensors = [x for x in tree_flatten((arguments, keywords))[0] if isinstance(x, torch.Tensor)]
    there = [isinstance(x, OnDevice) for x in tensors]
    if any(there):
        _check(name, tensors, there)
    device = keywords.get("device")
    if device is not None:
        keywords = keywords | {"device": "cpu"}
        wrapped = torch.device(device) == DEVICE
    else:
        wrapped = there[0] if name == "copy_" else any(there)
    inner = tree_map_only(OnDevice, lambda x: x.inner, (arguments, keywords))
    out = function(*inner[0], **inner[1])
    if not wrapped:
        return out
    mine = {id(x.inner): x for x in tensors if isinstance(x, OnDevice)}  # what is changed in place is itself

    def outer(x):
        return mine[id(x)] if id(x) in mine else OnDevice(x)

    return tree_map_only(torch.Tensor, outer, out)


def _check(name, tensors, there):
    """Raises what torch raises for operations of two devices."""
    if name in ("copy_", "_to_copy"):
        return
    if name in _INDEXED:
        if not there[0]:
            raise RuntimeError(
                "indices should be either on cpu or on the same device as the indexed tensor (cpu)"
            )
        return
    if any(not on_device and x.ndim for x, on_device in zip(tensors, there, strict=True)):
        raise RuntimeError(
            "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu! "
            f"(when checking argument in method {name})"
        )
