"""How noisy the gradient of a member is: its mean and spread over repeated passes at a fixed state and batch.

Repeated passes are one more population axis: a pass is one more seed with the same weights and batch, and
noise of its own, so that any task, estimator and member is measured through the task's own loss.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.data import Split
from trainables.data.dataset import each
from trainables.drawing import FixedNoise
from trainables.surrogates import RAO_DRAWS
from trainables.tasks.base import Members, Noise, Parameters, Task, with_draws

# Of the passes that are made at a time. On a CPU larger stacks only leave the caches (measured: 2**30 takes
# 1.3 times as long).
_MEMORY_BYTES = 2**27
_ROUNDING = 100  # a standard deviation below so many units of rounding of the mean is no variation


@dataclass(frozen=True)
class Diagnosis:
    """What is measured of a trained population beside its task's metrics."""

    passes: int  # R of gradient_statistics
    tau_f: tuple[float, ...]  # of enumeration.estimator_errors
    tau_b: tuple[float, ...]


def gradient_statistics(
    task: Task,
    parameters: Parameters,
    batch: Split,
    members: Members,
    *,
    passes: int = 1024,
    memory_bytes: int | None = None,
) -> dict[str, Tensor]:
    """Mean and spread of the gradient over R independent forward-backward passes at a fixed state and batch.

    With g_r the gradient of the mean loss over the batch with respect to all trained parameters in pass r,
    and mean and std over the R passes for each single parameter (std with ddof 1):

        grad_snr        mean over parameters of |mean(g)| / std(g)
        grad_norm       mean over passes of the Euclidean norm of g
        grad_norm_std   its standard deviation over passes, ddof 1

    Parameters whose gradient does not vary (std not above the rounding of the mean: dead pixels, units that
    never flip) have no ratio and are left out of the mean. Where no parameter varies, which is so for every
    estimator without noise, grad_snr is infinite, and NaN where the gradient is 0 throughout. Because
    |mean(g)| is estimated from R passes, a gradient of pure noise has a grad_snr of sqrt(2 / (pi R)), not 0:
    0.025 for R = 1024, 0.1 for R = 64.

    Args:
        task: whose loss is differentiated.
        parameters: {name: [S, T, ...]}.
        batch: B examples, the same for all members.
        members: their estimators and constants.
        passes: R, at least 2. Pass r has the same noise for all members, whoever they are.
        memory_bytes: how much the passes that are made at once may take.

    Returns:
        Each [S, T].
    """
    if passes < 2:
        raise ValueError(f"passes must be 2 or more, because a single one has no spread. Got {passes}.")
    trained = [name for name in parameters if name not in task.buffers()]
    some = parameters[trained[0]]
    S, T = some.shape[:2]
    budget = memory_bytes if memory_bytes is not None else _free_bytes(some.device)
    at_once = max(1, min(passes, budget // (S * T * task.bytes_per_member(len(batch)))))
    moments = {name: _Moments(parameters[name]) for name in trained}
    squares = []  # of norms, [S, r, T]
    for start in range(0, passes, at_once):
        numbers = range(start, min(start + at_once, passes))
        gradients = _gradients(task, parameters, batch, members, numbers)
        squares.append(torch.stack([g.square().flatten(3).sum(-1) for g in gradients.values()]).sum(0))
        for name in list(gradients):
            moments[name].add(gradients.pop(name))  # each is freed when it has been counted
    norms = torch.cat(squares, 1).sqrt()
    ratios, varying = (
        torch.stack(x).sum(0) for x in zip(*(m.ratios() for m in moments.values()), strict=True)
    )
    noisy = torch.tensor(members.noisy, device=some.device) & (varying > 0)  # [S, T]
    norm = norms.mean(1)
    return {
        "grad_snr": torch.where(noisy, ratios / varying, torch.where(norm > 0, torch.inf, torch.nan)),
        "grad_norm": norm,
        "grad_norm_std": norms.std(1).where(noisy, 0.0).where(norm.isfinite(), torch.nan),
    }


class _Moments:
    """Mean and sum of squared deviations over passes of every parameter, updated by chunks (Chan, Golub &
    LeVeque 1983).
    """

    def __init__(self, like: Tensor) -> None:
        self._count = 0
        self._mean = torch.zeros_like(like, requires_grad=False)  # [S, T, ...]
        self._deviations = torch.zeros_like(self._mean)

    def add(self, gradients: Tensor) -> None:
        """Takes in gradients [S, r, T, ...], which it uses up."""
        r = gradients.shape[1]
        mean = gradients.mean(1)
        if r > 1:
            self._deviations += gradients.sub_(mean[:, None]).square_().sum(1)
        shift = mean.sub_(self._mean)
        total = self._count + r
        self._mean.add_(shift, alpha=r / total)
        self._deviations.add_(shift.square_(), alpha=self._count * r / total)
        self._count = total

    def ratios(self) -> tuple[Tensor, Tensor]:
        """Sum over the parameters that vary of |mean| / std, and how many they are, each [S, T]."""
        std = (self._deviations / (self._count - 1)).sqrt_()
        size = self._mean.abs()
        varies = std > _ROUNDING * torch.finfo(std.dtype).eps * size
        ratios = torch.where(varies, size / std, 0.0)
        return ratios.flatten(2).sum(-1), varies.flatten(2).sum(-1)


def _gradients(
    task: Task, parameters: Parameters, batch: Split, members: Members, numbers: range
) -> dict[str, Tensor]:
    """Gradients {name: [S, r, T, ...]} of the r passes of those numbers, which are r more seeds to the
    task.
    """
    r, buffers = len(numbers), task.buffers()
    S = len(next(iter(parameters.values())))

    def repeated(x: Tensor) -> Tensor:
        return x[:, None].expand(-1, r, *x.shape[1:]).flatten(0, 1).contiguous()

    stacked = {name: repeated(p.detach()) for name, p in parameters.items()}  # [S*r, T, ...]
    trained = [p.requires_grad_() for name, p in stacked.items() if name not in buffers]
    fixed = {
        purpose: FixedNoise(task, 0, purpose, like=trained[0], counted=members.accelerator)
        for purpose in ("diagnostics noise", "diagnostics draws")
    }

    def drawn(draw: int | None = None) -> Noise:
        """The noise of the passes of those numbers, or the further noise of their draw `draw`."""
        purpose = "diagnostics noise" if draw is None else "diagnostics draws"
        steps = [k if draw is None else k * RAO_DRAWS + draw for k in numbers]
        passes = [fixed[purpose].at(step, len(batch)) for step in steps]
        noise = {name: torch.cat([one[name] for one in passes]) for name in passes[0]}  # [r, 1, ...]
        return {name: n.expand(S, *n.shape).flatten(0, 1) for name, n in noise.items()}

    noise = with_draws(drawn(), drawn) if members.need_draws else drawn()
    inputs, labels = (
        each(x, lambda x: x.expand(S * r, *x.shape).contiguous()) for x in (batch.inputs, batch.labels)
    )
    with torch.enable_grad():
        loss = task.loss(stacked, inputs, labels, noise, members.with_constants(repeated))
        gradients = torch.autograd.grad(loss.sum(), trained, allow_unused=True, materialize_grads=True)
    names = [name for name in stacked if name not in buffers]
    return {name: g.view(S, r, *g.shape[1:]) for name, g in zip(names, gradients, strict=True)}


def _free_bytes(device: torch.device) -> int:
    """What the passes may take: a quarter of what is free on a GPU."""
    return int(torch.cuda.mem_get_info(device)[0]) // 4 if device.type == "cuda" else _MEMORY_BYTES
