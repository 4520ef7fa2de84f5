"""The kernel of update.py: one pass over a parameter, its gradient and both moments, settings by row."""

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 1024
EPS = 1e-8  # optim.EPS, which a kernel cannot read


@triton.jit
def adamw_kernel(parameter, gradient, first, second, settings, T, n, EPS: tl.constexpr, BLOCK: tl.constexpr):
    """Program (member, part). settings [6, T]: what optim.adamw_formula_ is told, in its order."""
    member = tl.program_id(0).to(tl.int64)
    place = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    there = place < n
    at = member * n + place
    row = settings + member % T
    share1, beta2, share2 = tl.load(row), tl.load(row + T), tl.load(row + 2 * T)
    correction2, kept, rate = tl.load(row + 3 * T), tl.load(row + 4 * T), tl.load(row + 5 * T)
    p, g = tl.load(parameter + at, there), tl.load(gradient + at, there)
    m, v = tl.load(first + at, there), tl.load(second + at, there)
    m += share1 * (g - m)
    v = v * beta2 + share2 * g * g
    p = p * kept - rate * m / (tl.sqrt(v / correction2) + EPS)
    tl.store(parameter + at, p, there)
    tl.store(first + at, m, there)
    tl.store(second + at, v, there)


def adamw_(
    parameters: list[Tensor],
    gradients: list[Tensor],
    first: list[Tensor],
    second: list[Tensor],
    step: Tensor,
    rates: Tensor,
    decays: Tensor,
    betas: Tensor,
) -> None:
    """As the operator."""
    beta1, beta2 = betas.unbind(-1)
    rate = rates / (1 - beta1**step)  # [P, T]
    shared = [1 - beta1, beta2, 1 - beta2, 1 - beta2**step]
    settings = torch.stack([*(row.expand_as(rate) for row in shared), 1 - rates * decays, rate], 1)
    settings = settings.to(parameters[0].dtype)  # [P, 6, T]
    for i, parameter in enumerate(parameters):
        S, T = parameter.shape[:2]
        n = parameter[0, 0].numel()
        adamw_kernel[S * T, triton.cdiv(n, BLOCK)](
            parameter, gradients[i], first[i], second[i], settings[i], T, n, EPS=EPS, BLOCK=BLOCK
        )
