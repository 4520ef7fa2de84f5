"""Whether a module is trained under vmap, tried on a small population: vmap must work, be fast, and give the
same results.
"""

import warnings

import torch
from torch import Tensor

from trainables.data import Split
from trainables.data.dataset import each
from trainables.estimators import ESTIMATORS
from trainables.layer_trace import LayerTrace
from trainables.member_model import OWN, MemberModel
from trainables.memory import is_out_of_memory
from trainables.stacking import Mode, all_members
from trainables.surrogates import RAO_DRAWS
from trainables.tasks.base import DRAWS, Run

_SEEDS = 2
# float64 tells rounding from a difference. A module that insists on float32 is compared in that, where batch
# normalisation of a feature that hardly varies enlarges rounding.
_CLOSE = {torch.float64: (1e-6, 1e-9), torch.float32: (1e-2, 1e-4)}
_SLOW = "performance drop because we have not yet implemented the batching rule for"  # of torch's warning
# What modules raise under vmap, or where they are given another dtype.
_RAISED = (RuntimeError, ValueError, TypeError, AttributeError, LookupError)


class StackChoice:
    """The choice for one module, on a few examples on the device that the module is on."""

    def __init__(self, model: MemberModel, split: Split) -> None:
        self._model = model
        self._split = split

    def obstacle(self, trace: LayerTrace, *, training: bool) -> str:
        """Why vmap cannot train, or evaluate, the module, with the layer; empty where it can.

        trace: follows the module, and has followed a pass of one member.
        """
        if trace.drew is not None:
            return f"{trace.drew} draws random numbers by itself"
        dtype, alone = torch.float64, {}
        try:
            alone = self._members("loop", dtype, training=training)
        except _RAISED:
            dtype = torch.float32
            alone = self._members("loop", dtype, training=training)
        with warnings.catch_warnings(record=True) as caught, trace:
            warnings.simplefilter("always")
            try:
                stacked = self._members("vmap", dtype, training=training)
            except _RAISED as error:
                if is_out_of_memory(error):
                    raise
                said = one_line(error).partition(". ")[0]  # torch goes on with how to report it
                return f"{trace.layer or ('the loss' if training else 'a metric')}: {said[:300]}"
        slow = [str(w.message).partition(_SLOW)[2].partition(". ")[0].strip() for w in caught]
        if any(slow):
            return f"torch has no batching rule for {next(filter(None, slow))}"
        rtol, atol = _CLOSE[dtype]
        for name, value in alone.items():
            if not torch.allclose(value, stacked[name], rtol=rtol, atol=atol, equal_nan=True):
                return f"the {name} differs from the one of members that are trained one by one"
        return ""

    def _members(self, mode: Mode, dtype: torch.dtype, *, training: bool) -> dict[str, Tensor]:
        """Losses, gradients and buffers of a small population."""
        model, device = self._model, self._model.device
        runs = _runs(dtype, device)
        generator = torch.Generator().manual_seed(0)

        def uniform(*shape: int) -> Tensor:
            return torch.rand(*shape, generator=generator, dtype=dtype).to(device)

        def stacked(t: Tensor) -> Tensor:
            whole = t.expand(_SEEDS, sum(run.trials for run in runs), *t.shape).clone()
            if not t.is_floating_point():
                return whole
            return whole.to(dtype) * (1 + 0.01 * uniform(*whole.shape[:2], *(1,) * t.ndim))

        own = {name: stacked(t) for name, t in model.tensors().items()}
        trained = [own[name].requires_grad_() for name in model.trained]
        seeds = [model.noise(len(self._split), s, device, training=training) for s in range(_SEEDS)]
        noise = {name: torch.stack([drawn[name] for drawn in seeds]).to(dtype) for name in seeds[0]}
        noise |= {name + DRAWS: x.expand(RAO_DRAWS, *x.shape) for name, x in noise.items()}
        if mode == "loop":
            noise[OWN] = torch.arange(_SEEDS)
        inputs, labels = model.data(self._split, dtype)

        def of_seeds(x: Tensor) -> Tensor:
            whole = x.expand(_SEEDS, *x.shape).clone()
            # Values on a lattice make ties, after batch normalisation for one, and rounding decides them.
            return whole * (1 - 0.01 * uniform(*whole.shape)) if x.is_floating_point() else whole

        with torch.set_grad_enabled(training):
            member = model.member(training=training)
            values, buffers = all_members(
                member, mode, own, each(inputs, of_seeds), each(labels, of_seeds), noise, runs
            )
        if not training:
            return values
        gradients = torch.autograd.grad(
            values["loss"].sum(), trained, allow_unused=True, materialize_grads=True
        )
        named = {f"gradient of {name}": g for name, g in zip(model.trained, gradients, strict=True)}
        return values | {f"buffer {name}": b for name, b in buffers.items()} | named


def one_line(error: Exception) -> str:
    """What an error says, in one line without a full stop."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def _runs(dtype: torch.dtype, device: torch.device) -> tuple[Run, ...]:
    """Three trials of decoupled, whose surrogate needs nothing, and one of Gumbel-Rao, whose needs all of a
    pass. Another number than the seeds': some of torch's batching rules (mse_loss's) are wrong for arguments
    that are batched over one of two axes, and do not show it where both are equally long.
    """
    decoupled = [ESTIMATORS["decoupled"].coefficients(tau_f, 1.0) for tau_f in (0.5, 0.7, 0.9)]
    rows = [decoupled, [ESTIMATORS["gumbel_rao"].coefficients(None, 1.0)]]
    return tuple(
        Run(
            len(run),
            run[0].surrogate,
            torch.tensor([c.s for c in run], dtype=dtype, device=device),
            torch.tensor([c.tau_b for c in run], dtype=dtype, device=device),
        )
        for run in rows
    )
