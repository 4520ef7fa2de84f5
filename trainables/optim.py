"""Adam and AdamW (Kingma & Ba 2015; Loshchilov & Hutter 2019) over stacked parameters, settings per trial.

torch's optimisers take one learning rate for a tensor. Trials with the same settings that stand next to each
other are one slice, and each slice is one call of torch's fused kernel (a single pass over parameter,
gradient and both moments); with many different settings the update is written out over the whole stack
instead, so that the calls stay few. Parameters that have the same learning rates, which mostly means all of
them, share these calls.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from trainables.torch_private import fused_adam_, usable

EPS = 1e-8
SCHEDULES = ("constant", "cosine", "linear")
_CLIP_EPS = 1e-6  # torch.nn.utils.clip_grad_norm_'s
# With more slices, one pass over everything per operation is cheaper than a call for each slice (measured on
# 2 CPU cores).
MAX_FUSED_SLICES = 32


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True)
class Optimizer:
    """What an optimiser has beside its learning rate. The defaults are torch.optim.Adam's."""

    weight_decay: float = 0.0  # decoupled from the gradient, as in AdamW: a step takes lr * weight_decay away
    betas: tuple[float, float] = (0.9, 0.999)  # of the two moments
    clip_norm: float | None = None  # largest Euclidean norm of a member's whole gradient; None: not clipped
    schedule: str = "constant"  # of the learning rate after the warmup: cosine and linear end at 0
    warmup: float = 0.0  # share of the training, from 0 to below 1, in which the learning rate rises linearly

    def __post_init__(self) -> None:
        object.__setattr__(self, "betas", tuple(self.betas))
        if not (_is_number(self.weight_decay) and 0 <= self.weight_decay < math.inf):
            raise ValueError(f"weight_decay must be a number, 0 or more. Got {self.weight_decay!r}.")
        if not (len(self.betas) == 2 and all(_is_number(b) and 0 <= b < 1 for b in self.betas)):
            raise ValueError(f"betas must be two numbers from 0 to below 1. Got {self.betas!r}.")
        if self.clip_norm is not None and not (_is_number(self.clip_norm) and 0 < self.clip_norm < math.inf):
            raise ValueError(f"clip_norm must be a number greater than 0, or None. Got {self.clip_norm!r}.")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule must be one of {', '.join(SCHEDULES)}. Got {self.schedule!r}.")
        if not (_is_number(self.warmup) and 0 <= self.warmup < 1):
            raise ValueError(
                f"warmup must be a share of the training from 0 to below 1. Got {self.warmup!r}."
            )

    @classmethod
    def of(cls, given: "Optimizer | Mapping[str, Any] | Sequence[Any]") -> "Optimizer":
        """An optimiser of its fields, by name or in order, as they come from JSON or from a saved state."""
        if isinstance(given, Optimizer):
            return given
        names = [field.name for field in fields(cls)]
        if not isinstance(given, Mapping):
            return cls(*given)
        for name in given:
            if name not in names:
                raise ValueError(f"an optimizer has {', '.join(names)}. Got {name!r}.")
        return cls(**given)

    @property
    def changes(self) -> bool:
        """Whether the learning rate changes during training, so that its length must be known."""
        return self.schedule != "constant" or self.warmup > 0

    def factor(self, step: int, total: int | None) -> float:
        """What the learning rate is multiplied by at a step (0, 1, ...) of `total`.

        Warmup over W = round(warmup * total) steps: (step + 1) / W. Then, with p the share done of the rest:
        1, (1 + cos(pi p)) / 2 or 1 - p.
        """
        if not self.changes:
            return 1.0
        assert total is not None
        rising = round(self.warmup * total)
        if step < rising:
            return (step + 1) / rising
        p = min(1.0, (step - rising) / max(1, total - rising))
        if self.schedule == "constant":
            return 1.0
        return (1 + math.cos(math.pi * p)) / 2 if self.schedule == "cosine" else 1 - p


PLAIN = Optimizer()  # torch.optim.Adam


@dataclass(frozen=True)
class _Settings:
    """Of one trial, for the parameters of one group."""

    lr: float
    weight_decay: float
    optimizer: Optimizer


@dataclass(frozen=True)
class _Group:
    """Parameters that are trained with the same learning rates."""

    names: tuple[str, ...]
    runs: tuple[
        tuple[_Settings, int, int], ...
    ]  # of neighbours with equal settings: (them, first, end trial)

    def per_trial(self, values: Sequence[float], like: Tensor) -> Tensor:
        """A value per run as a tensor [1, T, ...] that broadcasts to a parameter [S, T, ...]."""
        column = [
            value for value, (_, start, end) in zip(values, self.runs, strict=True) for _ in range(start, end)
        ]
        return torch.tensor(column, dtype=torch.float64).to(like).view(1, -1, *(1,) * (like.ndim - 2))


