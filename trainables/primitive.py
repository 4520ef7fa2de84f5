"""The autograd function that all estimators share: it returns a sample, whose gradient is the surrogate's.

It draws no noise and checks no arguments. estimators.py says which noise and which surrogate each estimator
has, and checks what users pass; populations call this file directly, with all their members stacked.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from trainables.surrogates import Pass, Surrogate, Temperature, softmax
from trainables.torch_private import inside_transformation


@dataclass(frozen=True)
class Coefficients:
    """What tells one estimator at its temperatures from another. Tensors broadcast against the logits."""

    s: Temperature  # noise in the forward pass; 0 is argmax
    tau_b: Temperature  # temperature of the surrogate; unused where it is the identity
    surrogate: Surrogate


def straight_through(
    logits: Tensor, noise: Tensor | None, c: Coefficients, *, dim: int = -1, draws: Tensor | None = None
) -> Tensor:
    """The categorical primitive: one-hot over the axis `dim`; no checks, coefficients already broadcast
    against logits.

    An axis that is not the last is faster on a CPU: reductions over it are vectorised over the axes behind
    it.
    """
    return _sampled(logits, noise, draws, c, dim)


def straight_through_binary(
    logits: Tensor, noise: Tensor | None, c: Coefficients, *, draws: Tensor | None = None
) -> Tensor:
    """The binary primitive: values in {0, 1}; no checks, coefficients already broadcast against logits."""
    return _sampled(logits, noise, draws, c, None)


def _sampled(
    logits: Tensor, noise: Tensor | None, draws: Tensor | None, c: Coefficients, dim: int | None
) -> Tensor:
    # torch inspects the signature of a Function that has setup_context in every call, which takes as long as
    # sampling a small layer: only where a transform needs it.
    function = _TransformedSample if inside_transformation() else _Sample
    out: Tensor = function.apply(logits, noise, draws, c.s, c.tau_b, c.surrogate, dim)
    return out


class _Sample(torch.autograd.Function):
    """Samples, and keeps for backward what its surrogate needs and no more."""

    @staticmethod
    def forward(ctx: Any, *inputs: Any) -> Tensor:
        z = draw_sample(inputs[0], inputs[1], *inputs[3:])
        _keep(ctx, inputs, z)
        return z

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dz: Tensor) -> tuple[Tensor | None, ...]:
        return _backward(ctx, dz)


class _TransformedSample(torch.autograd.Function):
    """The same for torch.func's transforms: arguments are flat, and setup_context is apart from forward.

    Under vmap every batched axis becomes a leading axis of one ordinary call, which is the stacked form that
    a population of built-in tasks calls directly.
    """

    @staticmethod
    def forward(  # torch wants the arguments named
        logits: Tensor,
        noise: Tensor | None,
        draws: Tensor | None,  # noqa: ARG004  # the backward pass's
        s: Temperature,
        tau_b: Temperature,
        surrogate: Surrogate,
        dim: int | None,
    ) -> Tensor:
        return draw_sample(logits, noise, s, tau_b, surrogate, dim)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _keep(ctx, inputs, output)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dz: Tensor) -> tuple[Tensor | None, ...]:
        return _backward(ctx, dz)

    @staticmethod
    def vmap(
        info: Any,
        in_dims: tuple[int | None, ...],
        logits: Tensor,
        noise: Tensor | None,
        draws: Tensor | None,
        s: Temperature,
        tau_b: Temperature,
        surrogate: Surrogate,
        dim: int | None,
    ) -> tuple[Tensor, int]:
        """The batched axis comes first, and the others are aligned behind it as without it."""
        if in_dims[0] is None:
            logits = logits.expand(info.batch_size, *logits.shape)
        else:
            logits = logits.movedim(in_dims[0], 0)
        axes = logits.ndim - 1  # that one call sees

        def aligned(x: Any, batched: int | None, place: int = 0) -> Any:
            """The batched axis of x at `place`, and new ones behind it, so that x's other axes stand last."""
            if batched is None:
                return x
            x = x.movedim(batched, place)
            return x[(slice(None),) * (place + 1) + (None,) * (axes - x.ndim + 1 + place)]

        c = Coefficients(aligned(s, in_dims[3]), aligned(tau_b, in_dims[4]), surrogate)
        drawn = aligned(draws, in_dims[2], place=1)  # behind the axis of the draws
        last = dim if dim is None or dim < 0 else dim - axes
        return _sampled(logits, aligned(noise, in_dims[1]), drawn, c, last), 0


