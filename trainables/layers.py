"""Stacked linear layers: the same layer of every member as one tensor and one (batched) matrix product.

Activations are batch-last, [S, T, N, B]: weights [S, T, N, D] then multiply from the left, and all members of
a seed, which share their input [S, D, B], need ONE matrix product [T*N, D] x [D, B] whose result is already
stacked by member. With the batch before the units that result would have to be copied; measured 15 % slower
for a whole training step.

The products may be made in another precision than the rest: it is what an accelerator's peak depends on.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

# What the factors of a product of matrices are rounded to: "tf32", which only CUDA has, is 10 bits of
# mantissa, "bfloat16" 7, and so is the product there. Parameters, moments and biases stay as they are.
PRECISIONS = ("float32", "tf32", "bfloat16")
_bfloat16: ContextVar[bool] = ContextVar("bfloat16", default=False)


@contextmanager
def products(precision: str) -> Iterator[None]:
    """Within it, the products of `linear` and `shared_input_linear`, and their gradients', have this
    precision; of a module's own layers, a GPU's products and convolutions are in tf32 or float32.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"precision must be one of {', '.join(PRECISIONS)}. Got {precision!r}.")
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = precision == "tf32"
    token = _bfloat16.set(precision == "bfloat16")
    try:
        yield
    finally:
        _bfloat16.reset(token)
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def _product(bias: Tensor, weight: Tensor, x: Tensor) -> Tensor:
    """bias [n, N, 1] + weight [n, N, D] @ x [n, D, B]."""
    if _bfloat16.get():
        return bias + torch.bmm(weight.bfloat16(), x.bfloat16()).to(weight.dtype)
    return torch.baddbmm(bias, weight, x)


def init_linear(fan_in: int, fan_out: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Weight [fan_out, fan_in] and bias [fan_out, 1] of one layer, float32, torch.nn.Linear's default
    distribution.

    That default (kaiming_uniform with a = sqrt(5), and the bias) is uniform in +-1/sqrt(fan_in) for both.
    """
    bound = 1 / math.sqrt(fan_in)

    def draw(*shape: int) -> Tensor:
        return torch.empty(shape).uniform_(-bound, bound, generator=generator)

    return draw(fan_out, fan_in), draw(fan_out, 1)


def shared_input_linear(weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """The first layer of all members of a seed as one matrix product per seed.

    Args:
        weight: [S, T, N, D].
        bias: [S, T, N, 1].
        x: [S, D, B], the same for all trials of a seed.

    Returns:
        [S, T, N, B].
    """
    S, T, N, D = weight.shape
    out = _product(bias.view(S, T * N, 1), weight.view(S, T * N, D), x)
    return out.view(S, T, N, -1)


def linear(weight: Tensor, bias: Tensor, x: Tensor) -> Tensor:
    """A later layer: every member multiplies its own input, one batched product over members.

    Args:
        weight: [S, T, N, D].
        bias: [S, T, N, 1].
        x: [S, T, D, B].

    Returns:
        [S, T, N, B].
    """
    S, T, N, D = weight.shape
    out = _product(bias.view(S * T, N, 1), weight.view(S * T, N, D), x.reshape(S * T, D, -1))
    return out.view(S, T, N, -1)
