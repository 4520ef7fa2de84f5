"""The kernels of cross_entropy.py: each reads the logits once."""

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 2048  # numbers of a program


@triton.jit
def cross_entropy_kernel(logits, x, sums, T, n, BLOCK: tl.constexpr):
    """Program (member, part of its n numbers): the part's sum, in sums [S*T, parts]."""
    member = tl.program_id(0).to(tl.int64)
    place = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    there = place < n
    z = tl.load(logits + member * n + place, there, other=0.0)
    pixel = tl.load(x + (member // T) * n + place, there, other=0.0)
    loss = tl.maximum(z, 0.0) + tl.log(1 + tl.exp(-tl.abs(z))) - pixel * z
    at = sums + member * tl.num_programs(1) + tl.program_id(1)
    tl.store(at, tl.sum(tl.where(there, loss, 0.0), 0))


@triton.jit
def cross_entropy_gradient_kernel(dloss, logits, x, out, T, n, BLOCK: tl.constexpr):
    """Program (member, part of its n numbers)."""
    member = tl.program_id(0).to(tl.int64)
    place = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    there = place < n
    z = tl.load(logits + member * n + place, there, other=0.0)
    pixel = tl.load(x + (member // T) * n + place, there, other=0.0)
    gradient = (1 / (1 + tl.exp(-z)) - pixel) * tl.load(dloss + member)
    tl.store(out + member * n + place, gradient, there)


def sums(logits: Tensor, x: Tensor) -> Tensor:
    """As the operator."""
    logits, x = logits.contiguous(), x.contiguous()
    S, T = logits.shape[:2]
    n = x[0].numel()
    parts = logits.new_empty(S, T, triton.cdiv(n, BLOCK))
    cross_entropy_kernel[S * T, parts.shape[2]](logits, x, parts, T, n, BLOCK=BLOCK)
    return parts.sum(2)


def gradient(dloss: Tensor, logits: Tensor, x: Tensor) -> Tensor:
    """As the operator."""
    logits, x = logits.contiguous(), x.contiguous()
    S, T = logits.shape[:2]
    n = x[0].numel()
    out = torch.empty_like(logits)
    cross_entropy_gradient_kernel[S * T, triton.cdiv(n, BLOCK)](
        dloss.contiguous(), logits, x, out, T, n, BLOCK=BLOCK
    )
    return out
