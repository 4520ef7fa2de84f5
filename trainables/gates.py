"""Networks of two-input logic gates in coefficient form.

On bits every gate is a polynomial, c0 + ca*a + cb*b + cab*a*b, with whole coefficients (the table below, by
gate id, in the order of Petersen et al. 2022, "Deep Differentiable Logic Gate Networks"). A layer therefore
needs four numbers a gate, and its backward pass only the four sums over the batch of dy, dy*a, dy*b and
dy*a*b: no tensor [batch, gates, 16] is ever made. The same polynomial with real coefficients, a mixture of
gates, on real inputs is the relaxed ("soft") layer.

Three things make it fast on a CPU, whose limit here is memory. Activations of hard gates are bytes, one of
which holds both inputs of a gate for the backward pass, and only some trials or examples are worked on at a
time, whose activations stay in the caches. They are batch-last, [.., N, B]: a wire is then a row, and
following the wires copies whole rows. And the gradient of an input is pulled from the gates that read it,
which the wiring fixes once and for all, instead of being pushed by every gate: dL/da = ca*dy + cab*(dy*b) is
a weighted sum of rows that the coefficients' gradients need anyway, so that all of a layer's input gradients
are one call of torch's `embedding_bag`. Autograd cannot pass through bytes, so the network is one function
with a backward pass of its own.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

# [16, 4]: c0, ca, cb, cab of every gate
COEFFICIENTS = torch.tensor(
    [
        (0, 0, 0, 0),
        (0, 0, 0, 1),
        (0, 1, 0, -1),
        (0, 1, 0, 0),
        (0, 0, 1, -1),
        (0, 0, 1, 0),
        (0, 1, 1, -2),
        (0, 1, 1, -1),
        (1, -1, -1, 1),
        (1, -1, -1, 2),
        (1, 0, -1, 0),
        (1, 0, -1, 1),
        (1, -1, 0, 0),
        (1, -1, 0, 1),
        (1, 0, 0, -1),
        (1, 0, 0, 0),
    ]
)
TRUTH_TABLE = (
    15,
    12,
    10,
    8,
)  # its product with the coefficients: bit 2*a + b is the gate's value at a and b
# Elements of a layer's outputs that a CPU works on at a time: few enough for its caches, and many enough that
# threads do not wait for each other at every turn. With a quarter of it, networks of 1,000 gates a layer take
# a fifth longer, and two studies at once a third.
PART = 2**20


def random_wires(inputs: int, gates: int, generator: torch.Generator) -> Tensor:
    """The two inputs of every gate, [2, gates] int64: every input is read equally often, up to one (Petersen
    et al. 2022).
    """
    slots = torch.randperm(2 * gates, generator=generator) % inputs
    return torch.randperm(inputs, generator=generator)[slots].view(2, gates)


class Wires(NamedTuple):
    """What the gates of a layer read, and for every output of the layer before, which gates read it. Of every
    seed: [S, ...].
    """

    # int32: half the memory of the usual int64, and a layer of 2^29 gates is far away.
    inputs: Tensor  # [S, 2, N]: which two outputs of the layer before
    # A layer's backward pass has a table of 3N rows, each over the batch: dy, dy*a and dy*b of every gate. An
    # output that a gate reads as a gets ca times the gate's row of dy and cab times that of dy*b; as b, cb
    # times dy and cab times dy*a. In the order of the outputs:
    rows: Tensor  # [S, 4N]: the rows of the table
    factors: Tensor  # [S, 4N]: their factors, as places in the layer's 4N coefficients
    bags: Tensor  # [S, D]: where the rows of each output begin

    @classmethod
    def of(cls, inputs: Tensor, sources: int) -> "Wires":
        """From the first of these fields, with D = sources outputs of the layer before."""
        S, _, N = inputs.shape
        ordered, readers = inputs.flatten(1).sort(
            stable=True
        )  # [S, 2N]; a reader is a gate, or N + a gate that reads it as b
        gate, side = readers % N, readers // N
        rows = torch.stack((gate, (2 - side) * N + gate), -1)
        factors = torch.stack((N + readers, 3 * N + gate), -1)
        bags = 2 * torch.searchsorted(
            ordered, torch.arange(sources, device=inputs.device).expand(S, -1).contiguous()
        )
        return cls(*(field.to(torch.int32) for field in (inputs, rows.flatten(1), factors.flatten(1), bags)))


def group_sums(
    bits: Tensor, coefficients: Sequence[Tensor], wires: Sequence[Wires], *, groups: int, soft: Sequence[bool]
) -> Tensor:
    """The outputs of every member's network, summed by groups of neighbouring gates of the last layer.

    Args:
        bits: [S, D, B] uint8, the inputs, shared by a seed's trials.
        coefficients: for each layer [S, T, 4, N] c0, ca, cb, cab of every gate; differentiable.
        wires: of each layer.
        groups: how many; divides the last layer's N.
        soft: for each of the T trials, whether its coefficients are mixtures; those of the others are rows of
            COEFFICIENTS.

    Returns:
        [S, T, groups, B].
    """
    out: Tensor = _Network.apply(bits, tuple(wires), groups, tuple(soft), *coefficients)
    return out


class _Network(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        bits: Tensor,
        wires: tuple[Wires, ...],
        groups: int,
        soft: tuple[bool, ...],
        *coefficients: Tensor,
    ) -> Tensor:
        S, T = coefficients[0].shape[:2]
        sums = coefficients[0].new_empty(S, T, groups, bits.shape[-1])
        inputs: list[list[Tensor]] = []  # of each part, of each layer
        first: dict[tuple[int, int], Tensor] = {}  # of the first layer, which a seed's trials share
        for s, trials, examples in _parts(bits, coefficients, soft):
            place = s, examples.start
            if place not in first:
                first[place] = _join(bits[s, None, :, examples].contiguous(), wires[0].inputs[s])
            joined = [first[place]]
            for i, (layer, wire) in enumerate(zip(coefficients, wires, strict=True)):
                x = _layer(joined[i], layer[s, trials], wire.inputs[s], soft=soft[trials.start])
                if i + 1 < len(wires):
                    joined.append(_join(x, wires[i + 1].inputs[s]))
            if any(ctx.needs_input_grad):
                inputs.append(joined)
            t, N, B = x.shape
            torch.sum(
                x.view(t, groups, N // groups, B), 2, dtype=sums.dtype, out=sums[s, trials, :, examples]
            )
        ctx.save_for_backward(bits, *coefficients)
        ctx.inputs, ctx.wires, ctx.soft = inputs, wires, soft
        return sums

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dsums: Tensor) -> tuple[Tensor | None, ...]:
        bits, *coefficients = ctx.saved_tensors
        gradients = [torch.zeros_like(c) for c in coefficients]
        parts = list(_parts(bits, coefficients, ctx.soft))
        # The table that Wires speaks of is one buffer for all parts and layers: memory that is in the caches
        # already.
        most = max(
            (trials.stop - trials.start) * (examples.stop - examples.start) for _, trials, examples in parts
        )
        buffer = dsums.new_empty(3 * most * max(c.shape[-1] for c in coefficients))
        for (s, trials, examples), inputs in zip(parts, ctx.inputs, strict=True):
            table = _table(buffer, dsums[s, trials, :, examples], coefficients[-1].shape[-1])
            for i in reversed(range(len(coefficients))):
                wires = ctx.wires[i]
                _fill(table, inputs[i], wires.inputs[s], gradients[i][s, trials])
                if i:  # nobody asks for the gradient of the network's inputs
                    seeds = Wires(*(field[s] for field in wires))
                    table = _table(
                        buffer, _pull(table, coefficients[i][s, trials], seeds), coefficients[i - 1].shape[-1]
                    )
        return None, None, None, None, *gradients


def _parts(
    bits: Tensor, coefficients: Sequence[Tensor], soft: Sequence[bool]
) -> Iterator[tuple[int, slice, slice]]:
    """A seed, some neighbouring trials, all soft or all hard, and examples: few enough for a CPU, where
    memory is what limits.
    """
    (S, T), B = coefficients[0].shape[:2], bits.shape[-1]
    most, examples = T, B
    if not bits.is_cuda:
        widest = max(c.shape[-1] for c in coefficients)
        most = max(1, PART // (widest * B))
        examples = -(-B // -(-widest * B // PART))  # equal shares of the batch
    for s in range(S):
        start = 0
        while start < T:
            end = start + 1
            while end < min(start + most, T) and soft[end] == soft[start]:
                end += 1
            for first in range(0, B, examples):
                yield s, slice(start, end), slice(first, min(first + examples, B))
            start = end


def _join(x: Tensor, wires: Tensor) -> Tensor:
    """What a layer reads, from x [t, D, B] and its wires [2, N]; it is kept for the backward pass.

    Of bits it is 2a + b of every gate, [t, N, B] bytes, so that the wires are followed once. Of real numbers
    it is x itself.
    """
    if x.is_floating_point():
        return x
    return _follow(x, wires[0]).mul_(2).add_(_follow(x, wires[1]))


def _inputs(joined: Tensor, wires: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Both inputs of every gate as real numbers, each [t, N, B], from what `_join` made, wires [2, N]."""
    if joined.is_floating_point():
        return _follow(joined, wires[0]), _follow(joined, wires[1])
    return (joined >> 1).to(dtype), (joined & 1).to(dtype)


