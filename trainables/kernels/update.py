"""Adam's and AdamW's update of all parameters at any learning rates: optim.py's formula as an operator."""

from typing import Any

import torch
from torch import Tensor

from trainables.kernels.availability import triton_kernels
from trainables.optim import adamw_formula_


def _formula(
    parameters: list[Tensor],
    gradients: list[Tensor],
    first: list[Tensor],
    second: list[Tensor],
    step: Tensor,
    rates: Tensor,
    decays: Tensor,
    betas: Tensor,
) -> None:
    """One step in place.

    Args:
        parameters, gradients: P of them, [S, T, ...] each.
        first, second: the moments, likewise.
        step: [] int64, the number of this step, from 1, read on the device.
        rates: [P, T] float64, the learning rates of this step.
        decays: [P, T] float64, the weight decays.
        betas: [T, 2] float64.
    """
    beta1, beta2 = betas.unbind(-1)  # [T]
    for i, parameter in enumerate(parameters):

        def column(values: Tensor, like: Tensor = parameter) -> Tensor:
            return values.to(like.dtype).view(1, -1, *(1,) * (like.ndim - 2))

        adamw_formula_(
            parameter,
            gradients[i],
            first[i],
            second[i],
            share1=column(1 - beta1),
            beta2=column(beta2),
            share2=column(1 - beta2),
            correction2=column(1 - beta2**step),
            kept=column(1 - rates[i] * decays[i]),
            rate=column(rates[i] / (1 - beta1**step)),
        )


adamw_ = torch.library.custom_op(
    "straight_through::adamw_", _formula, mutates_args=("parameters", "first", "second")
)


@adamw_.register_kernel("cuda")
def _(*inputs: Any) -> None:
    kernels = triton_kernels("triton_update")
    (_formula if kernels is None else kernels.adamw_)(*inputs)