def adamw_formula_(
    parameter: Tensor,
    gradient: Tensor,
    first: Tensor,
    second: Tensor,
    *,
    share1: Tensor | float,
    beta2: Tensor | float,
    share2: Tensor | float,
    correction2: Tensor | float,
    kept: Tensor | float | None,
    rate: Tensor | float,
) -> None:
    """The update of one parameter and its moments in place, in torch's operations.

    Args:
        parameter, gradient, first, second: [S, T, ...].
        share1, share2: 1 - beta of both moments; these and the rest broadcast against the parameter.
        beta2: of the second moment.
        correction2: 1 - beta2^t at step t = 1, 2, ...
        kept: 1 - lr * weight_decay, or None for all of the parameter.
        rate: lr / (1 - beta1^t).
    """
    first.lerp_(gradient, share1)
    second.mul_(beta2)
    if isinstance(share2, Tensor):
        second.add_(gradient.square().mul_(share2))
    else:
        second.addcmul_(gradient, gradient, value=share2)
    denominator = (second / correction2).sqrt_().add_(EPS)
    if kept is not None:
        parameter.mul_(kept)
    parameter.sub_(denominator.reciprocal_().mul_(first).mul_(rate))


def clipped(gradients: Mapping[str, Tensor], limit: Tensor) -> dict[str, Tensor]:
    """Every member's gradient, shortened to its trial's limit as torch's clip_grad_norm_ does.

    Args:
        gradients: {name: [S, T, ...]}.
        limit: [T] largest Euclidean norm of a member's whole gradient; infinite where there is none.
    """
    norms = torch.stack([g.flatten(2).square().sum(-1) for g in gradients.values()]).sum(0).sqrt()  # [S, T]
    limit = limit.to(norms.dtype)
    share = (limit / (norms + _CLIP_EPS)).clamp(max=1.0).masked_fill(limit.isinf(), 1.0)
    return {name: g * share.view(*share.shape, *(1,) * (g.ndim - 2)) for name, g in gradients.items()}


def weight_decays(
    rates: Sequence[float], usual: Sequence[float], optimizers: Sequence[Optimizer]
) -> list[float]:
    """Weight decays [T] of a parameter with these learning rates: a step takes the same share of it away as
    of those with the usual ones.
    """
    return [
        o.weight_decay if lr == common else o.weight_decay * (common / lr)
        for lr, common, o in zip(rates, usual, optimizers, strict=True)
    ]


def check_length(optimizers: Sequence[Optimizer], total_steps: int | None) -> None:
    """Raises ValueError where the training's length is needed and not known."""
    if total_steps is None and any(o.changes for o in optimizers):
        raise ValueError("a warmup or schedule of the learning rate needs total_steps, the training's length")


