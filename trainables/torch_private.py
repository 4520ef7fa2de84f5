"""The kernels of torch that are faster than what its public functions offer, and are no part of its public
interface.

Each has the public formula as its fallback. Whether the kernel is there, takes these arguments and gives what
the formula gives is tried when this file is imported, on a few numbers; where it does not, a warning says so
and the formula is used: the same result, more slowly.
"""

import logging
from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor

_log = logging.getLogger(__name__)


def softmax_backward(h: Tensor, q: Tensor, dim: int) -> Tensor:
    """(diag(q) - q q^T) h over an axis, fresh: the backward pass of softmax, in one pass over memory where
    the formula takes four.

    Args:
        h: [..., K, ...] gradient of the probabilities.
        q: [..., K, ...] the probabilities, contiguous or not.
        dim: the axis of K.
    """
    if usable("softmax_backward"):
        return torch._softmax_backward_data(h, q, dim, q.dtype)
    return _softmax_backward_formula(h, q, dim)


def sigmoid_backward_(q: Tensor, h: Tensor) -> Tensor:
    """q (1 - q) h in place of q: the backward pass of sigmoid, in one pass over memory where the formula
    takes three. Returns q.
    """
    if usable("sigmoid_backward"):
        torch.ops.aten.sigmoid_backward.grad_input(h, q, grad_input=q)
        return q
    return q.copy_(_sigmoid_backward_formula(q, h))


def fused_adam_(
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    first: Sequence[Tensor],
    second: Sequence[Tensor],
    *,
    step: int,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float = 0.0,
) -> None:
    """One step of AdamW in place (Loshchilov & Hutter 2019), the kernel behind torch.optim.AdamW(fused=True):
    a single pass over parameter, gradient and both moments. Without weight decay it is Adam.

    Ask `usable("fused_adam")` first: there is no fallback here, optim.py has it.

    Args:
        parameters, gradients, first, second: tensors of the same shapes; first and second are the moments.
        step: number of this step, from 1.
        lr, beta1, beta2, eps, weight_decay: as in the paper.
    """
    # The kernel wants the number of the step as one tensor for each parameter.
    steps = [torch.tensor(float(step), device=p.device) for p in parameters]
    torch._fused_adamw_(
        list(parameters), list(gradients), list(first), list(second), [], steps,
        lr=lr, beta1=beta1, beta2=beta2, weight_decay=weight_decay, eps=eps, amsgrad=False, maximize=False,
    )  # fmt: skip


def inside_transformation() -> bool:
    """Whether a transformation of torch.func (vmap, grad, ...) runs the caller; True where torch does not
    say, which takes the path that works within one.
    """
    asked = getattr(torch._C, "_are_functorch_transforms_active", None)
    return True if asked is None else bool(asked())


@cache
def usable(kernel: str) -> bool:
    """Whether the installed torch has a kernel of this file as it is called here: one of `KERNELS`."""
    try:
        right = KERNELS[kernel]()
        why = "gives other results than its formula"
    except (AttributeError, TypeError, RuntimeError, NotImplementedError) as error:
        right, why = False, str(error).strip().splitlines()[0]
    if not right:
        _log.warning(
            "torch %s has no kernel %s as it is used here (%s): a slower formula takes its place",
            torch.__version__,
            kernel,
            why,
        )
    return right


def _softmax_backward_formula(h: Tensor, q: Tensor, dim: int) -> Tensor:
    return (h - (q * h).sum(dim, keepdim=True)).mul_(q)


def _sigmoid_backward_formula(q: Tensor, h: Tensor) -> Tensor:
    return h * q * (1 - q)


def _softmax_backward_is_right() -> bool:
    h, q = torch.tensor([[1.0, -2.0, 0.5]]), torch.tensor([[0.25, 0.25, 0.5]])
    return torch.allclose(
        torch._softmax_backward_data(h, q, -1, q.dtype), _softmax_backward_formula(h, q, -1)
    )


def _sigmoid_backward_is_right() -> bool:
    h, q = torch.tensor([1.0, -2.0]), torch.tensor([0.25, 0.5])
    expected = _sigmoid_backward_formula(q, h)
    torch.ops.aten.sigmoid_backward.grad_input(h, q, grad_input=q)
    return torch.allclose(q, expected)


def _fused_adam_is_right() -> bool:
    """At the first step Adam moves by lr against the gradient's sign, whatever its size."""
    parameter, gradient = torch.tensor([1.0, 2.0]), torch.tensor([0.5, -4.0])
    moments = torch.zeros(2), torch.zeros(2)
    fused_adam_(
        [parameter], [gradient], [moments[0]], [moments[1]], step=1, lr=0.25, beta1=0.5, beta2=0.5, eps=1e-12
    )
    expected = torch.tensor([0.75, 2.25])
    return torch.allclose(parameter, expected) and torch.allclose(moments[0], gradient / 2)


KERNELS: dict[str, Callable[[], bool]] = {
    "softmax_backward": _softmax_backward_is_right,
    "sigmoid_backward": _sigmoid_backward_is_right,
    "fused_adam": _fused_adam_is_right,
}

# Now, and not when the first is used: that may be within a transformation of torch.func.
for _kernel in KERNELS:
    usable(_kernel)
