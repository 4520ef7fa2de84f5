"""Adam and AdamW for an accelerator: one update for any learning rates, and nothing that comes from the host.

optim.py groups trials with equal settings, because a CPU's time goes into passes over memory. On an
accelerator it goes into launches. Here all settings are tensors on the device, made once, the number of steps
is a tensor there, too, and an update is one operator: a launch for each parameter, however many trials and
learning rates there are.
"""

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from trainables.kernels.update import adamw_
from trainables.optim import PLAIN, Moments, Optimizer, check_length, clipped, weight_decays


class DeviceAdam(Moments):
    """Adam's state for parameters {name: [S, T, ...]} and learning rates [T]; arguments as optim.Adam's."""

    def __init__(
        self,
        parameters: dict[str, Tensor],
        learning_rates: Sequence[float],
        *,
        exceptions: Mapping[str, Sequence[float]] | None = None,
        optimizers: Sequence[Optimizer] | None = None,
        total_steps: int | None = None,
    ) -> None:
        super().__init__(parameters)
        optimizers = tuple(optimizers or [PLAIN] * len(learning_rates))
        check_length(optimizers, total_steps)
        device = next(iter(parameters.values())).device

        def on_device(values: object) -> Tensor:
            return torch.tensor(values, dtype=torch.float64, device=device)

        rates = [(exceptions or {}).get(name, learning_rates) for name in parameters]
        self._rates = on_device(rates)  # [P, T]
        self._decays = on_device([weight_decays(r, learning_rates, optimizers) for r in rates])  # [P, T]
        self._betas = on_device([o.betas for o in optimizers])  # [T, 2]
        limits = [math.inf if o.clip_norm is None else o.clip_norm for o in optimizers]
        self._limit = on_device(limits) if any(limit != math.inf for limit in limits) else None  # [T]
        self._schedule = None
        if total_steps is not None and any(o.changes for o in optimizers):
            self._schedule = _Schedule(optimizers, total_steps, on_device)
        self._step = torch.zeros((), dtype=torch.int64, device=device)

    @property
    def steps(self) -> int:
        """How many have been taken: waits for the device."""
        return int(self._step)

    @steps.setter
    def steps(self, steps: int) -> None:
        self._step.fill_(steps)

    @torch.no_grad()
    def step(self, gradients: dict[str, Tensor]) -> None:
        """One update in place. gradients: {name: [S, T, ...]}, as the parameters."""
        if self._limit is not None:
            gradients = clipped(gradients, self._limit)
        rates = self._rates if self._schedule is None else self._rates * self._schedule.factor(self._step)
        self._step.add_(1)
        adamw_(
            list(self._parameters.values()),
            [gradients[name].contiguous() for name in self._parameters],
            list(self._first.values()),
            list(self._second.values()),
            self._step,
            rates,
            self._decays,
            self._betas,
        )


class _Schedule:
    """Optimizer.factor of all trials at once, at a step that is read on the device."""

    def __init__(self, optimizers: Sequence[Optimizer], total: int, make: Callable[[object], Tensor]) -> None:
        self._rising = make([round(o.warmup * total) for o in optimizers])  # [T]
        self._cosine = make([o.schedule == "cosine" for o in optimizers])
        self._linear = make([o.schedule == "linear" for o in optimizers])
        self._total = total

    def factor(self, step: Tensor) -> Tensor:
        """[T], at step 0, 1, ..."""
        done = ((step - self._rising) / (self._total - self._rising).clamp(min=1)).clamp(0, 1)
        after = 1 - self._linear * done - self._cosine * (1 - (math.pi * done).cos()) / 2
        return torch.where(step < self._rising, (step + 1) / self._rising.clamp(min=1), after)
