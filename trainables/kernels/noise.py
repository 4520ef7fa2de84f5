"""Noise of all seeds in one launch: counters.py as an operator."""

import torch
from torch import Tensor

from trainables.counters import KINDS, words
from trainables.kernels.availability import triton_kernels


@torch.library.custom_op("straight_through::noise", mutates_args=())
def noise(keys: Tensor, step: Tensor, count: int, kind: str, dtype: torch.dtype) -> Tensor:
    """Draws 0 ... count - 1 of a step for every seed, [S, count].

    Args:
        keys: [S, 2] of counters.keys.
        step: [] int64, read on the device.
        count: how many for each seed.
        kind: a key of counters.KINDS.
        dtype: of the result.
    """
    return KINDS[kind](words(keys, step, count), dtype)


@noise.register_fake
def _(keys: Tensor, step: Tensor, count: int, kind: str, dtype: torch.dtype) -> Tensor:  # noqa: ARG001
    return keys.new_empty(len(keys), count, dtype=dtype)


@noise.register_kernel("cuda")
def _(keys: Tensor, step: Tensor, count: int, kind: str, dtype: torch.dtype) -> Tensor:
    kernels = triton_kernels("triton_noise")
    if kernels is None:
        return KINDS[kind](words(keys, step, count), dtype)
    out: Tensor = kernels.noise(keys, step, count, kind, dtype)
    return out
