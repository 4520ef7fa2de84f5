"""Networks of logic gates on an accelerator: the arithmetic of gates.py for all members at once.

gates.py works through seeds, trials and parts of the batch one after the other, because a CPU is fast where
its caches suffice. An accelerator is fast where its launches are few. So the outputs of one layer of all
members are the rows of one matrix, [S*T*N, B], and the wires are numbers of its rows, offset once and for
all: every operation below is one launch, whoever the members are.

Hard gates work on bits, 32 examples in a word: kernels/gate_layers.py. Gates of trials that are not sampled
("soft") are real numbers. Where there are some, those of all trials are: on bits the polynomial gives exactly
the bits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from trainables.gates import COEFFICIENTS, Wires, polynomial
from trainables.kernels.gate_layers import follow, gates, gates_backward


@dataclass(frozen=True)
class Rows:
    """The wires of one layer as rows of all members; fields as those of Wires."""

    a: Tensor  # [R, N] int32: rows of the layer before, R = S for the first layer, whose inputs trials share
    b: Tensor  # [R, N]
    table: Tensor  # [S*T*4N]: rows of the table
    factors: Tensor  # [S*T*4N]: places in the coefficients of all members
    bags: Tensor  # [S*T*D]: where in those two the entries of each output of the layer before begin

    @classmethod
    def of(cls, wires: Wires, trials: int, *, first: bool) -> "Rows":
        """Of a layer's wires and T."""
        S, _, N = wires.inputs.shape
        D = wires.bags.shape[1]
        members = S * trials
        member = torch.arange(members, device=wires.inputs.device, dtype=torch.int32)[:, None]

        def of_members(field: Tensor) -> Tensor:
            return field.repeat_interleave(trials, 0)

        read = wires.inputs if first else of_members(wires.inputs)  # [R, 2, N]
        read = read + (member[: len(read)] * D)[..., None]
        # gates.py has a table of 3N rows for each member; here its three parts hold all members each.
        row = of_members(wires.rows)
        table = row.div(N, rounding_mode="floor") * (members * N) + member * N + row % N
        return cls(
            read[:, 0].contiguous(),
            read[:, 1].contiguous(),
            table.flatten(),
            (of_members(wires.factors) + member * 4 * N).flatten(),
            (of_members(wires.bags) + member * 4 * N).flatten(),
        )


@dataclass(frozen=True)
class Layout:
    """What stays the same from step to step: the rows of every layer, and constants on the device."""

    layers: tuple[Rows, ...]
    coefficients: Tensor  # [16, 4] of COEFFICIENTS

    @classmethod
    def of(cls, wires: Sequence[Wires], trials: int, dtype: torch.dtype) -> "Layout":
        """Of the wires of all layers and T."""
        device = wires[0].inputs.device
        layers = tuple(Rows.of(w, trials, first=i == 0) for i, w in enumerate(wires))
        return cls(layers, COEFFICIENTS.to(device, dtype))


def group_sums(
    bits: Tensor, coefficients: Sequence[Tensor], layout: Layout, *, groups: int, soft: bool
) -> Tensor:
    """As gates.group_sums, of all members at once.

    Args:
        bits: [S, D, B] uint8.
        coefficients: for each layer [S, T, 4, N]; differentiable.
        layout: of the same layers and T.
        groups: how many; divides the last layer's N.
        soft: whether some trial's coefficients are mixtures.

    Returns:
        [S, T, groups, B].
    """
    out: Tensor = (_Soft if soft else _Hard).apply(bits, layout, groups, *coefficients)
    return out


class _Hard(torch.autograd.Function):
    """The operators of kernels/gate_layers.py as one differentiable function of the coefficients."""

    @staticmethod
    def forward(ctx: Any, bits: Tensor, layout: Layout, groups: int, *coefficients: Tensor) -> Tensor:
        rows, layers = layout.layers, list(coefficients)
        sums: Tensor
        sums, kept = gates(bits, layers, [r.a for r in rows], [r.b for r in rows], groups)
        ctx.save_for_backward(*coefficients, *kept)
        ctx.layout = layout
        return sums

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dsums: Tensor) -> tuple[Tensor | None, ...]:
        n = len(ctx.saved_tensors) // 2
        coefficients, kept = ctx.saved_tensors[:n], ctx.saved_tensors[n:]
        fields = ([getattr(r, name) for r in ctx.layout.layers] for name in Rows.__dataclass_fields__)
        return None, None, None, *gates_backward(dsums, list(coefficients), list(kept), *fields)


class _Soft(torch.autograd.Function):
    """Mixtures of gates, on real numbers."""

    @staticmethod
    def forward(ctx: Any, bits: Tensor, layout: Layout, groups: int, *coefficients: Tensor) -> Tensor:
        x = bits[:, None].to(coefficients[0].dtype)  # [S, 1, D, B]
        kept = []  # of each layer, its inputs
        for layer, rows in zip(coefficients, layout.layers, strict=True):
            kept.append(x)
            x = polynomial(layer, follow(x, rows.a), follow(x, rows.b))
        ctx.save_for_backward(*coefficients, *kept)
        ctx.layout = layout
        S, T, _, B = x.shape
        return x.view(S, T, groups, -1, B).sum(3)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dsums: Tensor) -> tuple[Tensor | None, ...]:
        n = len(ctx.saved_tensors) // 2
        coefficients, kept = ctx.saved_tensors[:n], ctx.saved_tensors[n:]
        S, T, _, B = dsums.shape
        gradients: list[Tensor] = []
        dy = dsums[:, :, :, None]  # [S, T, groups, 1, B], and below [S, T, N, 1, B]: N, or its groups' share
        for i in reversed(range(n)):
            layer, rows = coefficients[i], ctx.layout.layers[i]
            N = layer.shape[-1]
            table = dsums.new_empty(3, S, T, N, B)  # dy, dy*a, dy*b
            table[0].view(S, T, dy.shape[2], -1, B).copy_(dy)
            a, b = follow(kept[i], rows.a), follow(kept[i], rows.b)
            torch.mul(table[0], a, out=table[1])
            torch.mul(table[0], b, out=table[2])
            both = (table[1] * b).sum(-1)
            gradients.append(torch.cat((table.sum(-1), both[None])).movedim(0, 2))
            if i:  # nobody asks for the gradient of the network's inputs
                factors = layer.reshape(-1).index_select(0, rows.factors)
                dy = F.embedding_bag(
                    rows.table, table.view(-1, B), rows.bags, mode="sum", per_sample_weights=factors
                ).view(S, T, -1, 1, B)
        return None, None, None, *reversed(gradients)
