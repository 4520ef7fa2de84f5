"""Samples of trials with any estimators, and their gradients: the estimators' table as two operators.

The trials of a population may have several surrogates. On a CPU each run of neighbours with the same one is
a call of its own; here they are told apart inside one operator, by a number for each trial.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from trainables.kernels.availability import triton_kernels
from trainables.primitive import draw_sample
from trainables.surrogates import SURROGATES, Pass


@torch.library.custom_op("straight_through::sample", mutates_args=())
def sample(
    logits: Tensor,
    noise: Tensor,
    s: Tensor,
    tau_b: Tensor,
    kinds: Tensor,  # noqa: ARG001  # the kernel's
    runs: list[int],
    dim: int,
) -> Tensor:
    """Samples as `logits`: one-hot over an axis, or bits.

    Args:
        logits: [S, T, ...].
        noise: [S, 1, ...].
        s, tau_b: [T], temperatures of the noise and of the surrogate.
        kinds: [T] int32, places of the trials' surrogates in SURROGATES, on the device.
        runs: of neighbours with one surrogate: its place, how many they are, and so on.
        dim: the axis of the categories, counted from the end, or 0 for bits.
    """
    return samples(logits, noise, s, tau_b, runs, dim)


@sample.register_fake
def _(logits: Tensor, *_others: object) -> Tensor:
    return torch.empty_like(logits)


@torch.library.custom_op("straight_through::sample_backward", mutates_args=())
def sample_backward(
    dz: Tensor,
    z: Tensor,
    logits: Tensor,
    noise: Tensor,
    draws: Tensor | None,
    tau_b: Tensor,
    kinds: Tensor,  # noqa: ARG001  # the kernel's
    runs: list[int],
    dim: int,
) -> Tensor:
    """Gradients of the logits from those of the samples z; the rest as in `sample`, and draws
    [RAO_DRAWS, S, 1, ...] where Gumbel-Rao needs them.
    """
    return sample_gradient(dz, z, logits, noise, draws, tau_b, runs, dim)


@sample_backward.register_fake
def _(_dz: Tensor, _z: Tensor, logits: Tensor, *_others: object) -> Tensor:
    return torch.empty_like(logits)


@sample.register_kernel("cuda")
def _(
    logits: Tensor, noise: Tensor, s: Tensor, tau_b: Tensor, kinds: Tensor, runs: list[int], dim: int
) -> Tensor:
    kernels = triton_kernels("triton_sampling")
    if kernels is None or not kernels.takes(logits, noise, runs, dim):
        return samples(logits, noise, s, tau_b, runs, dim)
    out: Tensor = kernels.sample(logits, noise, s, tau_b, kinds, dim)
    return out


@sample_backward.register_kernel("cuda")
def _(
    dz: Tensor,
    z: Tensor,
    logits: Tensor,
    noise: Tensor,
    draws: Tensor | None,
    tau_b: Tensor,
    kinds: Tensor,
    runs: list[int],
    dim: int,
) -> Tensor:
    kernels = triton_kernels("triton_sampling")
    if kernels is None or not kernels.takes(logits, noise, runs, dim):
        return sample_gradient(dz, z, logits, noise, draws, tau_b, runs, dim)
    out: Tensor = kernels.gradient(dz, z, logits, noise, tau_b, kinds, dim)
    return out


class Sample(torch.autograd.Function):
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
        runs: list[int],
        dim: int,
    ) -> Tensor:
        """The samples."""
        z: Tensor = sample(logits, noise, s, tau_b, kinds, runs, dim)
        ctx.save_for_backward(z, logits, noise, draws, tau_b, kinds)  # type: ignore[attr-defined]  # torch's
        ctx.runs, ctx.dim = runs, dim  # type: ignore[attr-defined]  # likewise
        return z

    @staticmethod
    @once_differentiable
    def backward(ctx: object, dz: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient of the logits."""
        z, logits, noise, draws, tau_b, kinds = ctx.saved_tensors  # type: ignore[attr-defined]  # likewise
        runs, dim = ctx.runs, ctx.dim  # type: ignore[attr-defined]  # likewise
        gradient: Tensor = sample_backward(dz, z, logits, noise, draws, tau_b, kinds, runs, dim)
        return gradient, *(None,) * 7


def _parts(runs: Sequence[int]) -> list[tuple[int, slice]]:
    """(place of the surrogate, trials) of every run."""
    parts, start = [], 0
    for kind, trials in zip(runs[::2], runs[1::2], strict=True):
        parts.append((kind, slice(start, start + trials)))
        start += trials
    return parts


def _column(values: Tensor, trials: slice, like: Tensor) -> Tensor:
    return values[trials].view(1, -1, *(1,) * (like.ndim - 2))


def samples(logits: Tensor, noise: Tensor, s: Tensor, tau_b: Tensor, runs: Sequence[int], dim: int) -> Tensor:
    """What the kernel of `sample` does, run by run."""
    made = [
        draw_sample(
            logits[:, trials],
            noise,
            _column(s, trials, logits),
            _column(tau_b, trials, logits),
            SURROGATES[kind],
            dim or None,
        )
        for kind, trials in _parts(runs)
    ]
    return made[0] if len(made) == 1 else torch.cat(made, 1)


def sample_gradient(
    dz: Tensor,
    z: Tensor,
    logits: Tensor,
    noise: Tensor,
    draws: Tensor | None,
    tau_b: Tensor,
    runs: Sequence[int],
    dim: int,
) -> Tensor:
    """What that of `sample_backward` does, run by run."""
    made = []
    for kind, trials in _parts(runs):
        surrogate, tau, h = SURROGATES[kind], _column(tau_b, trials, logits), dz[:, trials]
        kept = Pass(logits[:, trials], tau, dim or -1, noise, draws, z[:, trials])  # type: ignore[arg-type]  # see Pass
        gradient = (surrogate.categorical if dim else surrogate.binary)(kept, h)
        # An operator's result is a tensor of its own, and the identity's is what it was given.
        made.append(gradient.clone() if gradient is h else gradient)
    return made[0] if len(made) == 1 else torch.cat(made, 1)