class Moments:
    """Both moments of parameters {name: [S, T, ...]}, and how many steps were taken: what is kept of Adam."""

    steps: int

    def __init__(self, parameters: dict[str, Tensor]) -> None:
        self._parameters = parameters
        self._first = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self._second = {name: torch.zeros_like(p) for name, p in parameters.items()}

    def state_dict(self) -> dict[str, object]:
        """Moments {name: [S, T, ...]} and the number of steps taken."""
        return {"first": self._first, "second": self._second, "steps": self.steps}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Takes over a state_dict, copying into the tensors in place."""
        for mine, theirs in ((self._first, state["first"]), (self._second, state["second"])):
            for name, tensor in mine.items():
                tensor.copy_(theirs[name])  # type: ignore[index]  # state_dict's own layout
        self.steps = int(state["steps"])  # type: ignore[call-overload]  # likewise


class Adam(Moments):
    """Adam's state for parameters {name: [S, T, ...]} and learning rates [T].

    Without further settings torch.optim.Adam with its defaults, with them torch.optim.AdamW, eps 1e-8; these
    are also the tests' oracles.
    """

    def __init__(
        self,
        parameters: dict[str, Tensor],
        learning_rates: Sequence[float],
        *,
        exceptions: Mapping[str, Sequence[float]] | None = None,
        optimizers: Sequence[Optimizer] | None = None,
        total_steps: int | None = None,
    ) -> None:
        """Takes the learning rates [T] of all parameters, and {name: [T]} for those that have others.

        Args:
            parameters: changed in place by `step`.
            learning_rates: of every trial.
            exceptions: learning rates of some parameters. What weight decay takes away in a step is for them
                the same share of the parameter as for the others.
            optimizers: of every trial; torch's defaults if absent.
            total_steps: length of the training, which warmup and schedules are shares of.

        Raises:
            ValueError: a warmup or schedule without total_steps.
        """
        super().__init__(parameters)
        self._optimizers = tuple(optimizers or [PLAIN] * len(learning_rates))
        self._total = total_steps
        check_length(self._optimizers, total_steps)
        self.steps = 0
        alike: dict[tuple[float, ...], list[str]] = defaultdict(list)
        for name in parameters:
            alike[tuple((exceptions or {}).get(name, learning_rates))].append(name)
        self._groups = [self._group(names, rates, learning_rates) for rates, names in alike.items()]

    @torch.no_grad()
    def step(self, gradients: dict[str, Tensor]) -> None:
        """One update in place. gradients: {name: [S, T, ...]}, as the parameters."""
        if any(o.clip_norm is not None for o in self._optimizers):
            gradients = self._clipped(gradients)
        factors = [o.factor(self.steps, self._total) for o in self._optimizers]
        self.steps += 1
        S = next(iter(self._parameters.values())).shape[0]
        for group in self._groups:
            calls = len(group.runs) * (1 if len(group.runs) == 1 else S)
            if calls <= MAX_FUSED_SLICES and usable("fused_adam"):
                # The kernel walks through memory as if all of its tensors were laid out alike.
                aligned = {name: gradients[name].contiguous() for name in group.names}
                for settings, start, end in group.runs:
                    self._fused(group, aligned, settings, factors[start], slice(start, end))
            else:
                self._stacked(group, gradients, factors)

    def _fused(
        self, group: _Group, gradients: dict[str, Tensor], settings: _Settings, factor: float, trials: slice
    ) -> None:
        def slices(stack: dict[str, Tensor]) -> list[Tensor]:
            tensors = [stack[name] for name in group.names]
            if len(group.runs) == 1:
                return tensors
            return [seed[trials] for tensor in tensors for seed in tensor.unbind(0)]

        parameters = slices(self._parameters)
        beta1, beta2 = settings.optimizer.betas
        fused_adam_(
            parameters,
            slices(gradients),
            slices(self._first),
            slices(self._second),
            step=self.steps,
            lr=settings.lr * factor,
            beta1=beta1,
            beta2=beta2,
            weight_decay=settings.weight_decay,
            eps=EPS,
        )

    def _stacked(self, group: _Group, gradients: dict[str, Tensor], factors: Sequence[float]) -> None:
        rates = [settings.lr * factors[start] for settings, start, _ in group.runs]
        kept = [1 - lr * s.weight_decay for lr, (s, _, _) in zip(rates, group.runs, strict=True)]
        betas = [settings.optimizer.betas for settings, _, _ in group.runs]
        firsts, seconds = ([b[i] for b in betas] for i in (0, 1))
        for name in group.names:
            parameter, gradient = self._parameters[name], gradients[name]
            first, second = self._first[name], self._second[name]

            def column(values: Sequence[float], like: Tensor = parameter) -> Tensor | float:
                # A number where the trials have the same: it needs no pass over memory of its own.
                return values[0] if len(set(values)) == 1 else group.per_trial(values, like)

            adamw_formula_(
                parameter,
                gradient,
                first,
                second,
                share1=column([1 - b for b in firsts]),
                beta2=column(seconds),
                share2=column([1 - b for b in seconds]),
                correction2=column([1 - b**self.steps for b in seconds]),
                kept=column(kept) if any(share != 1 for share in kept) else None,
                rate=column([lr / (1 - b**self.steps) for lr, b in zip(rates, firsts, strict=True)]),
            )

    def _clipped(self, gradients: dict[str, Tensor]) -> dict[str, Tensor]:
        """Every member's gradient, shortened to its trial's clip_norm as torch's clip_grad_norm_ does."""
        limits = [math.inf if o.clip_norm is None else o.clip_norm for o in self._optimizers]
        device = next(iter(gradients.values())).device
        return clipped(gradients, torch.tensor(limits, dtype=torch.float64, device=device))

    def _group(self, names: Sequence[str], rates: Sequence[float], usual: Sequence[float]) -> _Group:
        decays = weight_decays(rates, usual, self._optimizers)
        settings = [_Settings(*each) for each in zip(rates, decays, self._optimizers, strict=True)]
        runs, start = [], 0
        for alike, run in groupby(settings):
            end = start + len(list(run))
            runs.append((alike, start, end))
            start = end
        return _Group(tuple(names), tuple(runs))
