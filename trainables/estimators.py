"""Straight-through estimators as one table and one primitive.

Every estimator here is the same pair of formulas with other coefficients (Shah et al., "Improving Discrete Optimisation Via
Decoupled Straight-Through Estimator", Algorithm 2 and Eq. 6):

    forward    z = onehot(argmax(l + s*g))                       binary: z = 1[l + s*n > 0]
    backward   dL/dl = J dL/dz,  J = (diag(q) - q q^T) / tau_b   binary: J = q (1 - q) / tau_b
               q = softmax((l + r*g) / tau_b)                    binary: q = sigmoid((l + r*n) / tau_b)

with logits l, Gumbel(0, 1) noise g per category and Logistic(0, 1) noise n per binary unit. The temperature multiplies the
NOISE, so P(z = i) = softmax(l / s)_i; dividing l + g by a temperature instead would not change the argmax at all.

    estimator   s      r   Jacobian              source
    identity    0      -   identity              Bengio et al. 2013
    softmax     tau    0   tau_b = tau           Hinton 2012
    gumbel      1      1   tau_b = tau           Jang et al. 2016 (straight-through Gumbel-softmax, ST-GS)
    decoupled   tau_f  0   tau_b                 Shah et al.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Temperature: TypeAlias = float | Tensor


@dataclass(frozen=True)
class Coefficients:
    """What tells one estimator from another. Tensors broadcast against the logits, axis by axis from the left."""

    s: Temperature  # noise in the forward pass; 0 is argmax
    r: Temperature  # noise in the backward pass' surrogate
    tau_b: Temperature  # temperature of the surrogate; unused where identity
    identity: bool | Tensor = False  # the Jacobian is the identity


@dataclass(frozen=True)
class Estimator:
    """One row of the table: which temperatures it takes, and its coefficients at given ones."""

    name: str
    temperatures: tuple[str, ...]  # of "tau_f", "tau_b"; ("tau_f", "tau_b") with tied=True is one temperature for both
    coefficients: Callable[[Any, Any], Coefficients]  # (tau_f, tau_b) -> Coefficients
    tied: bool = False  # tau_f = tau_b always


ESTIMATORS: dict[str, Estimator] = {
    row.name: row
    for row in (
        Estimator("identity", (), lambda _tau_f, _tau_b: Coefficients(s=0.0, r=0.0, tau_b=1.0, identity=True)),
        Estimator("softmax", ("tau_f", "tau_b"), lambda tau_f, tau_b: Coefficients(s=tau_f, r=0.0, tau_b=tau_b), tied=True),
        Estimator("gumbel", ("tau_b",), lambda _tau_f, tau_b: Coefficients(s=1.0, r=1.0, tau_b=tau_b)),
        Estimator("decoupled", ("tau_f", "tau_b"), lambda tau_f, tau_b: Coefficients(s=tau_f, r=0.0, tau_b=tau_b)),
    )
}


def coefficients(estimator: str, tau_f: Temperature | None, tau_b: Temperature | None) -> Coefficients:
    """The coefficients of an estimator at its temperatures.

    Args:
        estimator: a name in ESTIMATORS.
        tau_f, tau_b: the temperatures that the estimator takes; None for those it does not.

    Raises:
        ValueError: unknown estimator, a temperature missing or superfluous, tau_b <= 0, tau_f < 0, or tied ones that differ.
    """
    if estimator not in ESTIMATORS:
        raise ValueError(f"estimator must be one of {sorted(ESTIMATORS)}. Got {estimator!r}.")
    row = ESTIMATORS[estimator]
    for name, value in (("tau_f", tau_f), ("tau_b", tau_b)):
        if (value is not None) != (name in row.temperatures):
            raise ValueError(f"{estimator} takes {row.temperatures or 'no temperature'}. Got {name}={value}.")
    if tau_f is not None:
        _check(tau_f, "tau_f", zero_allowed=not row.tied)
    if tau_b is not None:
        _check(tau_b, "tau_b", zero_allowed=False)
    if row.tied and not _equal(tau_f, tau_b):
        raise ValueError(f"{estimator} has one temperature: tau_f must equal tau_b. Got {tau_f=}, {tau_b=}.")
    return row.coefficients(tau_f, tau_b)


# --- the public functions -------------------------------------------------------------------------------------------------


def decoupled_st(logits: Tensor, tau_f: Temperature, tau_b: Temperature, *, noise: Tensor | None = None) -> Tensor:
    """Decoupled straight-through sample over the last axis (Shah et al., Algorithm 2).

    Args:
        logits: [..., K], float32, float64 or bfloat16 (half precision is computed in float32).
        tau_f: forward temperature >= 0; 0 is argmax. A number, or a tensor whose axes are the first axes of logits
            (shape [M] gives every member of logits [M, B, K] its own).
        tau_b: backward temperature > 0, likewise.
        noise: Gumbel(0, 1), broadcastable to logits; drawn if absent.

    Returns:
        One-hot [..., K] in the dtype of logits. Backward is J(tau_b) of the module's docstring, with r = 0.

    Raises:
        ValueError: tau_f < 0, tau_b <= 0, NaN, or shapes that do not fit.
    """
    return _categorical("decoupled", logits, tau_f, tau_b, noise)


def softmax_st(logits: Tensor, tau: Temperature, *, noise: Tensor | None = None) -> Tensor:
    """Softmax straight-through (Hinton 2012): decoupled_st on the diagonal tau_f = tau_b = tau > 0. Arguments as there."""
    return _categorical("softmax", logits, tau, tau, noise)


def gumbel_st(logits: Tensor, tau: Temperature, *, noise: Tensor | None = None) -> Tensor:
    """Straight-through Gumbel-softmax (Jang et al. 2016): samples at temperature 1, surrogate softmax((l + g)/tau).

    Arguments as for decoupled_st. Equals torch.nn.functional.gumbel_softmax(logits, tau, hard=True) with the same noise.
    """
    return _categorical("gumbel", logits, None, tau, noise)


def identity_st(logits: Tensor) -> Tensor:
    """Identity straight-through (Bengio et al. 2013): argmax over the last axis [..., K], gradients pass unchanged."""
    return _categorical("identity", logits, None, None, None)


def decoupled_st_binary(logits: Tensor, tau_f: Temperature, tau_b: Temperature, *, noise: Tensor | None = None) -> Tensor:
    """Decoupled straight-through for units with one logit each: values in {0, 1}, P(1) = sigmoid(logits / tau_f).

    As decoupled_st, but every element of logits [...] is a unit and the noise is Logistic(0, 1).
    """
    return _binary("decoupled", logits, tau_f, tau_b, noise)


def softmax_st_binary(logits: Tensor, tau: Temperature, *, noise: Tensor | None = None) -> Tensor:
    """Softmax straight-through for binary units: decoupled_st_binary with tau_f = tau_b = tau > 0."""
    return _binary("softmax", logits, tau, tau, noise)


def gumbel_st_binary(logits: Tensor, tau: Temperature, *, noise: Tensor | None = None) -> Tensor:
    """Straight-through Gumbel-softmax for binary units: surrogate sigmoid((l + n)/tau), Logistic(0, 1) noise n."""
    return _binary("gumbel", logits, None, tau, noise)


def identity_st_binary(logits: Tensor) -> Tensor:
    """Identity straight-through for binary units: 1[logits > 0], gradients pass unchanged."""
    return _binary("identity", logits, None, None, None)


def gumbel_noise(like: Tensor) -> Tensor:
    """Gumbel(0, 1) noise of the shape, dtype and device of a tensor (float32 for half precision)."""
    exponential = torch.empty_like(like, dtype=_working_dtype(like)).exponential_()
    # An exponential of exactly 0 would be infinite noise, and 0 * inf is NaN where tau_f is 0.
    return -exponential.clamp_min_(torch.finfo(exponential.dtype).tiny).log()


def logistic_noise(like: Tensor) -> Tensor:
    """Logistic(0, 1) noise of the shape, dtype and device of a tensor (float32 for half precision)."""
    return logistic_(torch.empty_like(like, dtype=_working_dtype(like)))


def logistic_(out: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Fills a tensor with Logistic(0, 1) noise, log u - log(1 - u). A uniform of exactly 0 would be -inf and is clamped."""
    return out.uniform_(generator=generator).logit_(eps=2.0**-25)


