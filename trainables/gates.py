"""Networks of two-input logic gates in coefficient form.

On bits every gate is a polynomial, c0 + ca*a + cb*b + cab*a*b, with whole coefficients (the table below, by gate id, in the order
of Petersen et al. 2022, "Deep Differentiable Logic Gate Networks"). A layer therefore needs four numbers a gate, and its backward
pass only the four sums over the batch of dy, dy*a, dy*b and dy*a*b: no tensor [batch, gates, 16] is ever made. The same
polynomial with real coefficients, a mixture of gates, on real inputs is the relaxed ("soft") layer.

Two things make it fast on a CPU, whose limit here is the memory. Activations of hard gates are bytes, and only a part of a layer
is worked on at a time, which stays in the caches. And they are batch-last, [.., N, B]: a wire is then a row, and following the
wires copies whole rows. Autograd cannot pass through bytes, so the network is one function with a backward pass of its own.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

GATES = (
    "false", "and", "a_not_b", "a", "b_not_a", "b", "xor", "or",
    "nor", "xnor", "not_b", "a_or_not_b", "not_a", "b_or_not_a", "nand", "true",
)  # fmt: skip
# [16, 4]: c0, ca, cb, cab of every gate
COEFFICIENTS = torch.tensor([
    (0, 0, 0, 0), (0, 0, 0, 1), (0, 1, 0, -1), (0, 1, 0, 0), (0, 0, 1, -1), (0, 0, 1, 0), (0, 1, 1, -2), (0, 1, 1, -1),
    (1, -1, -1, 1), (1, -1, -1, 2), (1, 0, -1, 0), (1, 0, -1, 1), (1, -1, 0, 0), (1, -1, 0, 1), (1, 0, 0, -1), (1, 0, 0, 0),
])  # fmt: skip
_TRUTH_TABLE = (15, 12, 10, 8)  # its product with the coefficients: bit 2*a + b is the gate's value at a and b
# Elements of one activation that are worked on at a time on a CPU.
_CHUNK = 2**18


def random_wires(inputs: int, gates: int, generator: torch.Generator) -> Tensor:
    """The two inputs of every gate, [2, gates] int64: every input is read equally often, up to one (Petersen et al. 2022)."""
    slots = torch.randperm(2 * gates, generator=generator) % inputs
    return torch.randperm(inputs, generator=generator)[slots].view(2, gates)


def group_sums(
    bits: Tensor, coefficients: Sequence[Tensor], wires: Sequence[Tensor], *, groups: int, soft: Sequence[bool]
) -> Tensor:
    """The outputs of every member's network, summed by groups of neighbouring gates of the last layer.

    Args:
        bits: [S, D, B] uint8, the inputs, shared by a seed's trials.
        coefficients: for each layer [S, T, 4, N] c0, ca, cb, cab of every gate; differentiable.
        wires: for each layer [S, 2, N] int64, which two outputs of the layer before a gate reads.
        groups: how many; divides the last layer's N.
        soft: for each of the T trials, whether its coefficients are mixtures; those of the others are rows of COEFFICIENTS.

    Returns:
        [S, T, groups, B].
    """
    out: Tensor = _Network.apply(bits, tuple(wires), groups, tuple(soft), *coefficients)
    return out


class _Network(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, bits: Tensor, wires: tuple[Tensor, ...], groups: int, soft: tuple[bool, ...], *coefficients: Tensor
    ) -> Tensor:
        S, T = coefficients[0].shape[:2]
        sums = coefficients[0].new_empty(S, T, groups, bits.shape[-1])
        inputs: list[list[Tensor]] = []  # of each part, of each layer
        for s, trials in _parts(bits, coefficients, soft):
            x = bits[s, None]  # [1 or t, D, B]
            inputs.append([])
            for layer, wire in zip(coefficients, wires, strict=True):
                inputs[-1].append(x)
                x = _layer(x, layer[s, trials], wire[s], soft=soft[trials.start])
            if not any(ctx.needs_input_grad):
                inputs.pop()
            t, N, B = x.shape
            torch.sum(x.view(t, groups, N // groups, B), 2, dtype=sums.dtype, out=sums[s, trials])
        ctx.save_for_backward(bits, *coefficients)
        ctx.inputs, ctx.wires, ctx.soft = inputs, wires, soft
        return sums

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dsums: Tensor) -> tuple[Tensor | None, ...]:
        bits, *coefficients = ctx.saved_tensors
        gradients = [torch.empty_like(c) for c in coefficients]
        parts = list(_parts(bits, coefficients, ctx.soft))
        # Gradients of activations use two buffers by turns, the same for all parts: memory that is in the caches already.
        most = max(trials.stop - trials.start for _, trials in parts) * max(c.shape[-1] for c in coefficients)
        buffers = [dsums.new_empty(most * bits.shape[-1]) for _ in range(2)]
        for (s, trials), inputs in zip(parts, ctx.inputs, strict=True):
            ds = dsums[s, trials, :, None]  # [t, groups, 1, B]
            t, groups, _, B = ds.shape
            N = coefficients[-1].shape[-1]
            dx = buffers[0][: t * N * B].view(t, groups, N // groups, B).copy_(ds).view(t, N, B)  # of the last layer's outputs
            for i in reversed(range(len(coefficients))):
                # Nobody asks for the gradient of the network's inputs.
                shape = inputs[i].shape if i else (0,)
                dy, dx = dx, buffers[(len(coefficients) - i) % 2][: math.prod(shape)].view(shape).zero_()
                _backward_layer(inputs[i], coefficients[i][s, trials], ctx.wires[i][s], dy, gradients[i][s, trials], dx)
        return None, None, None, None, *gradients


def _parts(bits: Tensor, coefficients: Sequence[Tensor], soft: Sequence[bool]) -> Iterator[tuple[int, slice]]:
    """A seed and some neighbouring trials, all soft or all hard; few enough for the caches on a CPU, where one may be enough."""
    S, T = coefficients[0].shape[:2]
    most = T if bits.is_cuda else max(1, _CHUNK // (max(c.shape[-1] for c in coefficients) * bits.shape[-1]))
    for s in range(S):
        start = 0
        while start < T:
            end = start + 1
            while end < min(start + most, T) and soft[end] == soft[start]:
                end += 1
            yield s, slice(start, end)
            start = end


def _layer(x: Tensor, coefficients: Tensor, wires: Tensor, *, soft: bool) -> Tensor:
    """Outputs [t, N, B] of one layer: bytes of hard gates, real numbers of soft ones.

    Args:
        x: [t, D, B] inputs; [1, D, B] where the trials share them.
        coefficients: [t, 4, N].
        wires: [2, N].
        soft: whether the gates are mixtures.
    """
    a, b = _follow(x, wires[0]), _follow(x, wires[1])  # [t or 1, N, B]
    if soft:
        c0, ca, cb, cab = coefficients[..., None].unbind(1)  # each [t, N, 1]
        return (a * cab).add_(cb).mul_(b).add_(a * ca).add_(c0)
    table = (coefficients * coefficients.new_tensor(_TRUTH_TABLE)[:, None]).sum(1).to(torch.uint8)  # [t, N]
    # The bit of the table that a and b point at.
    return (table[..., None] >> a.mul_(2).add_(b)).bitwise_and_(1)


def _backward_layer(x: Tensor, coefficients: Tensor, wires: Tensor, dy: Tensor, dc: Tensor, dx: Tensor) -> None:
    """Fills dc [t, 4, N] from dy [t, N, B], and adds to dx [t, D, B] unless it is empty; the other arguments are _layer's."""
    t, N, B = dy.shape
    step = N if dy.is_cuda else max(1, _CHUNK // (t * B))
    for start in range(0, N, step):
        gates = slice(start, start + step)
        g = dy[:, gates]
        a, b = (_follow(x, wire[gates]).to(g.dtype) for wire in wires)
        ga, gb = g * a, g * b
        for i, term in enumerate((g, ga, gb, ga * b)):
            torch.sum(term, -1, out=dc[:, i, gates])
        if not dx.numel():
            continue
        _, ca, cb, cab = coefficients[:, :, gates, None].unbind(1)  # each [t, n, 1]
        # dy/da = ca + cab*b and dy/db = cb + cab*a; the products g*b and g*a are there already.
        _add_rows(dx, wires[0, gates], gb.mul_(cab).add_(g * ca))
        _add_rows(dx, wires[1, gates], ga.mul_(cab).add_(g * cb))


# Selecting and adding along another axis than the first is up to five times slower on a CPU: hence the flat views.


def _follow(x: Tensor, wire: Tensor) -> Tensor:
    """The rows `wire` [n] of every x [t, D, B], as [t, n, B]."""
    return x.view(-1, x.shape[-1]).index_select(0, _flat(wire, x)).view(len(x), len(wire), -1)


def _add_rows(dx: Tensor, wire: Tensor, rows: Tensor) -> None:
    """Adds rows [t, n, B] to the rows `wire` [n] of every dx [t, D, B]."""
    dx.view(-1, dx.shape[-1]).index_add_(0, _flat(wire, dx), rows.flatten(0, 1))


def _flat(wire: Tensor, x: Tensor) -> Tensor:
    """Where the rows `wire` [n] of every x [t, D, B] stand in x seen as [t*D, B]: [t*n]."""
    if len(x) == 1:
        return wire
    return (torch.arange(len(x), device=x.device)[:, None] * x.shape[1] + wire).flatten()
