"""Adam (Kingma & Ba 2015) over stacked parameters, with a learning rate per trial.

torch's optimisers take one learning rate for a tensor. Trials with the same learning rate that stand next to each other are
one slice, and each slice is one call of torch's fused kernel (a single pass over parameter, gradient and both moments); with
many different learning rates the update is written out over the whole stack instead, so that the calls stay few.
"""

from itertools import groupby

import torch
from torch import Tensor

BETA1, BETA2, EPS = 0.9, 0.999, 1e-8
_MAX_FUSED_SLICES = 32  # above, one pass over everything per operation is cheaper than a call a slice (2-core CPU, measured)


class Adam:
    """Adam state for parameters {name: [S, T, ...]} and learning rates [T].

    Betas 0.9 and 0.999, eps 1e-8, no weight decay: torch.optim.Adam's defaults, which is also the test's oracle.
    """

    def __init__(self, parameters: dict[str, Tensor], learning_rates: list[float]) -> None:
        self._parameters = parameters
        self._first = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self._second = {name: torch.zeros_like(p) for name, p in parameters.items()}
        self.steps = 0
        # Runs of equal learning rates: [(lr, first trial, end trial)].
        self._runs: list[tuple[float, int, int]] = []
        start = 0
        for lr, run in groupby(learning_rates):
            end = start + len(list(run))
            self._runs.append((lr, start, end))
            start = end
        self._lr = torch.tensor(learning_rates, dtype=torch.float64)

    @torch.no_grad()
    def step(self, gradients: dict[str, Tensor]) -> None:
        """One update in place. gradients: {name: [S, T, ...]}, as the parameters."""
        self.steps += 1
        S = next(iter(self._parameters.values())).shape[0]
        if len(self._runs) * (1 if len(self._runs) == 1 else S) <= _MAX_FUSED_SLICES:
            # The kernel walks through memory as if all of its tensors were laid out alike.
            aligned = {name: gradient.contiguous() for name, gradient in gradients.items()}
            for lr, start, end in self._runs:
                self._fused(aligned, lr, start, end)
        else:
            self._stacked(gradients)

    def _fused(self, gradients: dict[str, Tensor], lr: float, start: int, end: int) -> None:
        def slices(stack: dict[str, Tensor]) -> list[Tensor]:
            if len(self._runs) == 1:
                return list(stack.values())
            return [seed[start:end] for tensor in stack.values() for seed in tensor.unbind(0)]

        parameters = slices(self._parameters)
        # The kernel wants the number of steps, this one included, as one tensor per parameter.
        steps = [torch.tensor(float(self.steps), device=p.device) for p in parameters]
        torch._fused_adam_(  # the kernel behind torch.optim.Adam(fused=True)
            parameters,
            slices(gradients),
            slices(self._first),
            slices(self._second),
            [],
            steps,
            lr=lr,
            beta1=BETA1,
            beta2=BETA2,
            weight_decay=0.0,
            eps=EPS,
            amsgrad=False,
            maximize=False,
        )

    def _stacked(self, gradients: dict[str, Tensor]) -> None:
        correction1 = 1 - BETA1**self.steps
        correction2 = 1 - BETA2**self.steps
        for name, parameter in self._parameters.items():
            gradient, first, second = gradients[name], self._first[name], self._second[name]
            first.lerp_(gradient, 1 - BETA1)
            second.mul_(BETA2).addcmul_(gradient, gradient, value=1 - BETA2)
            denominator = (second / correction2).sqrt_().add_(EPS)
            lr = self._lr.to(parameter).view(1, -1, *(1,) * (parameter.ndim - 2))
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