# --- the primitive --------------------------------------------------------------------------------------------------------


def straight_through(logits: Tensor, noise: Tensor | None, c: Coefficients) -> Tensor:
    """The categorical primitive: one-hot over the last axis; no checks, coefficients already broadcast against logits."""
    out: Tensor = _Categorical.apply(logits, noise, c)
    return out


def straight_through_binary(logits: Tensor, noise: Tensor | None, c: Coefficients) -> Tensor:
    """The binary primitive: values in {0, 1}; no checks, coefficients already broadcast against logits."""
    out: Tensor = _Binary.apply(logits, noise, c)
    return out


class _Categorical(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, noise: Tensor | None, c: Coefficients) -> Tensor:
        _save(ctx, logits, noise, c)
        index = _perturbed(logits, noise, c.s).argmax(-1, keepdim=True)
        return torch.zeros_like(logits).scatter_(-1, index, 1.0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dz: Tensor) -> tuple[Tensor, None, None]:
        if ctx.coefficients.identity is True:
            return dz, None, None
        logits, noise, c = _saved(ctx)
        q = torch.softmax(_scaled(logits, noise, c), -1)
        h = dz.to(q.dtype)
        # J h = q * (h - <q, h>) / tau_b, without forming J.
        grad = (h - (q * h).sum(-1, keepdim=True)).mul_(q).div_(c.tau_b)
        return _unless_identity(c, dz, grad), None, None


