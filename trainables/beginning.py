"""Initial parameters of members, and the object (`Members`) through which a task samples for them.

The trials of a seed begin with the same parameters, whatever else is in their population.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from trainables.configuration import Configuration
from trainables.estimators import ESTIMATORS
from trainables.randomness import Stream
from trainables.tasks.base import Members, Task


def initial_parameters(
    task: Task,
    configurations: Sequence[Configuration],
    seeds: Sequence[int],
    *,
    dtype: torch.dtype,
    device: torch.device,
) -> dict[str, Tensor]:
    """What training begins with, {name: [S, T, ...]}: a seed's trials alike, but for the scale of their
    logits. Whole numbers keep their type.
    """
    models = [task.init(Stream(seed, "init").at(0)) for seed in seeds]
    parameters = {
        name: torch.stack([m[name] for m in models])[:, None]
        .expand(-1, len(configurations), *models[0][name].shape)
        .to(device, dtype if models[0][name].is_floating_point() else None)
        .clone(memory_format=torch.contiguous_format)
        for name in models[0]
    }
    if any(c.logit_scale != 1 for c in configurations):
        scales = torch.tensor([c.logit_scale for c in configurations], dtype=dtype, device=device)
        for name in task.logit_parameters():
            parameters[name].mul_(scales.view(-1, *(1,) * (parameters[name].ndim - 2)))
    return parameters


def describe_members(
    task: Task,
    configurations: Sequence[Configuration],
    seeds: Sequence[int],
    *,
    dtype: torch.dtype,
    device: torch.device,
    accelerator: bool,
) -> Members:
    """What a task is told of members: their estimators [T], and the constants of their seeds."""
    estimators = [ESTIMATORS[c.estimator].coefficients(c.tau_f, c.tau_b) for c in configurations]
    drawn = [task.constants(Stream(seed, "constants").at(0)) for seed in seeds]
    constants = {name: torch.stack([c[name] for c in drawn]).to(device) for name in drawn[0]}
    return Members(estimators, constants, dtype=dtype, device=device, accelerator=accelerator)
