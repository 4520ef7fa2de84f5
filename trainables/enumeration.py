"""Exact bias and variance of the decoupled estimator, where a loss depends on few enough codes to enumerate
them.

The losses and slopes of all codes are computed once, for they do not depend on the temperatures: every tau_f
only weights them anew, and every tau_b only changes the matrix that the slopes are multiplied by.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from trainables.data import Split
from trainables.tasks.base import Code, Parameters, Task

MAX_CODES = 4096  # K^L above which a code is not enumerated
_CODES_AT_ONCE = 256
ENUMERATED = 8  # examples, the first, whose codes are enumerated


@dataclass(frozen=True)
class LossTable:
    """Loss and slope at every code. It does not depend on a temperature: each one only weights it anew.
    float64.
    """

    logits: Tensor  # [n, L, K]
    codes: Tensor  # [C, L] int64, the categories of every code; C = K^L
    losses: Tensor  # [C, n]
    slopes: Tensor  # [C, n, L, K], dL/dz


@dataclass(frozen=True)
class EstimatorErrors:
    """Exact moments of decoupled ST at F forward and G backward temperatures, for each of n examples.
    float64.
    """

    gradient: Tensor  # [F, n, L, K] of the expected loss at the same tau_f; NaN for tau_f = 0
    mean: Tensor  # [F, G, n, L, K] of the estimator
    variance: Tensor  # [F, G, n] of the estimator, summed over the L*K logits

    @property
    def exact_norm(self) -> Tensor:
        """Euclidean norm of the gradient, [F, n]; NaN for tau_f = 0."""
        return _norm(self.gradient)

    @property
    def bias(self) -> Tensor:
        """Euclidean distance of the estimator's mean from the gradient, [F, G, n]; NaN for tau_f = 0."""
        return _norm(self.mean - self.gradient[:, None])

    @property
    def cosine(self) -> Tensor:
        """Cosine of the angle between the estimator's mean and the gradient, [F, G, n]; NaN for tau_f = 0, or
        where one is 0.
        """
        product = (self.mean * self.gradient[:, None]).sum((-2, -1))
        return product / (_norm(self.mean) * self.exact_norm[:, None])


def loss_table(code: Code) -> LossTable:
    """Enumerates all codes of L latents x K categories. Raises ValueError where there are more than
    MAX_CODES.
    """
    n, L, K = code.logits.shape
    if K**L > MAX_CODES:
        raise ValueError(f"a code is enumerated up to {MAX_CODES} values. Got {K}^{L}.")
    places = K ** torch.arange(L, device=code.logits.device)
    codes = torch.arange(K**L, device=code.logits.device)[:, None] // places % K
    found = []
    for part in torch.split(codes, _CODES_AT_ONCE):
        z = F.one_hot(part, K).to(code.logits)[:, None].repeat(1, n, 1, 1).requires_grad_()
        with torch.enable_grad():
            losses = code.losses(z)
            (slopes,) = torch.autograd.grad(losses.sum(), z)
        found.append((losses.detach().double(), slopes.double()))
    losses, slopes = (torch.cat(x) for x in zip(*found, strict=True))
    return LossTable(code.logits.detach().double(), codes, losses, slopes)


