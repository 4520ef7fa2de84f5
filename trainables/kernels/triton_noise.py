"""The kernel of noise.py: Philox, and the logarithms, in one pass that only writes."""

import torch
import triton
import triton.language as tl
from torch import Tensor

BLOCK = 256  # counters of a program; each makes four numbers
KINDS = {"logistic": 0, "gumbel": 1, "uniform": 2}


@triton.jit
def noise_kernel(keys, step, out, count, KIND: tl.constexpr, BLOCK: tl.constexpr):
    """Program (seed, part)."""
    seed = tl.program_id(0).to(tl.int64)
    block = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    key = tl.load(keys + 2 * seed) | (tl.load(keys + 2 * seed + 1) << 32)
    now = tl.load(step)
    zero = block.to(tl.uint32) * 0
    low, high = zero + (now & 0xFFFFFFFF).to(tl.uint32), zero + (now >> 32).to(tl.uint32)
    words = tl.philox(key.to(tl.uint64), block.to(tl.uint32), zero, low, high)
    dtype: tl.constexpr = out.dtype.element_ty
    for j in tl.static_range(4):
        u = ((words[j] >> 9).to(dtype) + 0.5) * 1.1920928955078125e-07  # 2^-23
        value = u
        if KIND == 0:
            value = tl.log(u) - tl.log(1 - u)
        if KIND == 1:
            value = -tl.log(-tl.log(u))
        place = 4 * block + j
        tl.store(out + seed * count + place, value.to(dtype), mask=place < count)


def noise(keys: Tensor, step: Tensor, count: int, kind: str, dtype: torch.dtype) -> Tensor:
    """As the operator."""
    out = torch.empty(len(keys), count, dtype=dtype, device=keys.device)
    grid = (len(keys), triton.cdiv(count, 4 * BLOCK))
    noise_kernel[grid](keys, step, out, count, KIND=KINDS[kind], BLOCK=BLOCK)
    return out
