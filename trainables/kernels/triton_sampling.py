"""The kernels of sampling.py: noise, comparison and surrogate in one pass, with an estimator for each trial.

The kernels know a surrogate by its number, which is its place in SURROGATES: 0 identity, 1 softmax, 2 gumbel,
4 gapped, 5 reinmax, 6 relaxed. The formulas are those of surrogates.py. A surrogate that is not in WRITTEN
has no kernel, and the operators use its formula: 3, Gumbel-Rao, which reads ten further draws of noise, and
any that is added to SURROGATES without being added here.
"""

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

from trainables.surrogates import (
    GAP,
    GAPPED,
    GUMBEL,
    IDENTITY,
    REINMAX,
    RELAXED,
    SOFTMAX,
    SURROGATES,
)

BLOCK = 1024  # numbers of a program
LARGEST_K = 512
# The surrogates whose formulas are written below, by their numbers.
WRITTEN = frozenset(map(SURROGATES.index, (IDENTITY, SOFTMAX, GUMBEL, GAPPED, REINMAX, RELAXED)))


@triton.jit
def sigmoid(x):
    """Of float32 and float64."""
    return 1 / (1 + tl.exp(-x))


@triton.jit
def softmax(x):
    """Over the first axis of a tile, whose padding is minus infinity."""
    e = tl.exp(x - tl.max(x, 0)[None, :])
    return e / tl.sum(e, 0)[None, :]


@triton.jit
def surrogate_gradient(h, hot, logit, x, k, kind, tau, K: tl.constexpr, GAP: tl.constexpr):
    """Of the logits of a tile from h, that of its samples; x is the logits, for kind 2 with their noise."""
    if kind == 4:
        top = tl.max(tl.where(k < K, logit, float("-inf")), 0)[None, :]
        x = tl.where(hot > 0, top, tl.minimum(logit, top - GAP))
    q = softmax(tl.where(k < K, x / tau, float("-inf")))
    if kind == 5:
        q = (q + hot) / 2
    g = q * (h - tl.sum(q * h, 0)[None, :])
    if kind == 5:
        p = softmax(tl.where(k < K, logit, float("-inf")))
        g = 2 * g - 0.5 * p * (h - tl.sum(p * h, 0)[None, :])
    else:
        g = g / tau
    if kind == 0:
        g = h
    return g