def estimator_errors(table: LossTable, tau_f: Sequence[float], tau_b: Sequence[float]) -> EstimatorErrors:
    """Bias and variance of the decoupled estimator J(tau_b) dL/dz, z ~ softmax(l / tau_f) (Shah et al., Eq. 6
    to 8), exactly.

    The gradient that it is compared with is that of E[L(z)], z ~ softmax(l / tau_f), the objective that the
    forward pass samples, with respect to the logits l: for latent i and category k it is p_ik (E[L | z_i = k]
    - E[L]) / tau_f. At tau_f = 0 the sample is the argmax, its loss is a step function of the logits, and
    there is no gradient to compare with: NaN. (The limit for tau_f -> 0 is 0 almost everywhere.) The variance
    is 0 there.
    """
    n, L, K = table.logits.shape
    p = torch.stack([_probabilities(table.logits, tau) for tau in tau_f])  # [F, n, L, K]
    weights = torch.stack([p[:, :, i, table.codes[:, i]] for i in range(L)]).prod(0)  # [F, n, C]
    expected = torch.einsum("fnc,cn->fn", weights, table.losses)
    above = weights * (table.losses.T - expected[..., None])
    one_hot = F.one_hot(table.codes, K).to(p)  # [C, L, K]
    scale = p.new_tensor([math.nan if tau == 0 else 1 / tau for tau in tau_f]).view(-1, 1, 1, 1)
    gradient = torch.einsum("fnc,clk->fnlk", above, one_hot) * scale

    # Slopes relative to those at the most probable code: where one code has nearly all the weight, nothing
    # cancels.
    places = K ** torch.arange(L, device=p.device)
    modes = (table.logits.argmax(-1) * places).sum(-1)  # [n]
    mode = table.slopes[modes, torch.arange(n, device=p.device)]  # [n, L, K]
    relative = table.slopes - mode
    mean_relative = torch.einsum("fnc,cnlk->fnlk", weights, relative)
    means, variances = [], []
    for tau in tau_b:
        q = (table.logits / tau).softmax(-1)
        spread = torch.einsum("fnc,cn->fn", weights, _through(q, relative, tau).square().sum((2, 3)))
        shift = _through(q, mean_relative, tau)
        means.append(_through(q, mode, tau) + shift)
        variances.append((spread - shift.square().sum((2, 3))).clamp_min(0.0))
    return EstimatorErrors(gradient, torch.stack(means, 1), torch.stack(variances, 1))


def _probabilities(logits: Tensor, tau: float) -> Tensor:
    """Of every category at a forward temperature; 0 is argmax, the first of equals."""
    if tau == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).to(logits)
    return (logits / tau).softmax(-1)


def _norm(x: Tensor) -> Tensor:
    """Euclidean norm over the logits, [...], of [..., L, K]."""
    return x.square().sum((-2, -1)).sqrt()


def _through(q: Tensor, slopes: Tensor, tau_b: float) -> Tensor:
    """J(tau_b) applied to slopes [..., n, L, K]."""
    return q * (slopes - (q * slopes).sum(-1, keepdim=True)) / tau_b


def codes_of(task: Task, parameters: Parameters, split: Split) -> list[Code]:
    """The codes of ONE trained member {name: [1, 1, ...]} for the first ENUMERATED examples of a split; none
    where the task has no single code.
    """
    examples = [split.take(slice(i, i + 1)).inputs for i in range(min(ENUMERATED, len(split)))]
    codes = [task.code(parameters, x) for x in examples]
    return [code for code in codes if code is not None]


def errors_as_json(
    codes: Sequence[Code], tau_f: Sequence[float], tau_b: Sequence[float]
) -> dict[str, Any] | None:
    """Bias, variance, cosine [F][G] and norm of the exact gradient [F], each the mean over the examples of
    some codes.

    None for what a tau_f of 0 or a diverged member does not have. The whole is None where there is no code,
    or too many of them.
    """
    if not codes:
        return None
    _, L, K = codes[0].logits.shape
    if K**L > MAX_CODES:
        return None
    found = [
        estimator_errors(loss_table(code), tau_f, tau_b) for code in codes
    ]  # one after the other: a table may be large

    def mean(values: list[Tensor]) -> Any:
        return _as_lists(torch.cat(values, -1).mean(-1))

    return {
        "tau_f": list(tau_f),
        "tau_b": list(tau_b),
        "bias": mean([e.bias for e in found]),
        "variance": mean([e.variance for e in found]),
        "cosine": mean([e.cosine for e in found]),
        "exact_norm": mean([e.exact_norm for e in found]),
        "codes": K**L,
        "examples": sum(len(code.logits) for code in codes),
    }


def _as_lists(values: Tensor) -> list[Any]:
    """Nested lists with None for what is not finite: JSON has no NaN."""
    if values.ndim > 1:
        return [_as_lists(row) for row in values]
    return [v if math.isfinite(v) else None for v in values.tolist()]
