"""One function of one member, called for all members of a population: under vmap, or one after the other.

vmap turns the operations of a member into operations on stacked tensors, over seeds and, within them, over
the trials that share a surrogate; a seed's trials share its batch and noise, which are then not stacked. What
vmap cannot do is looped over, with the same arguments and so with the same results.

Measured on a CPU, forward and backward, 8 to 16 members: linear layers of 32 units take 0.13 of a loop's
time, of 128 to 256 units 0.9. Convolutions, which become grouped ones, take 0.15 on 8 x 8 images; with 16 and
32 channels on 28 x 28 images, and on larger ones, 1.0 to 1.2 with one thread and 0.3 to 0.8 with two. So
convolutions are not looped over there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor
from torch.func import vmap

from trainables.data import Batch
from trainables.data.dataset import each
from trainables.memory import is_out_of_memory
from trainables.primitive import Coefficients
from trainables.tasks.base import DRAWS, Noise, Parameters, Run

Mode: TypeAlias = Literal["vmap", "loop"]
Values: TypeAlias = dict[str, Tensor]  # of one member {name: []}, or of all {name: [S, T]}


@dataclass(frozen=True)
class Member:
    """A function of one member: a forward pass and what is made of its output."""

    # (tensors {name: [...]}, inputs, target, noise {name: [...]} or None, coefficients of this member)
    # -> (values {name: []}, buffers {name: [...]})
    call: Callable[[Parameters, Batch, Batch, Noise | None, Coefficients], tuple[Values, Parameters]]
    values: tuple[str, ...]  # names of what it returns: one number each, or one for each example
    buffers: tuple[str, ...]


def all_members(
    member: Member,
    mode: Mode,
    tensors: Parameters,
    inputs: Batch,
    target: Batch,
    noise: Noise | None,
    runs: Sequence[Run],
    *,
    shared: bool = False,
) -> tuple[Values, Parameters]:
    """What `member` returns for every member, stacked.

    Args:
        member: a function of one member.
        mode: how it is called.
        tensors: {name: [S, T, ...]}.
        inputs, target: [S, B, ...], or {name: [S, B, ...]}; or None.
        noise: {name: [S, ...]} and {name + DRAWS: [RAO_DRAWS, S, ...]}, or None for argmax.
        runs: the T trials as runs of one surrogate.
        shared: inputs, target and noise are the same for all seeds, and lack the axis S.

    Returns:
        Values {name: [S, T]} and buffers {name: [S, T, ...]}.
    """
    one_run = _vmapped if mode == "vmap" else _looped
    if len(runs) == 1:
        return one_run(member, tensors, inputs, target, noise, runs[0], shared=shared)
    sizes = [run.trials for run in runs]
    split = {name: torch.split(tensor, sizes, dim=1) for name, tensor in tensors.items()}
    results = [
        one_run(
            member, {name: part[i] for name, part in split.items()}, inputs, target, noise, run, shared=shared
        )
        for i, run in enumerate(runs)
    ]
    values, buffers = zip(*results, strict=True)
    joined = [
        {name: torch.cat([part[name] for part in parts], 1) for name in parts[0]}
        for parts in (values, buffers)
    ]
    return joined[0], joined[1]


def _vmapped(
    member: Member,
    tensors: Parameters,
    inputs: Batch,
    target: Batch,
    noise: Noise | None,
    run: Run,
    *,
    shared: bool,
) -> tuple[Values, Parameters]:
    def one(
        tensors: Parameters, inputs: Batch, target: Batch, noise: Noise | None, s: Any, tau_b: Tensor
    ) -> tuple[Values, Parameters]:
        return member.call(tensors, inputs, target, noise, Coefficients(s, tau_b, run.surrogate))

    s = 0.0 if run.s is None else run.s
    of_trials = vmap(one, in_dims=(0, None, None, None, None if run.s is None else 0, 0))
    if len(next(iter(tensors.values()))) == 1:  # a single seed: one level of vmap less
        first = {name: tensor[0] for name, tensor in tensors.items()}
        data = (inputs, target, noise) if shared else _of_seed(0, inputs, target, noise)
        values, buffers = of_trials(first, *data, s, run.tau_b)
        return {n: v[None] for n, v in values.items()}, {n: b[None] for n, b in buffers.items()}
    if shared:
        in_dims: tuple[Any, ...] = (0, None, None, None, None, None)
    else:
        by_noise = None if noise is None else {name: int(name.endswith(DRAWS)) for name in noise}
        in_dims = (0, 0, None if target is None else 0, by_noise, None, None)
    result: tuple[Values, Parameters] = vmap(of_trials, in_dims=in_dims)(
        tensors, inputs, target, noise, s, run.tau_b
    )
    return result


def _looped(
    member: Member,
    tensors: Parameters,
    inputs: Batch,
    target: Batch,
    noise: Noise | None,
    run: Run,
    *,
    shared: bool,
) -> tuple[Values, Parameters]:
    S, T = next(iter(tensors.values())).shape[:2]
    # Taken apart by one operation, whose backward pass is one stack; an index for each member would make a
    # gradient as large as the whole stack for every one of them.
    apart = {name: tensor.flatten(0, 1).unbind(0) for name, tensor in tensors.items()}
    results = []
    for m in range(S * T):
        s, t = divmod(m, T)
        mine = {name: parts[m] for name, parts in apart.items()}
        data = (inputs, target, noise) if shared else _of_seed(s, inputs, target, noise)
        try:
            c = Coefficients(0.0 if run.s is None else run.s[t], run.tau_b[t], run.surrogate)
            results.append(member.call(mine, *data, c))
        except (RuntimeError, ValueError, ArithmeticError, AssertionError) as error:
            # A diverged member may fail in a check of the module's own. It must not end its neighbours.
            if is_out_of_memory(error) or all(bool(tensor.isfinite().all()) for tensor in mine.values()):
                raise
            nan = torch.full((), torch.nan, dtype=run.tau_b.dtype, device=run.tau_b.device)
            results.append((dict.fromkeys(member.values, nan), {name: mine[name] for name in member.buffers}))
    values, buffers = zip(*results, strict=True)

    def stacked(parts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        # Of a value for each example the NaN of a member that failed is every example's.
        shapes = {name: max((part[name].shape for part in parts), key=len) for name in parts[0]}
        stacks = {
            name: torch.stack([part[name].expand(shape) for part in parts]) for name, shape in shapes.items()
        }
        return {name: stack.view(S, T, *stack.shape[1:]) for name, stack in stacks.items()}

    return stacked(values), stacked(buffers)


def _of_seed(s: int, inputs: Batch, target: Batch, noise: Noise | None) -> tuple[Batch, Batch, Noise | None]:
    """One seed's part of what its trials share."""
    drawn = None
    if noise is not None:
        drawn = {name: n[:, s] if name.endswith(DRAWS) else n[s] for name, n in noise.items()}
    return each(inputs, lambda x: x[s]), each(target, lambda x: x[s]), drawn
