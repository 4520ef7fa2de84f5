"""The kernels of gate_layers.py: 32 examples of a gate in one operation on words, and a backward pass that
reads the gradient of each layer's outputs twice, once for every wire, and writes it once.
"""

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor
from torch.utils.weak import WeakTensorKeyDictionary

WORDS = 4  # of a program: 128 examples
LANES = 32 * WORDS
GATES = 128  # of a program that works on words
GRADIENT_GATES = 4  # of a program that works on real numbers


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
def pulled(  # noqa: PLR0917  # as a kernel's
    entry, reads, example, mask, later_dy, later_coefficients, later_words, by, other, factors, B, W
):
    """What one reader of an output adds to its gradient, [LANES]."""
    gate = tl.load(by + entry, reads, other=0).to(tl.int64)
    place = tl.load(other + entry, reads, other=0).to(tl.int64)
    factor = tl.load(factors + 2 * entry, reads, other=0).to(tl.int64)
    factor_both = tl.load(factors + 2 * entry + 1, reads, other=0).to(tl.int64)
    c = tl.load(later_coefficients + factor, reads, other=0.0)
    c_both = tl.load(later_coefficients + factor_both, reads, other=0.0)
    x = tl.load(later_words + place * W + example // 32, mask, other=0)
    g = tl.load(later_dy + gate * B + example, mask, other=0.0)
    return g * (c + c_both * ((x >> (example % 32)) & 1).to(g.dtype))


@triton.jit
def gates_gradient_kernel(  # noqa: PLR0917  # a kernel has no other arguments
    words, a, b, gradient, dy, N, B, W, trials,
    later_dy, later_coefficients, later_words, by, other, factors, bags, groups, entries,
    LAST: tl.constexpr, WRITES: tl.constexpr, MOST: tl.constexpr, GATES: tl.constexpr, LANES: tl.constexpr,
):  # fmt: skip
    """Program (member, part of the gates, part of the batch): the gradient of a layer's outputs, and the
    part's share of that of its coefficients, gradient [parts, S*T, 4, N].

    The outputs' is pulled from the layer after it: by, other and factors tell of each reader of an output the
    gate, the row of its other input, and the places of its coefficients. Or, for the LAST layer, later_dy
    are the gradients of the groups' sums. It is written only where a layer before needs it.

    A gate after the other, with numbers of its own in registers: as rows of a tile, their indices took
    longer than the work. MOST is the largest number of readers, so that all that they load is asked for at
    once.
    """
    member = tl.program_id(0).to(tl.int64)
    members = tl.num_programs(0)
    example = tl.program_id(2) * LANES + tl.arange(0, LANES)
    inside = example < B
    word, bit = example // 32, example % 32
    for i in tl.static_range(GATES):
        gate = tl.program_id(1) * GATES + i
        there = gate < N
        within = inside & (gate + 0 * example < N)  # of all lanes, as masks of loads must be
        output = member * N + gate
        if LAST:
            row = member * groups + gate // (N // groups)
            h = tl.load(later_dy + row * B + example, within, other=0.0)
        else:
            begin = tl.load(bags + output, there, other=0) // 2
            end = tl.load(bags + output + 1, there & (output + 1 < members * N), other=2 * entries) // 2
            h = tl.zeros([LANES], dtype=later_dy.dtype.element_ty)
            if MOST <= 8:
                for j in tl.static_range(MOST):
                    entry = begin + j
                    h += pulled(
                        entry, there & (entry < end), example, within & (entry + 0 * example < end),
                        later_dy, later_coefficients, later_words, by, other, factors, B, W,
                    )  # fmt: skip
            else:
                for entry in range(begin, end):
                    h += pulled(
                        entry, there, example, within,
                        later_dy, later_coefficients, later_words, by, other, factors, B, W,
                    )  # fmt: skip
        if WRITES:
            tl.store(dy + output * B + example, h, within)
        wire = (member // trials) * N + gate
        from_a = tl.load(a + wire, there, other=0).to(tl.int64)
        from_b = tl.load(b + wire, there, other=0).to(tl.int64)
        x = (tl.load(words + from_a * W + word, within, other=0) >> bit) & 1
        y = (tl.load(words + from_b * W + word, within, other=0) >> bit) & 1
        at = gradient + (tl.program_id(2) * members + member) * 4 * N + gate
        tl.store(at, tl.sum(h, 0), there)
        tl.store(at + N, tl.sum(h * x.to(h.dtype), 0), there)
        tl.store(at + 2 * N, tl.sum(h * y.to(h.dtype), 0), there)
        tl.store(at + 3 * N, tl.sum(h * (x & y).to(h.dtype), 0), there)


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
    parts = triton.cdiv(B, LANES)
    found: list[Tensor] = []
    for i in reversed(range(len(coefficients))):
        last = i + 1 == len(coefficients)
        later = i if last else i + 1  # what the last layer is told of a later one, it does not read
        N = coefficients[i].shape[-1]
        gradient = dsums.new_empty(parts, *coefficients[i].shape)
        dy = dsums.new_empty(S * T, N, B) if i else later_dy
        readers = _readers(table[later], a[later], b[later], bags[later])
        gates_gradient_kernel[S * T, triton.cdiv(N, GRADIENT_GATES), parts](
            kept[i], a[i], b[i], gradient, dy, N, B, kept[i].shape[-1], S * T // len(a[i]),
            later_dy, coefficients[later], kept[later], readers.by, readers.other, factors[later],
            bags[later], groups, len(readers.by),
            LAST=last, WRITES=i > 0, MOST=1 if last else readers.most, GATES=GRADIENT_GATES, LANES=LANES,
            num_warps=1,
        )  # fmt: skip
        found.append(gradient[0] if parts == 1 else gradient.sum(0))
        later_dy = dy
    return found[::-1]


@dataclass(frozen=True)
class _Readers:
    """The readers of a layer's inputs, in the order of Wires: what is the same in every step."""

    by: Tensor  # [S*T*2N] int32: the gates that read them, of all members
    other: Tensor  # [S*T*2N] int32: rows of the inputs that they read beside them
    most: int  # of one input


_known = WeakTensorKeyDictionary()  # {a layer's table: its _Readers}


def _readers(table: Tensor, a: Tensor, b: Tensor, bags: Tensor) -> _Readers:
    """Of a layer; made when it is first asked for, which waits for the device."""
    if table not in _known:
        members = len(table) // (4 * a.shape[1])
        first, second = table.view(-1, 2).unbind(1)
        # The second row of the table is that with the other input: b's where this one is read as a.
        with_b = second >= 2 * members * a.shape[1]
        wires = [x.expand(members, -1) if len(x) == members else x.repeat_interleave(members // len(x), 0)
                 for x in (a, b)]  # fmt: skip
        rows_a, rows_b = (x.reshape(-1).index_select(0, first) for x in wires)
        ends = torch.cat((bags[1:], bags.new_tensor([len(table)])))
        most = int((ends - bags).max()) // 2
        by, other = first.contiguous(), torch.where(with_b, rows_b, rows_a)
        _known[table] = _Readers(by, other, max(most, 1))
    found: _Readers = _known[table]
    return found