def draw_sample(
    logits: Tensor,
    noise: Tensor | None,
    s: Temperature,
    tau_b: Temperature,
    surrogate: Surrogate,
    dim: int | None,
) -> Tensor:
    """The forward pass of the primitive without its gradient: one-hot over the axis `dim`, or bits where it
    is None.
    """
    if surrogate.relaxed:
        scaled = logits.to(working_dtype(logits)) / tau_b
        return (torch.sigmoid(scaled) if dim is None else softmax(scaled, dim)).to(logits.dtype)
    perturbed = _perturbed(logits, noise, s)
    if dim is None:
        # In place where the sum is a fresh tensor; the comparison writes 0.0 or 1.0 in the tensor's dtype.
        return (perturbed.gt(0) if perturbed is logits else perturbed.gt_(0)).to(logits.dtype)
    return _one_hot(perturbed, logits, dim)


def _keep(ctx: Any, inputs: tuple[Any, ...], z: Tensor) -> None:
    """Saves what the backward pass needs."""
    logits, noise, draws, _, tau_b, surrogate, dim = inputs
    keeps = {"noise": noise, "draws": draws, "z": z}
    kept = [keeps[name] if name in surrogate.keeps else None for name in keeps]
    tensor = tau_b if isinstance(tau_b, Tensor) else None
    ctx.save_for_backward(*((logits, tensor) if surrogate.needs_logits else (None, None)), *kept)
    ctx.number, ctx.surrogate, ctx.dim = None if tensor is not None else tau_b, surrogate, dim


def _backward(ctx: Any, dz: Tensor) -> tuple[Tensor | None, ...]:
    logits, tau_b, noise, draws, z = ctx.saved_tensors
    others = (None,) * 6
    if logits is None:
        return dz, *others
    dtype = working_dtype(logits)
    wide = [None if x is None else x.to(dtype) for x in (noise, draws, z)]
    temperature = ctx.number if tau_b is None else tau_b
    made = Pass(logits.to(dtype), temperature, -1 if ctx.dim is None else ctx.dim, *wide)  # type: ignore[arg-type]  # see Pass
    gradient = ctx.surrogate.binary if ctx.dim is None else ctx.surrogate.categorical
    return gradient(made, dz.to(dtype)).to(dz.dtype), *others


def _one_hot(perturbed: Tensor, logits: Tensor, dim: int) -> Tensor:
    """One-hot of the first largest entry over an axis, in the dtype of logits. Takes perturbed's place if it
    is not logits.
    """
    if dim in (-1, logits.ndim - 1):
        return torch.zeros_like(logits).scatter_(dim, perturbed.argmax(dim, keepdim=True), 1.0)
    # torch's argmax over another axis is slow: [4, 16, 12000] takes 10 ms, this 0.3 ms (2-core CPU). Entries
    # that are largest become 1; of several, the weights K, K - 1, ... let the first one win.
    highest = perturbed.amax(dim, keepdim=True)
    z = perturbed.eq(highest).to(working_dtype(logits)) if perturbed is logits else perturbed.eq_(highest)
    K = z.shape[dim]
    weights = torch.arange(K, 0, -1, dtype=z.dtype, device=z.device)
    z.mul_(weights.view(K, *(1,) * (-1 - dim if dim < 0 else z.ndim - 1 - dim)))
    return z.eq_(z.amax(dim, keepdim=True)).to(logits.dtype)


def _perturbed(logits: Tensor, noise: Tensor | None, scale: Temperature) -> Tensor:
    """logits + scale * noise in the working dtype; logits itself where there is nothing to add."""
    if noise is None or (not isinstance(scale, Tensor) and scale == 0):
        return logits
    wide = logits.to(working_dtype(logits))
    if isinstance(scale, Tensor):
        return torch.addcmul(wide, scale.to(wide.dtype), noise.to(wide.dtype))
    return torch.add(wide, noise.to(wide.dtype), alpha=scale)


def working_dtype(x: Tensor) -> torch.dtype:
    """Half precision would round l + s*g so coarsely that ties bias the sample; it is computed in float32."""
    return torch.float32 if x.dtype in (torch.bfloat16, torch.float16) else x.dtype
