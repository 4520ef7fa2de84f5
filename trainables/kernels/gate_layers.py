"""A network of hard gates, and its gradients, as two operators of all members at once.

Activations are bits, and kept as words: [R, D, W] int32, bit j of word w is example 32*w + j. R is S for a
network's inputs, which a seed's trials share, and S*T for the outputs of its layers. The last word's bits
beyond the batch may have any value. gate_rows.py says what the rows are.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from trainables.kernels.availability import triton_kernels

WORD = 32  # bits


def follow(x: Tensor, rows: Tensor) -> Tensor:
    """Rows [R, N] of x [S, T or 1, D, B], as [S, T or 1, N, B]."""
    return x.reshape(-1, x.shape[-1]).index_select(0, rows.view(-1)).view(*x.shape[:2], -1, x.shape[-1])


def _gates(
    bits: Tensor, coefficients: list[Tensor], a: list[Tensor], b: list[Tensor], groups: int
) -> tuple[Tensor, list[Tensor]]:
    """The sums [S, T, groups, B] of the last layer's outputs, and every layer's inputs as words.

    Args:
        bits: [S, D, B] uint8.
        coefficients: for each layer [S, T, 4, N], rows of gates.COEFFICIENTS.
        a, b: for each layer [R, N], of Rows.
        groups: how many; divides the last layer's N.
    """
    S, T = coefficients[0].shape[:2]
    x, kept = bits[:, None], []
    for layer, rows_a, rows_b in zip(coefficients, a, b, strict=True):
        kept.append(_words(x))
        c0, ca, cb, _ = layer.unbind(2)
        outputs = torch.stack((c0, c0 + cb, c0 + ca, layer.sum(2)), -2) > 0.5  # at 2a + b = 0, 1, 2, 3
        numbers = (outputs << torch.arange(4, device=x.device)[:, None]).sum(2).to(torch.uint8)
        x = (numbers[..., None] >> (2 * follow(x, rows_a) + follow(x, rows_b))) & 1
    return x.view(S, T, groups, -1, x.shape[-1]).sum(3, dtype=coefficients[0].dtype), kept


def _gradients(
    dsums: Tensor,
    coefficients: list[Tensor],
    kept: list[Tensor],
    a: list[Tensor],
    b: list[Tensor],
    table: list[Tensor],
    factors: list[Tensor],
    bags: list[Tensor],
) -> list[Tensor]:
    """The gradients of the coefficients, from those of the sums; the rest as in `gates`, kept what it gave.

    Args:
        table, factors, bags: for each layer, of Rows.
    """
    S, T, groups, B = dsums.shape
    found: list[Tensor] = []
    dy = dsums.repeat_interleave(coefficients[-1].shape[-1] // groups, 2)  # [S, T, N, B]
    for i in reversed(range(len(coefficients))):
        x = _bits(kept[i], B).to(dy.dtype).view(S, -1, kept[i].shape[1], B)
        in_a, in_b = follow(x, a[i]), follow(x, b[i])
        parts = torch.stack((dy, dy * in_a, dy * in_b))  # [3, S, T, N, B], the table of Wires
        both = (parts[1] * in_b).sum(-1)
        found.append(torch.cat((parts.sum(-1), both[None])).movedim(0, 2).contiguous())
        if i:  # nobody asks for the gradient of the network's inputs
            weights = coefficients[i].reshape(-1).index_select(0, factors[i])
            dy = F.embedding_bag(
                table[i], parts.view(-1, B), bags[i], mode="sum", per_sample_weights=weights
            ).view(S, T, -1, B)
    return found[::-1]


def _words(x: Tensor) -> Tensor:
    """Bits [S, T or 1, D, B] uint8 as words [R, D, W]."""
    B = x.shape[-1]
    padded = F.pad(x, (0, -B % WORD)).view(-1, x.shape[2], -(-B // WORD), WORD)
    return (padded.to(torch.int32) << torch.arange(WORD, device=x.device)).sum(-1, dtype=torch.int32)


def _bits(words: Tensor, B: int) -> Tensor:
    """Words [R, D, W] as bits [R, D, B] int32."""
    apart = (words[..., None] >> torch.arange(WORD, device=words.device, dtype=torch.int32)) & 1
    return apart.flatten(-2)[..., :B]


gates = torch.library.custom_op("straight_through::gates", _gates, mutates_args=())
gates_backward = torch.library.custom_op("straight_through::gates_backward", _gradients, mutates_args=())


@gates.register_fake
def _(
    bits: Tensor, coefficients: list[Tensor], a: list[Tensor], _b: list[Tensor], groups: int
) -> tuple[Tensor, list[Tensor]]:
    (S, T), B = coefficients[0].shape[:2], bits.shape[-1]
    outputs = [bits.shape[1], *(layer.shape[-1] for layer in coefficients)]
    kept = [
        bits.new_empty(len(rows), D, -(-B // WORD), dtype=torch.int32)
        for rows, D in zip(a, outputs, strict=False)
    ]
    return coefficients[0].new_empty(S, T, groups, B), kept


@gates_backward.register_fake
def _(_dsums: Tensor, coefficients: list[Tensor], *_others: object) -> list[Tensor]:
    return [torch.empty_like(layer, memory_format=torch.contiguous_format) for layer in coefficients]


@gates.register_kernel("cuda")
def _(*inputs: Any) -> tuple[Tensor, list[Tensor]]:
    kernels = triton_kernels("triton_gate_layers")
    found: tuple[Tensor, list[Tensor]] = (_gates if kernels is None else kernels.gates)(*inputs)
    return found


@gates_backward.register_kernel("cuda")
def _(*inputs: Any) -> list[Tensor]:
    kernels = triton_kernels("triton_gate_layers")
    found: list[Tensor] = (_gradients if kernels is None else kernels.gradients)(*inputs)
    return found
