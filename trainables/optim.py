"""Adam (Kingma & Ba 2015) over stacked parameters, with a learning rate per trial.

torch's optimisers take one learning rate for a tensor. Trials with the same learning rate that stand next to
each other are one slice, and each slice is one call of torch's fused kernel (a single pass over parameter,
gradient and both moments); with many different learning rates the update is written out over the whole stack
instead, so that the calls stay few. Parameters that have the same learning rates, which mostly means all of
them, share these calls.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from trainables.torch_private import fused_adam_, usable

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8
# With more slices, one pass over everything per operation is cheaper than a call for each slice (measured on
# 2 CPU cores).
_MAX_FUSED_SLICES = 32


@dataclass(frozen=True)
class _Group:
    """Parameters that are trained with the same learning rates."""

    names: tuple[str, ...]
    learning_rates: Tensor  # [T] float64
    # Of neighbours with equal learning rates: (lr, first trial, end trial).
    runs: tuple[tuple[float, int, int], ...]


class Adam:
    """Adam state for parameters {name: [S, T, ...]} and learning rates [T].

    Betas 0.9 and 0.999, eps 1e-8, no weight decay: torch.optim.Adam's defaults, which is also the test's
    oracle.
    """

    def __init__(
        self,
        parameters: dict[str, Tensor],
        learning_rates: Sequence[float],
        *,
        exceptions: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        """Takes the learning rates [T] of all parameters, and {name: [T]} for those that have others."""
        self._parameters = parameters
        self._first = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self._second = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self.steps = 0
        alike: dict[tuple[float, ...], list[str]] = defaultdict(list)
        for name in parameters:
            alike[tuple((exceptions or {}).get(name, learning_rates))].append(name)
        self._groups = [_group(names, rates) for rates, names in alike.items()]

    @torch.no_grad()
    def step(self, gradients: dict[str, Tensor]) -> None:
        """One update in place. gradients: {name: [S, T, ...]}, as the parameters."""
        self.steps += 1
        S = next(iter(self._parameters.values())).shape[0]
        for group in self._groups:
            calls = len(group.runs) * (1 if len(group.runs) == 1 else S)
            if calls <= _MAX_FUSED_SLICES and usable("fused_adam"):
                # The kernel walks through memory as if all of its tensors were laid out alike.
                aligned = {name: gradients[name].contiguous() for name in group.names}
                for run in group.runs:
                    self._fused(group, aligned, *run)
            else:
                self._stacked(group, gradients)

    def _fused(self, group: _Group, gradients: dict[str, Tensor], lr: float, start: int, end: int) -> None:
        def slices(stack: dict[str, Tensor]) -> list[Tensor]:
            tensors = [stack[name] for name in group.names]
            if len(group.runs) == 1:
                return tensors
            return [seed[start:end] for tensor in tensors for seed in tensor.unbind(0)]

        parameters = slices(self._parameters)
        fused_adam_(
            parameters,
            slices(gradients),
            slices(self._first),
            slices(self._second),
            step=self.steps,
            lr=lr,
            beta1=BETA1,
            beta2=BETA2,
            eps=EPS,
        )

    def _stacked(self, group: _Group, gradients: dict[str, Tensor]) -> None:
        correction1 = 1 - BETA1**self.steps
        correction2 = 1 - BETA2**self.steps
        for name in group.names:
            parameter, gradient = self._parameters[name], gradients[name]
            first, second = self._first[name], self._second[name]
            first.lerp_(gradient, 1 - BETA1)
            second.mul_(BETA2).addcmul_(gradient, gradient, value=1 - BETA2)
            denominator = (second / correction2).sqrt_().add_(EPS)
            lr = group.learning_rates.to(parameter).view(1, -1, *(1,) * (parameter.ndim - 2))
            parameter.sub_(denominator.reciprocal_().mul_(first).mul_(lr / correction1))

    def state_dict(self) -> dict[str, object]:
        """Moments {name: [S, T, ...]} and the number of steps taken."""
        return {"first": self._first, "second": self._second, "steps": self.steps}

    def load_state_dict(self, state: dict[str, object]) -> None:
        """Takes over a state_dict, copying into the tensors in place."""
        for mine, theirs in ((self._first, state["first"]), (self._second, state["second"])):
            for name, tensor in mine.items():
                tensor.copy_(theirs[name])  # type: ignore[index]  # state_dict's own layout
        self.steps = int(state["steps"])  # type: ignore[call-overload]  # likewise


def _group(names: Sequence[str], learning_rates: Sequence[float]) -> _Group:
    runs, start = [], 0
    for lr, run in groupby(learning_rates):
        end = start + len(list(run))
        runs.append((lr, start, end))
        start = end
    return _Group(tuple(names), torch.tensor(learning_rates, dtype=torch.float64), tuple(runs))