@triton.jit
def bits_kernel(logits, noise, s, tau_b, kinds, out, T, n, noise_stride, BLOCK: tl.constexpr):
    """Program (member, part)."""
    member = tl.program_id(0).to(tl.int64)
    trial = member % T
    place = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    there = place < n
    x = tl.load(logits + member * n + place, there, other=0.0)
    g = tl.load(noise + (member // T) * noise_stride + place, there, other=0.0)
    z = (x + tl.load(s + trial) * g > 0).to(x.dtype)
    if tl.load(kinds + trial) == 6:
        z = sigmoid(x / tl.load(tau_b + trial))
    tl.store(out + member * n + place, z, there)


@triton.jit
def bits_gradient_kernel(  # noqa: PLR0917  # a kernel has no other arguments
    dz, z, logits, noise, tau_b, kinds, out, T, n, noise_stride, GAP: tl.constexpr, BLOCK: tl.constexpr
):
    """Program (member, part)."""
    member = tl.program_id(0).to(tl.int64)
    trial = member % T
    kind, tau = tl.load(kinds + trial), tl.load(tau_b + trial)
    place = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    there = place < n
    at = member * n + place
    h, bit = tl.load(dz + at, there, other=0.0), tl.load(z + at, there, other=0.0)
    logit = tl.load(logits + at, there, other=0.0)
    x = logit
    if kind == 2:
        x = logit + tl.load(noise + (member // T) * noise_stride + place, there, other=0.0)
    if kind == 4:
        x = tl.where(bit > 0, tl.maximum(logit, GAP), tl.minimum(logit, -GAP))
    q = sigmoid(x / tau)
    if kind == 5:
        q = (q + bit) / 2
    g = q * (1 - q) * h
    if kind == 5:
        p = sigmoid(logit)
        g = 2 * g - 0.5 * p * (1 - p) * h
    else:
        g = g / tau
    if kind == 0:
        g = h
    tl.store(out + at, g, there)


@triton.jit
def one_hot_kernel(  # noqa: PLR0917  # a kernel has no other arguments
    logits, noise, s, tau_b, kinds, out, T, L, B, noise_stride,
    K: tl.constexpr, PADDED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Program (member, latent, part) of [S*T, L, K, B]."""
    member = tl.program_id(0).to(tl.int64)
    trial = member % T
    k = tl.arange(0, PADDED)[:, None]
    b = (tl.program_id(2) * BLOCK + tl.arange(0, BLOCK))[None, :]
    there = (k < K) & (b < B)
    place = (tl.program_id(1).to(tl.int64) * K + k) * B + b
    at = member * L * K * B + place
    x = tl.load(logits + at, there, other=0.0)
    g = tl.load(noise + (member // T) * noise_stride + place, there, other=0.0)
    perturbed = tl.where(k < K, x + tl.load(s + trial) * g, float("-inf"))
    z = (k == tl.argmax(perturbed, 0)[None, :]).to(x.dtype)
    if tl.load(kinds + trial) == 6:
        z = softmax(tl.where(k < K, x / tl.load(tau_b + trial), float("-inf")))
    tl.store(out + at, z, there)


@triton.jit
def one_hot_gradient_kernel(  # noqa: PLR0917  # a kernel has no other arguments
    dz, z, logits, noise, tau_b, kinds, out, T, L, B, noise_stride,
    K: tl.constexpr, PADDED: tl.constexpr, GAP: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Program (member, latent, part) of [S*T, L, K, B]."""
    member = tl.program_id(0).to(tl.int64)
    trial = member % T
    kind, tau = tl.load(kinds + trial), tl.load(tau_b + trial)
    k = tl.arange(0, PADDED)[:, None]
    b = (tl.program_id(2) * BLOCK + tl.arange(0, BLOCK))[None, :]
    there = (k < K) & (b < B)
    place = (tl.program_id(1).to(tl.int64) * K + k) * B + b
    at = member * L * K * B + place
    h, hot = tl.load(dz + at, there, other=0.0), tl.load(z + at, there, other=0.0)
    logit = tl.load(logits + at, there, other=0.0)
    x = logit
    if kind == 2:
        x = logit + tl.load(noise + (member // T) * noise_stride + place, there, other=0.0)
    tl.store(out + at, surrogate_gradient(h, hot, logit, x, k, kind, tau, K, GAP), there)


@triton.jit
def choose_kernel(  # noqa: PLR0917  # a kernel has no other arguments
    logits, noise, s, tau_b, kinds, table, rows, chosen, T, B, noise_stride,
    K: tl.constexpr, C: tl.constexpr, PADDED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Program (member, part) of [S*T, K, B]."""
    member = tl.program_id(0).to(tl.int64)
    trial = member % T
    k = tl.arange(0, PADDED)[:, None]
    b = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    there = (k < K) & (b < B)[None, :]
    place = k.to(tl.int64) * B + b[None, :]
    x = tl.load(logits + member * K * B + place, there, other=0.0)
    g = tl.load(noise + (member // T) * noise_stride + place, there, other=0.0)
    perturbed = tl.where(k < K, x + tl.load(s + trial) * g, float("-inf"))
    best = tl.argmax(perturbed, 0)
    tl.store(chosen + member * B + b, best.to(tl.uint8), b < B)
    z = (k == best[None, :]).to(x.dtype)
    if tl.load(kinds + trial) == 6:
        z = softmax(tl.where(k < K, x / tl.load(tau_b + trial), float("-inf")))
    for c in tl.static_range(C):
        column = tl.load(table + k * C + c, k < K, other=0.0)
        tl.store(rows + (member * C + c) * B + b, tl.sum(z * column, 0), b < B)


@triton.jit
def choose_gradient_kernel(  # noqa: PLR0917  # a kernel has no other arguments
    drows, chosen, logits, noise, tau_b, kinds, table, out, T, B, noise_stride,
    K: tl.constexpr, C: tl.constexpr, PADDED: tl.constexpr, GAP: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Program (member, part) of [S*T, K, B]."""
    member = tl.program_id(0).to(tl.int64)
    trial = member % T
    kind, tau = tl.load(kinds + trial), tl.load(tau_b + trial)
    k = tl.arange(0, PADDED)[:, None]
    b = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    there = (k < K) & (b < B)[None, :]
    place = k.to(tl.int64) * B + b[None, :]
    logit = tl.load(logits + member * K * B + place, there, other=0.0)
    hot = (k == tl.load(chosen + member * B + b, b < B, other=0).to(tl.int32)[None, :]).to(logit.dtype)
    h = tl.zeros_like(logit)
    for c in tl.static_range(C):
        column = tl.load(table + k * C + c, k < K, other=0.0)
        h += column * tl.load(drows + (member * C + c) * B + b, b < B, other=0.0)[None, :]
    x = logit
    if kind == 2:
        x = logit + tl.load(noise + (member // T) * noise_stride + place, there, other=0.0)
    g = surrogate_gradient(h, hot, logit, x, k, kind, tau, K, GAP)
    tl.store(out + member * K * B + place, g, there)


def takes(logits: Tensor, noise: Tensor, runs: Sequence[int], dim: int) -> bool:
    """Whether there is a kernel for these arguments of the operator."""
    return (
        WRITTEN.issuperset(runs[::2])
        and logits.dtype in (torch.float32, torch.float64)
        and noise.dtype == logits.dtype
        and noise.shape[1] == 1
        and noise[0].is_contiguous()
        and (dim == 0 or (dim == -2 and logits.ndim >= 4 and logits.shape[-2] <= LARGEST_K))
    )


def sample(logits: Tensor, noise: Tensor, s: Tensor, tau_b: Tensor, kinds: Tensor, dim: int) -> Tensor:
    """As the operator."""
    logits = logits.contiguous()
    out = torch.empty_like(logits)
    S, T = logits.shape[:2]
    if dim:
        grid, L, K, tile = _tiles(logits)
        one_hot_kernel[grid](
            logits, noise, s, tau_b, kinds, out, T, L, logits.shape[-1], _stride(noise), K=K, **tile
        )
    else:
        n = logits[0, 0].numel()
        bits_kernel[S * T, triton.cdiv(n, BLOCK)](
            logits, noise, s, tau_b, kinds, out, T, n, _stride(noise), BLOCK=BLOCK
        )
    return out


def gradient(
    dz: Tensor, z: Tensor, logits: Tensor, noise: Tensor, tau_b: Tensor, kinds: Tensor, dim: int
) -> Tensor:
    """As the operator."""
    dz, z, logits = dz.contiguous(), z.contiguous(), logits.contiguous()
    out = torch.empty_like(logits)
    S, T = logits.shape[:2]
    given = (dz, z, logits, noise, tau_b, kinds, out, T)
    if dim:
        grid, L, K, tile = _tiles(logits)
        one_hot_gradient_kernel[grid](*given, L, logits.shape[-1], _stride(noise), K=K, GAP=GAP, **tile)
    else:
        n = logits[0, 0].numel()
        bits_gradient_kernel[S * T, triton.cdiv(n, BLOCK)](*given, n, _stride(noise), GAP=GAP, BLOCK=BLOCK)
    return out


def choose(
    logits: Tensor, noise: Tensor, s: Tensor, tau_b: Tensor, kinds: Tensor, table: Tensor
) -> tuple[Tensor, Tensor]:
    """As the operator of choosing.py."""
    logits, table = logits.contiguous(), table.contiguous()
    S, T, K, N = logits.shape
    rows = logits.new_empty(S, T, table.shape[1], N)
    chosen = logits.new_empty(S, T, N, dtype=torch.uint8)
    (members, _, parts), _, _, tile = _tiles(logits)
    choose_kernel[members, parts](
        logits, noise, s, tau_b, kinds, table, rows, chosen, T, N, _stride(noise),
        K=K, C=table.shape[1], **tile,
    )  # fmt: skip
    return rows, chosen


def choose_gradient(
    drows: Tensor, chosen: Tensor, logits: Tensor, noise: Tensor, tau_b: Tensor, kinds: Tensor, table: Tensor
) -> Tensor:
    """As the operator of choosing.py."""
    drows, logits, table = drows.contiguous(), logits.contiguous(), table.contiguous()
    out = torch.empty_like(logits)
    (members, _, parts), _, K, tile = _tiles(logits)
    choose_gradient_kernel[members, parts](
        drows, chosen, logits, noise, tau_b, kinds, table, out, logits.shape[1], logits.shape[-1],
        _stride(noise), K=K, C=table.shape[1], GAP=GAP, **tile,
    )  # fmt: skip
    return out


def _stride(noise: Tensor) -> int:
    """From one seed's noise to the next one's; 0 where all have the same."""
    return noise.stride(0) if len(noise) > 1 else 0


def _tiles(logits: Tensor) -> tuple[tuple[int, int, int], int, int, dict[str, int]]:
    """Grid, L, K, and the sizes of a tile, for logits [S, T, ..., K, B]."""
    S, T, *latents, K, B = logits.shape
    L = 1
    for size in latents:
        L *= size
    padded = triton.next_power_of_2(K)
    block = max(1, BLOCK // padded)
    return (S * T, L, triton.cdiv(B, block)), L, K, {"PADDED": padded, "BLOCK": block}
