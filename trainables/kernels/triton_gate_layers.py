"""The kernels of gate_layers.py: 32 examples of a gate in one operation on words, and a backward pass that
reads the gradient of each layer's outputs twice, once for every wire, and writes it once.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

WORDS = 4  # of a program: 128 examples
LANES = 32 * WORDS
GATES = 128  # of a program that works on words
ROWS = 8  # gates of a program that works on real numbers


@triton.jit
def words_kernel(bits, words, n, B, W, ROWS: tl.constexpr):
    """Program (part of the rows, word); bits [n, B]."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    place = tl.arange(0, 32)
    example = tl.program_id(1) * 32 + place
    there = (row < n)[:, None] & (example < B)[None, :]
    bit = tl.load(bits + row[:, None] * B + example[None, :], there, other=0).to(tl.int32)
    tl.store(words + row * W + tl.program_id(1), tl.sum(bit << place[None, :], 1), row < n)


@triton.jit
def layer_kernel(words, coefficients, a, b, outputs, N, W, trials, GATES: tl.constexpr, WORDS: tl.constexpr):
    """Program (member, part of the gates, part of the words). trials: T where they share the inputs, or 1."""
    member = tl.program_id(0).to(tl.int64)
    gate = tl.program_id(1) * GATES + tl.arange(0, GATES)
    word = tl.program_id(2) * WORDS + tl.arange(0, WORDS)
    there = gate < N
    inside = there[:, None] & (word < W)[None, :]
    wire = (member // trials) * N + gate
    from_a = tl.load(a + wire, there, other=0).to(tl.int64)
    from_b = tl.load(b + wire, there, other=0).to(tl.int64)
    x = tl.load(words + from_a[:, None] * W + word[None, :], inside, other=0)
    y = tl.load(words + from_b[:, None] * W + word[None, :], inside, other=0)
    at = coefficients + member * 4 * N + gate
    c0, ca = tl.load(at, there, other=0.0), tl.load(at + N, there, other=0.0)
    cb, cab = tl.load(at + 2 * N, there, other=0.0), tl.load(at + 3 * N, there, other=0.0)
    # All bits of a word, or none: the gate's output where the inputs are neither, b, a, or both.
    neither, only_b = -(c0 > 0.5).to(tl.int32), -(c0 + cb > 0.5).to(tl.int32)
    only_a, both = -(c0 + ca > 0.5).to(tl.int32), -(c0 + ca + cb + cab > 0.5).to(tl.int32)
    z = (neither[:, None] & ~x & ~y) | (only_b[:, None] & ~x & y)
    z = z | (only_a[:, None] & x & ~y) | (both[:, None] & x & y)
    tl.store(outputs + (member * N + gate)[:, None] * W + word[None, :], z, inside)


@triton.jit
def sums_kernel(words, out, N, B, W, groups, GATES: tl.constexpr, LANES: tl.constexpr):
    """Program (member, group, part of the batch)."""
    member, group = tl.program_id(0).to(tl.int64), tl.program_id(1)
    example = tl.program_id(2) * LANES + tl.arange(0, LANES)
    size = N // groups
    count = tl.zeros([LANES], dtype=tl.int32)
    for start in range(0, size, GATES):
        place = start + tl.arange(0, GATES)
        there = (place < size)[:, None] & (example < B)[None, :]
        row = member * N + group * size + place
        word = tl.load(words + row[:, None] * W + (example // 32)[None, :], there, other=0)
        count += tl.sum((word >> (example % 32)[None, :]) & 1, 0)
    at = out + (member * groups + group) * B + example
    tl.store(at, count.to(out.dtype.element_ty), example < B)


@triton.jit
def gates_gradient_kernel(  # noqa: PLR0917  # a kernel has no other arguments
    words, a, b, gradient, dy, N, B, W, trials,
    later_dy, later_coefficients, later_a, later_b, later_words, table, factors, bags,
    groups, gates_later, entries,
    LAST: tl.constexpr, WRITES: tl.constexpr, ROWS: tl.constexpr, LANES: tl.constexpr,
):  # fmt: skip
    """Program (member, part of the gates): the gradient of a layer's outputs, and of its coefficients.

    The outputs' is pulled from the layer after it, whose arguments are the later ones; or, for the LAST
    layer, later_dy are the gradients of the groups' sums. It is written only where a layer before needs it.
    """
    member = tl.program_id(0).to(tl.int64)
    gate = tl.program_id(1) * ROWS + tl.arange(0, ROWS)
    there = gate < N
    wire, output = (member // trials) * N + gate, member * N + gate
    from_a = tl.load(a + wire, there, other=0).to(tl.int64)
    from_b = tl.load(b + wire, there, other=0).to(tl.int64)
    dtype: tl.constexpr = later_dy.dtype.element_ty
    alone, of_a = tl.zeros([ROWS], dtype=dtype), tl.zeros([ROWS], dtype=dtype)
    of_b, of_both = tl.zeros([ROWS], dtype=dtype), tl.zeros([ROWS], dtype=dtype)
    if not LAST:
        begin = tl.load(bags + output, there, other=0)
        end = tl.load(bags + output + 1, there & (output + 1 < tl.num_programs(0) * N), other=entries)
        readers = tl.where(there, (end - begin) // 2, 0)
        most = tl.max(readers, 0)
    for start in range(0, B, LANES):
        example = start + tl.arange(0, LANES)
        inside = there[:, None] & (example < B)[None, :]
        word, bit = (example // 32)[None, :], (example % 32)[None, :]
        if LAST:
            row = member * groups + gate // (N // groups)
            h = tl.load(later_dy + row[:, None] * B + example[None, :], inside, other=0.0)
        else:
            h = tl.zeros([ROWS, LANES], dtype=dtype)
            for reader in range(most):
                reads = there & (reader < readers)
                entry = begin + 2 * reader
                by = tl.load(table + entry, reads, other=0).to(tl.int64)  # the gate that reads it
                # Its second row of the table is that with the other input: b's where it reads this one as a.
                with_b = tl.load(table + entry + 1, reads, other=0) >= 2 * gates_later
                other = tl.load(later_b + by, reads & with_b, other=0)
                other += tl.load(later_a + by, reads & (with_b == 0), other=0)
                factor = tl.load(factors + entry, reads, other=0).to(tl.int64)
                factor_both = tl.load(factors + entry + 1, reads, other=0).to(tl.int64)
                c = tl.load(later_coefficients + factor, reads, other=0.0)
                c_both = tl.load(later_coefficients + factor_both, reads, other=0.0)
                mask = reads[:, None] & inside
                x = tl.load(later_words + other.to(tl.int64)[:, None] * W + word, mask, other=0)
                g = tl.load(later_dy + by[:, None] * B + example[None, :], mask, other=0.0)
                h += g * (c[:, None] + c_both[:, None] * ((x >> bit) & 1).to(dtype))
        if WRITES:
            tl.store(dy + output[:, None] * B + example[None, :], h, inside)
        x = (tl.load(words + from_a[:, None] * W + word, inside, other=0) >> bit) & 1
        y = (tl.load(words + from_b[:, None] * W + word, inside, other=0) >> bit) & 1
        alone += tl.sum(h, 1)
        of_a += tl.sum(h * x.to(dtype), 1)
        of_b += tl.sum(h * y.to(dtype), 1)
        of_both += tl.sum(h * (x & y).to(dtype), 1)
    at = gradient + member * 4 * N + gate
    tl.store(at, alone, there)
    tl.store(at + N, of_a, there)
    tl.store(at + 2 * N, of_b, there)
    tl.store(at + 3 * N, of_both, there)


def gates(
    bits: Tensor, coefficients: list[Tensor], a: list[Tensor], b: list[Tensor], groups: int
) -> tuple[Tensor, list[Tensor]]:
    """As the operator."""
    bits = bits.contiguous()
    S, D, B = bits.shape
    T, W = coefficients[0].shape[1], triton.cdiv(B, 32)
    words = bits.new_empty(S, D, W, dtype=torch.int32)
    words_kernel[triton.cdiv(S * D, GATES), W](bits, words, S * D, B, W, ROWS=GATES)
    kept = []
    for layer, rows_a, rows_b in zip(coefficients, a, b, strict=True):
        N, trials = layer.shape[-1], S * T // len(rows_a)
        out = words.new_empty(S * T, N, W)
        layer_kernel[S * T, triton.cdiv(N, GATES), triton.cdiv(W, WORDS)](
            words, layer.contiguous(), rows_a, rows_b, out, N, W, trials, GATES=GATES, WORDS=WORDS
        )
        kept.append(words)
        words = out
    sums = coefficients[0].new_empty(S, T, groups, B)
    sums_kernel[S * T, groups, triton.cdiv(B, LANES)](
        words, sums, words.shape[1], B, W, groups, GATES=32, LANES=LANES
    )
    return sums, kept


def gradients(
    dsums: Tensor,
    coefficients: list[Tensor],
    kept: list[Tensor],
    a: list[Tensor],
    b: list[Tensor],
    table: list[Tensor],
    factors: list[Tensor],
    bags: list[Tensor],
) -> list[Tensor]:
    """As the operator."""
    coefficients, later_dy = [layer.contiguous() for layer in coefficients], dsums.contiguous()
    S, T, groups, B = dsums.shape
    found: list[Tensor] = []
    for i in reversed(range(len(coefficients))):
        last = i + 1 == len(coefficients)
        later = i if last else i + 1  # what the last layer is told of a later one, it does not read
        N, gates_later = coefficients[i].shape[-1], coefficients[later].shape[-1]
        gradient = torch.empty_like(coefficients[i])
        dy = dsums.new_empty(S * T, N, B) if i else later_dy
        gates_gradient_kernel[S * T, triton.cdiv(N, ROWS)](
            kept[i], a[i], b[i], gradient, dy, N, B, kept[i].shape[-1], S * T // len(a[i]),
            later_dy, coefficients[later], a[later], b[later], kept[later],
            table[later], factors[later], bags[later],
            groups, S * T * gates_later, len(table[later]),
            LAST=last, WRITES=i > 0, ROWS=ROWS, LANES=LANES,
        )  # fmt: skip
        found.append(gradient)
        later_dy = dy
    return found[::-1]
