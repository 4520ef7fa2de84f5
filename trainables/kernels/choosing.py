"""Operators that return the rows of a table which samples of categories choose, and their gradients. They
take the place of sampling.py where the samples themselves are not needed.

A logic gate is sampled from 16, and the network reads 4 coefficients of it. As one-hot samples that would be
16 floats, written, read by a matrix product, and read again in the backward pass; here it is one byte, and
the 4 coefficients.
"""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from trainables.kernels.availability import triton_kernels
from trainables.kernels.sampling import sample_gradient, samples

LARGEST_K = 256  # categories that a byte can number


@torch.library.custom_op("straight_through::choose", mutates_args=())
def choose(
    logits: Tensor,
    noise: Tensor,
    s: Tensor,
    tau_b: Tensor,
    kinds: Tensor,  # noqa: ARG001  # the kernel's
    table: Tensor,
    runs: list[int],
) -> tuple[Tensor, Tensor]:
    """The chosen rows [S, T, C, N] and the numbers of the chosen categories [S, T, N] uint8.

    Args:
        logits: [S, T, K, N], K at most 256.
        noise: [S, 1, K, N].
        s, tau_b, kinds, runs: as in sampling.py.
        table: [K, C].
    """
    return _choose(logits, noise, s, tau_b, table, runs)


@choose.register_fake
def _(logits: Tensor, _noise: Tensor, _s: Tensor, _tau_b: Tensor, _kinds: Tensor, table: Tensor, _runs: object
) -> tuple[Tensor, Tensor]:  # fmt: skip
    S, T, _, N = logits.shape
    return logits.new_empty(S, T, table.shape[1], N), logits.new_empty(S, T, N, dtype=torch.uint8)


@choose.register_kernel("cuda")
def _(
    logits: Tensor, noise: Tensor, s: Tensor, tau_b: Tensor, kinds: Tensor, table: Tensor, runs: list[int]
) -> tuple[Tensor, Tensor]:
    kernels = triton_kernels("triton_sampling")
    if kernels is None or not kernels.takes(logits, noise, runs, -2):
        return _choose(logits, noise, s, tau_b, table, runs)
    rows, chosen = kernels.choose(logits, noise, s, tau_b, kinds, table)
    return rows, chosen


@torch.library.custom_op("straight_through::choose_backward", mutates_args=())
def choose_backward(
    drows: Tensor,
    chosen: Tensor,
    logits: Tensor,
    noise: Tensor,
    draws: Tensor | None,
    tau_b: Tensor,
    kinds: Tensor,  # noqa: ARG001  # the kernel's
    table: Tensor,
    runs: list[int],
) -> Tensor:
    """Gradients of the logits from those of the rows; the rest as in `choose` and `sample_backward`."""
    return _choose_gradient(drows, chosen, logits, noise, draws, tau_b, table, runs)


@choose_backward.register_fake
def _(_drows: Tensor, _chosen: Tensor, logits: Tensor, *_others: object) -> Tensor:
    return torch.empty_like(logits)


@choose_backward.register_kernel("cuda")
def _(
    drows: Tensor,
    chosen: Tensor,
    logits: Tensor,
    noise: Tensor,
    draws: Tensor | None,
    tau_b: Tensor,
    kinds: Tensor,
    table: Tensor,
    runs: list[int],
) -> Tensor:
    kernels = triton_kernels("triton_sampling")
    if kernels is None or not kernels.takes(logits, noise, runs, -2):
        return _choose_gradient(drows, chosen, logits, noise, draws, tau_b, table, runs)
    out: Tensor = kernels.choose_gradient(drows, chosen, logits, noise, tau_b, kinds, table)
    return out


class Choose(torch.autograd.Function):
    """The two operators as one differentiable function of the logits; arguments as theirs."""

    @staticmethod
    def forward(
        ctx: object,
        logits: Tensor,
        noise: Tensor,
        draws: Tensor | None,
        s: Tensor,
        tau_b: Tensor,
        kinds: Tensor,
        table: Tensor,
        runs: list[int],
    ) -> Tensor:
        """The rows."""
        rows: Tensor
        rows, chosen = choose(logits, noise, s, tau_b, kinds, table, runs)
        ctx.save_for_backward(chosen, logits, noise, draws, tau_b, kinds, table)  # type: ignore[attr-defined]  # torch's
        ctx.runs = runs  # type: ignore[attr-defined]  # likewise
        return rows

    @staticmethod
    @once_differentiable
    def backward(ctx: object, drows: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient of the logits."""
        chosen, logits, noise, draws, tau_b, kinds, table = ctx.saved_tensors  # type: ignore[attr-defined]  # likewise
        runs = ctx.runs  # type: ignore[attr-defined]  # likewise
        gradient: Tensor = choose_backward(drows, chosen, logits, noise, draws, tau_b, kinds, table, runs)
        return gradient, *(None,) * 7


def _choose(
    logits: Tensor, noise: Tensor, s: Tensor, tau_b: Tensor, table: Tensor, runs: list[int]
) -> tuple[Tensor, Tensor]:
    z = samples(logits, noise, s, tau_b, runs, -2)
    return table.T @ z, z.argmax(-2).to(torch.uint8)


def _choose_gradient(
    drows: Tensor,
    chosen: Tensor,
    logits: Tensor,
    noise: Tensor,
    draws: Tensor | None,
    tau_b: Tensor,
    table: Tensor,
    runs: list[int],
) -> Tensor:
    numbers = torch.arange(len(table), dtype=torch.uint8, device=chosen.device)
    z = (chosen[..., None, :] == numbers[:, None]).to(logits.dtype)
    return sample_gradient(table @ drows, z, logits, noise, draws, tau_b, runs, -2)