def _layer(joined: Tensor, coefficients: Tensor, wires: Tensor, *, soft: bool) -> Tensor:
    """Outputs [t, N, B] of one layer: bytes of hard gates, real numbers of soft ones.

    Args:
        joined: of `_join`, with t = 1 where the trials share the inputs.
        coefficients: [t, 4, N].
        wires: [2, N].
        soft: whether the gates are mixtures.
    """
    if soft:
        return polynomial(coefficients, *_inputs(joined, wires, coefficients.dtype))
    table = (coefficients * coefficients.new_tensor(TRUTH_TABLE)[:, None]).sum(1).to(torch.uint8)  # [t, N]
    # The bit of the table that a and b point at. Bytes are shifted twice as fast by a whole tensor as by a
    # column.
    return (table[..., None].repeat(1, 1, joined.shape[-1]) >> joined).bitwise_and_(1)


def polynomial(coefficients: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """c0 + ca*a + cb*b + cab*a*b, [..., N, B], of coefficients [..., 4, N] and inputs [..., N, B]."""
    c0, ca, cb, cab = coefficients[..., None].unbind(-3)  # each [..., N, 1]
    return (a * cab).add_(cb).mul_(b).add_(a * ca).add_(c0)


def _table(buffer: Tensor, dy: Tensor, N: int) -> Tensor:
    """A layer's table [t, 3, N, B] in a buffer, holding dy so far, [t, N, B]; or [t, groups, B], the same for
    all of a group.
    """
    t, n, B = dy.shape
    table = buffer[: t * 3 * N * B].view(t, 3, N, B)
    table[:, 0].view(t, n, N // n, B).copy_(dy[:, :, None])
    return table


def _fill(table: Tensor, joined: Tensor, wires: Tensor, dc: Tensor) -> None:
    """Fills table [t, 3, N, B], which holds dy, with dy*a and dy*b, and adds the coefficients' gradients to
    dc [t, 4, N].

    The layer's inputs are as `_join` made them, with its wires [2, N].
    """
    a, b = _inputs(joined, wires, table.dtype)
    torch.mul(table[:, 0], a, out=table[:, 1])
    torch.mul(table[:, 0], b, out=table[:, 2])
    dc[:, :3].add_(table.sum(-1))
    dc[:, 3].add_((table[:, 1] * b).sum(-1))


def _pull(table: Tensor, coefficients: Tensor, wires: Wires) -> Tensor:
    """Gradients [t, D, B] of a layer's inputs, from its table [t, 3, N, B] and its coefficients [t, 4, N];
    one seed's wires.
    """
    t, _, N, B = table.shape
    rows, bags = wires.rows, wires.bags
    if t > 1:
        trial = torch.arange(t, device=table.device)[:, None]
        rows, bags = (rows + trial * 3 * N).flatten(), (bags + trial * 4 * N).flatten()
    factors = coefficients.flatten(1).index_select(1, wires.factors).flatten()
    return F.embedding_bag(rows, table.view(-1, B), bags, mode="sum", per_sample_weights=factors).view(
        t, -1, B
    )


# Selecting along another axis than the first is up to five times slower on a CPU: hence the flat view.


def _follow(x: Tensor, wire: Tensor) -> Tensor:
    """The rows `wire` [n] of every x [t, D, B], as [t, n, B]."""
    rows = wire
    if len(x) > 1:
        rows = (torch.arange(len(x), device=x.device)[:, None] * x.shape[1] + wire).flatten()
    return x.view(-1, x.shape[-1]).index_select(0, rows).view(len(x), len(wire), -1)
