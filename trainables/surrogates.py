"""The surrogates: what the backward pass of a straight-through estimator puts in place of the derivative of a
sample.

Each maps the gradient h = dL/dz of the sample to the gradient dL/dl of the logits. With J(q) = diag(q) - q
q^T over K categories (for a binary unit q (1 - q)):

    identity    h                                                     Bengio et al. 2013
    softmax     J(q) h / tau_b,  q = softmax(l / tau_b)               Hinton 2012; Shah et al.
    gumbel      J(q) h / tau_b,  q = softmax((l + g) / tau_b)         Jang et al. 2016, Maddison et al. 2016
    rao         the mean of gumbel's over noise that gives the same sample   Paulus et al. 2021 (Gumbel-Rao)
    gapped      J(q) h / tau_b,  q = softmax((l + shift(l, z)) / tau_b)         Fan et al. 2022 (GST-1.0)
    reinmax     2 J(q) h - J(p) h / 2,  q = (softmax(l / tau_b) + z) / 2, p = softmax(l)      Liu et al. 2023

J h = q * (h - <q, h>) is never formed as a matrix. A binary unit is a category of two with logits (l, 0).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor

from trainables.torch_private import sigmoid_backward_, softmax_backward

Temperature: TypeAlias = float | Tensor

GAP = 1.0  # of GST-1.0: how far the sampled category's logit is kept above the others
RAO_DRAWS = 10  # conditional noise draws of Gumbel-Rao; the smallest number of its paper


@dataclass(frozen=True)
class Pass:
    """What the forward pass saves for the backward pass. Of the last three, those that the surrogate does not
    name in `keeps` are None.
    """

    logits: Tensor  # [..., K, ...] in the working dtype
    tau_b: Temperature  # broadcasts against logits
    dim: int  # the axis of K; unused for binary units
    noise: Tensor  # the noise of the forward pass, broadcasts to logits
    draws: Tensor  # [RAO_DRAWS, ...] fresh noise of the same distribution
    z: Tensor  # the sample, as logits


# (pass, h) -> dL/dl; both have the shape of the logits. The result is a fresh tensor, or h itself.
Gradient: TypeAlias = Callable[[Pass, Tensor], Tensor]


@dataclass(frozen=True)
class Surrogate:
    """A row of the table above."""

    categorical: Gradient
    binary: Gradient
    keeps: frozenset[str] = frozenset()  # of "noise", "draws", "z": what it needs beside the logits
    needs_logits: bool = True
    # The forward pass returns q itself instead of a sample: no discretisation, so not an estimator.
    relaxed: bool = False


# --- categorical ---


def _narrow(x: Tensor, dim: int) -> bool:
    """Whether torch's softmax kernels would use slow scalar code: on a CPU, where the axis is the last one
    and shorter than a vector register (16 floats).

    Writing the formula out is then five times as fast: [1024, 4, 8] takes 0.12 ms instead of 0.59 ms (one Zen
    4 core).
    """
    return x.device.type == "cpu" and dim in (-1, x.ndim - 1) and x.shape[dim] < 16


def softmax(x: Tensor, dim: int) -> Tensor:
    """Softmax over an axis."""
    if not _narrow(x, dim):
        return torch.softmax(x, dim)
    p = (x - x.amax(dim, keepdim=True)).exp_()
    return p.div_(p.sum(dim, keepdim=True))


def _jacobian_product(q: Tensor, h: Tensor, dim: int) -> Tensor:
    """J(q) h, without forming J."""
    if _narrow(q, dim):
        return (h - (q * h).sum(dim, keepdim=True)).mul_(q)
    return softmax_backward(h, q, dim)


def _softmax(p: Pass, h: Tensor) -> Tensor:
    return _jacobian_product(softmax(p.logits / p.tau_b, p.dim), h, p.dim).div_(p.tau_b)


def _gumbel(p: Pass, h: Tensor) -> Tensor:
    q = softmax((p.logits + p.noise).div_(p.tau_b), p.dim)
    return _jacobian_product(q, h, p.dim).div_(p.tau_b)


def _rao(p: Pass, h: Tensor) -> Tensor:
    total = torch.zeros_like(p.logits)
    log_total = p.logits.logsumexp(p.dim, keepdim=True)
    for g in p.draws:
        # Noise given the sample (Paulus et al., Eq. 12): the sampled category has the largest perturbed
        # logit, a Gumbel variable at log sum exp(l); the others are truncated at it.
        top = (p.z * g).sum(p.dim, keepdim=True) + log_total
        below = -torch.logaddexp(-(p.logits + g), -top)
        perturbed = torch.where(p.z > 0, top, below)
        total += _jacobian_product(softmax(perturbed.div_(p.tau_b), p.dim), h, p.dim)
    return total.div_(len(p.draws)).div_(p.tau_b)


def _gapped(p: Pass, h: Tensor) -> Tensor:
    top = p.logits.amax(p.dim, keepdim=True)
    # The sampled category is lifted to the largest logit, the others are pushed below it by the gap at least.
    shifted = torch.where(p.z > 0, top, torch.minimum(p.logits, top - GAP))
    return _jacobian_product(softmax(shifted.div_(p.tau_b), p.dim), h, p.dim).div_(p.tau_b)


def _reinmax(p: Pass, h: Tensor) -> Tensor:
    q = softmax(p.logits / p.tau_b, p.dim).add_(p.z).div_(2)
    first = _jacobian_product(q, h, p.dim).mul_(2)
    return first.sub_(_jacobian_product(softmax(p.logits, p.dim), h, p.dim), alpha=0.5)


# --- binary ---


def _softmax_binary(p: Pass, h: Tensor) -> Tensor:
    return sigmoid_backward_((p.logits / p.tau_b).sigmoid_(), h).div_(p.tau_b)


def _gumbel_binary(p: Pass, h: Tensor) -> Tensor:
    return sigmoid_backward_((p.logits + p.noise).div_(p.tau_b).sigmoid_(), h).div_(p.tau_b)


def _rao_binary(p: Pass, h: Tensor) -> Tensor:
    total = torch.zeros_like(p.logits)
    for n in p.draws:
        # With u = sigmoid(n): l plus logistic noise, given that the sum is positive, is log(1 + u e^l) -
        # log(1 - u); given that it is not, the same with u and l mirrored, negated.
        above = F.softplus(p.logits - F.softplus(-n)) + F.softplus(n)
        below = F.softplus(-p.logits - F.softplus(n)) + F.softplus(-n)
        perturbed = torch.where(p.z > 0, above, -below)
        total += sigmoid_backward_(perturbed.div_(p.tau_b).sigmoid_(), h)
    return total.div_(len(p.draws)).div_(p.tau_b)


def _gapped_binary(p: Pass, h: Tensor) -> Tensor:
    # The difference of the two shifted logits of (l, 0).
    shifted = torch.where(p.z > 0, p.logits.clamp(min=GAP), p.logits.clamp(max=-GAP))
    return sigmoid_backward_(shifted.div_(p.tau_b).sigmoid_(), h).div_(p.tau_b)


def _reinmax_binary(p: Pass, h: Tensor) -> Tensor:
    q = (p.logits / p.tau_b).sigmoid_().add_(p.z).div_(2)
    return sigmoid_backward_(q, h).mul_(2).sub_(sigmoid_backward_(p.logits.sigmoid(), h), alpha=0.5)


def _identity(_p: Pass, h: Tensor) -> Tensor:
    return h


IDENTITY = Surrogate(_identity, _identity, needs_logits=False)
SOFTMAX = Surrogate(_softmax, _softmax_binary)
GUMBEL = Surrogate(_gumbel, _gumbel_binary, keeps=frozenset({"noise"}))
RAO = Surrogate(_rao, _rao_binary, keeps=frozenset({"draws", "z"}))
GAPPED = Surrogate(_gapped, _gapped_binary, keeps=frozenset({"z"}))
REINMAX = Surrogate(_reinmax, _reinmax_binary, keeps=frozenset({"z"}))
RELAXED = Surrogate(_softmax, _softmax_binary, relaxed=True)

# All of them. A place in this tuple is the number by which the kernels (kernels/sampling.py) know a
# surrogate: add a new one at the end.
SURROGATES = (IDENTITY, SOFTMAX, GUMBEL, RAO, GAPPED, REINMAX, RELAXED)