class _Binary(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, noise: Tensor | None, c: Coefficients) -> Tensor:
        _save(ctx, logits, noise, c)
        perturbed = _perturbed(logits, noise, c.s)
        # In place where the sum is a fresh tensor; the comparison writes 0.0 or 1.0 in the tensor's own dtype.
        z = perturbed.gt(0) if perturbed is logits else perturbed.gt_(0)
        return z.to(logits.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dz: Tensor) -> tuple[Tensor, None, None]:
        if ctx.coefficients.identity is True:
            return dz, None, None
        logits, noise, c = _saved(ctx)
        q = _scaled(logits, noise, c).sigmoid_()
        # sigmoid_backward is dz * q * (1 - q) in one pass over memory; the result takes q's place.
        torch.ops.aten.sigmoid_backward.grad_input(dz.to(q.dtype), q, grad_input=q)
        return _unless_identity(c, dz, q.div_(c.tau_b)), None, None


def _save(ctx: Any, logits: Tensor, noise: Tensor | None, c: Coefficients) -> None:
    """Keeps for backward what it needs and no more: the noise only where the surrogate sees it, nothing for identity."""
    needs_noise = isinstance(c.r, Tensor) or c.r != 0
    ctx.save_for_backward(*(() if c.identity is True else (logits, noise) if needs_noise else (logits,)))
    ctx.coefficients = c


def _saved(ctx: Any) -> tuple[Tensor, Tensor | None, Coefficients]:
    logits, *noise = ctx.saved_tensors
    return logits, (noise[0] if noise else None), ctx.coefficients


def _perturbed(logits: Tensor, noise: Tensor | None, scale: Temperature) -> Tensor:
    """logits + scale * noise in the working dtype; logits itself where there is nothing to add."""
    if noise is None or (not isinstance(scale, Tensor) and scale == 0):
        return logits
    wide = logits.to(_working_dtype(logits))
    if isinstance(scale, Tensor):
        return torch.addcmul(wide, scale.to(wide.dtype), noise.to(wide.dtype))
    return torch.add(wide, noise.to(wide.dtype), alpha=scale)


