"""The binary cross-entropy of many members' logits against the same pixels, and its gradient, as two
operators. A CPU takes the formulas as they are: calling an operator of one's own imports torch's compiler.
"""

import torch
from torch import Tensor

from trainables.kernels.availability import triton_kernels


def sums_formula(logits: Tensor, x: Tensor) -> Tensor:
    """Its sum over pixels and examples, [S, T].

    Args:
        logits: [S, T, D, B].
        x: [S, D, B], the pixels, from 0 to 1.
    """
    # -x log sigmoid(o) - (1 - x) log sigmoid(-o) = softplus(o) - x o, and softplus(o) = max(o, 0) - log
    # sigmoid(|o|), which never overflows: a tenth of the time of torch's own softplus, whose log1p is slow
    # on a CPU.
    loss = logits.relu().sum((2, 3)).sub_(logits.abs().sigmoid_().log_().sum((2, 3)))
    return loss.sub_((logits.flatten(2) @ x.flatten(1)[..., None])[..., 0])


def gradient_formula(dloss: Tensor, logits: Tensor, x: Tensor) -> Tensor:
    """The gradient of the logits from that of the sums, dloss [S, T]; the rest as above."""
    return torch.sigmoid(logits).sub_(x[:, None]).mul_(dloss[:, :, None, None])


binary_cross_entropy = torch.library.custom_op(
    "straight_through::binary_cross_entropy", sums_formula, mutates_args=()
)
binary_cross_entropy_backward = torch.library.custom_op(
    "straight_through::binary_cross_entropy_backward", gradient_formula, mutates_args=()
)


@binary_cross_entropy.register_fake
def _(logits: Tensor, _x: Tensor) -> Tensor:
    return logits.new_empty(logits.shape[:2])


@binary_cross_entropy_backward.register_fake
def _(_dloss: Tensor, logits: Tensor, _x: Tensor) -> Tensor:
    return torch.empty_like(logits)


@binary_cross_entropy.register_kernel("cuda")
def _(*inputs: Tensor) -> Tensor:
    kernels = triton_kernels("triton_cross_entropy")
    found: Tensor = (sums_formula if kernels is None else kernels.sums)(*inputs)
    return found


@binary_cross_entropy_backward.register_kernel("cuda")
def _(*inputs: Tensor) -> Tensor:
    kernels = triton_kernels("triton_cross_entropy")
    found: Tensor = (gradient_formula if kernels is None else kernels.gradient)(*inputs)
    return found