def _scaled(logits: Tensor, noise: Tensor | None, c: Coefficients) -> Tensor:
    """(logits + r*noise) / tau_b, a fresh tensor in the working dtype."""
    perturbed = _perturbed(logits, noise, c.r)
    return perturbed.to(_working_dtype(logits)) / c.tau_b if perturbed is logits else perturbed.div_(c.tau_b)


def _unless_identity(c: Coefficients, dz: Tensor, grad: Tensor) -> Tensor:
    if isinstance(c.identity, Tensor):
        grad = torch.where(c.identity, dz.to(grad.dtype), grad)
    return grad.to(dz.dtype)


def _working_dtype(x: Tensor) -> torch.dtype:
    """Half precision would round l + s*g so coarsely that ties bias the sample; it is computed in float32."""
    return torch.float32 if x.dtype in (torch.bfloat16, torch.float16) else x.dtype


# --- arguments ------------------------------------------------------------------------------------------------------------


def _categorical(name: str, logits: Tensor, tau_f: Any, tau_b: Any, noise: Tensor | None) -> Tensor:
    if logits.ndim < 1:
        raise ValueError(f"logits must have a last axis of K categories. Got {logits.shape=}.")
    c = _fit(coefficients(name, tau_f, tau_b), logits, units=logits.ndim - 1)
    return straight_through(logits, _noise(c, logits, noise, gumbel_noise), c)


def _binary(name: str, logits: Tensor, tau_f: Any, tau_b: Any, noise: Tensor | None) -> Tensor:
    c = _fit(coefficients(name, tau_f, tau_b), logits, units=logits.ndim)
    return straight_through_binary(logits, _noise(c, logits, noise, logistic_noise), c)


def _noise(c: Coefficients, logits: Tensor, noise: Tensor | None, draw: Callable[[Tensor], Tensor]) -> Tensor | None:
    if not logits.is_floating_point():
        raise ValueError(f"logits must be floating point. Got {logits.dtype=}.")
    if noise is not None:
        shapes = zip(reversed(noise.shape), reversed(logits.shape), strict=False)
        if noise.ndim > logits.ndim or any(n not in (1, size) for n, size in shapes):
            raise ValueError(f"noise must broadcast to the logits. Got {noise.shape=}, {logits.shape=}.")
        return noise
    silent = not isinstance(c.s, Tensor) and c.s == 0
    return None if silent else draw(logits)


def _fit(c: Coefficients, logits: Tensor, *, units: int) -> Coefficients:
    """Aligns tensor temperatures with the first axes of logits; `units` is how many axes may carry a temperature."""

    def align(tau: Temperature) -> Temperature:
        if not isinstance(tau, Tensor):
            return tau
        leading = tau.shape if tau.ndim <= units else tau.shape[:units]
        expected = logits.shape[: len(leading)]
        fits = all(t in (1, n) for t, n in zip(leading, expected, strict=True))
        if not fits or any(t != 1 for t in tau.shape[units:]) or tau.ndim > logits.ndim:
            raise ValueError(f"a temperature must broadcast against the first axes of logits. Got {tau.shape=}, {logits.shape=}.")
        return tau.to(logits.device).to(_working_dtype(logits)).reshape(tau.shape + (1,) * (logits.ndim - tau.ndim))

    return Coefficients(align(c.s), align(c.r), align(c.tau_b), c.identity)


def _check(tau: Temperature, name: str, *, zero_allowed: bool) -> None:
    # Written so that NaN fails too; infinity is refused because the surrogate's gradient would be 0/inf.
    values = torch.as_tensor(tau, dtype=torch.float64)
    valid = (values >= 0 if zero_allowed else values > 0) & torch.isfinite(values)
    if not bool(valid.all()):
        raise ValueError(f"{name} must be {'>= 0' if zero_allowed else '> 0'} and finite. Got {tau}.")


def _equal(a: Any, b: Any) -> bool:
    return a is b or bool((torch.as_tensor(a) == torch.as_tensor(b)).all())
