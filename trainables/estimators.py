"""Straight-through estimators as one table, and as functions of logits.

All estimators sample in the same way. They differ in their noise and in their surrogate, the function whose
derivative takes the place of the sample's (Shah et al., "Improving Discrete Optimisation Via Decoupled
Straight-Through Estimator", Algorithm 2 and Eq. 6):

    forward    z = onehot(argmax(l + s*g))      binary: z = 1[l + s*n > 0]
    backward   dL/dl = surrogate(dL/dz)         trainables/surrogates.py

with logits l, Gumbel(0, 1) noise g per category and Logistic(0, 1) noise n per binary unit. The temperature
multiplies the NOISE, so P(z = i) = softmax(l / s)_i; dividing l + g by a temperature instead would not change
the argmax at all.

    estimator    s      surrogate   tau_b   source
    identity     0      identity    -       Bengio et al. 2013
    softmax      tau    softmax     tau     Hinton 2012
    gumbel       1      gumbel      tau_b   Jang et al. 2016 (straight-through Gumbel-softmax, ST-GS)
    decoupled    tau_f  softmax     tau_b   Shah et al.
    reinmax      1      reinmax     tau_b   Liu et al. 2023
    gumbel_rao   1      rao         tau_b   Paulus et al. 2021
    gst          1      gapped      tau_b   Fan et al. 2022 (GST-1.0)
    soft         -      softmax     1       no estimator: z = softmax(l), the network without
                                               discretisation, for reference
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from trainables.estimator_names import TEMPERATURES
from trainables.primitive import Coefficients, straight_through, straight_through_binary, working_dtype
from trainables.randomness import gumbel_, logistic_
from trainables.surrogates import (
    GAPPED,
    GUMBEL,
    IDENTITY,
    RAO,
    RAO_DRAWS,
    REINMAX,
    RELAXED,
    SOFTMAX,
    Surrogate,
    Temperature,
)


@dataclass(frozen=True)
class Estimator:
    """One row of the table: which temperatures it takes, its noise and its surrogate."""

    name: str
    surrogate: Surrogate
    s: float | None = None  # noise in the forward pass; None where that is tau_f
    tied: bool = False  # tau_f = tau_b always

    @property
    def temperatures(self) -> tuple[str, ...]:
        """Of "tau_f", "tau_b", those it takes; tied ones are one temperature."""
        return TEMPERATURES[self.name]

    def coefficients(self, tau_f: Any, tau_b: Any) -> Coefficients:
        """The row at given temperatures."""
        return Coefficients(
            s=tau_f if self.s is None else self.s,
            tau_b=1.0 if tau_b is None else tau_b,
            surrogate=self.surrogate,
        )


ESTIMATORS: dict[str, Estimator] = {
    row.name: row
    for row in (
        Estimator("identity", IDENTITY, s=0.0),
        Estimator("softmax", SOFTMAX, tied=True),
        Estimator("gumbel", GUMBEL, s=1.0),
        Estimator("decoupled", SOFTMAX),
        Estimator("reinmax", REINMAX, s=1.0),
        Estimator("gumbel_rao", RAO, s=1.0),
        Estimator("gst", GAPPED, s=1.0),
        Estimator("soft", RELAXED, s=0.0),
    )
}


def coefficients(estimator: str, tau_f: Temperature | None, tau_b: Temperature | None) -> Coefficients:
    """The coefficients of an estimator at its temperatures.

    Args:
        estimator: a name in ESTIMATORS.
        tau_f, tau_b: the temperatures that the estimator takes; None for those it does not.

    Raises:
        ValueError: unknown estimator, a temperature missing or superfluous, tau_b <= 0, tau_f < 0, or tied
        ones that differ.
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


# --- the public functions ---


def decoupled_st(
    logits: Tensor, tau_f: Temperature, tau_b: Temperature, *, noise: Tensor | None = None
) -> Tensor:
    """Decoupled straight-through sample over the last axis (Shah et al., Algorithm 2).

    Args:
        logits: [..., K], float32, float64 or bfloat16 (half precision is computed in float32).
        tau_f: forward temperature >= 0; 0 is argmax. A number, or a tensor whose axes are the first axes of
            logits: shape [M] gives each of the M models of logits [M, B, K] a temperature of its own.
        tau_b: backward temperature > 0, likewise.
        noise: Gumbel(0, 1), broadcastable to logits; drawn if absent.

    Returns:
        One-hot [..., K] in the dtype of logits. In the backward pass the logits receive J(q) h / tau_b, where
        h is the gradient of the sample, q = softmax(logits / tau_b) and J(q) = diag(q) - q q^T: the
        derivative of a softmax without noise.

    Raises:
        ValueError: tau_f < 0, tau_b <= 0, NaN, or shapes that do not fit.
    """
    return _categorical("decoupled", logits, tau_f, tau_b, noise)


def softmax_st(logits: Tensor, tau: Temperature, *, noise: Tensor | None = None) -> Tensor:
    """Softmax straight-through (Hinton 2012): decoupled_st with tau_f = tau_b = tau > 0.

    Arguments as for decoupled_st.
    """
    return _categorical("softmax", logits, tau, tau, noise)


def gumbel_st(logits: Tensor, tau: Temperature, *, noise: Tensor | None = None) -> Tensor:
    """Straight-through Gumbel-softmax (Jang et al. 2016): samples at temperature 1, with the gradient of
    softmax((l + g) / tau), where l are the logits and g the noise of the sample.

    Arguments as for decoupled_st. Equals torch.nn.functional.gumbel_softmax(logits, tau, hard=True) with the
    same noise.
    """
    return _categorical("gumbel", logits, None, tau, noise)


def identity_st(logits: Tensor) -> Tensor:
    """Identity straight-through (Bengio et al. 2013): one-hot argmax over the last axis of logits [..., K];
    the gradient passes unchanged.
    """
    return _categorical("identity", logits, None, None, None)


def reinmax_st(logits: Tensor, tau: Temperature, *, noise: Tensor | None = None) -> Tensor:
    """ReinMax (Liu et al. 2023): samples at temperature 1, with a second-order correction of the gradient.
    The paper uses tau >= 1.

    Arguments as for decoupled_st.
    """
    return _categorical("reinmax", logits, None, tau, noise)


def gumbel_rao_st(
    logits: Tensor, tau: Temperature, *, noise: Tensor | None = None, draws: Tensor | None = None
) -> Tensor:
    """Gumbel-Rao (Paulus et al. 2021): the gradient of gumbel_st, averaged over noise that gives the same
    sample.

    Arguments as for decoupled_st, and draws: R draws of Gumbel(0, 1) noise, [R, *shape of noise]; RAO_DRAWS
    are drawn if absent.
    """
    return _categorical("gumbel_rao", logits, None, tau, noise, draws)


def gst_st(logits: Tensor, tau: Temperature, *, noise: Tensor | None = None) -> Tensor:
    """GST-1.0 (Fan et al. 2022): samples at temperature 1; the gradient is that of a softmax of logits that
    are shifted so that the sampled category has the largest one.

    Arguments as for decoupled_st.
    """
    return _categorical("gst", logits, None, tau, noise)


def decoupled_st_binary(
    logits: Tensor, tau_f: Temperature, tau_b: Temperature, *, noise: Tensor | None = None
) -> Tensor:
    """Decoupled straight-through for units with one logit each: values in {0, 1}, with P(1) = sigmoid(logits
    / tau_f).

    As decoupled_st, but every element of logits [...] is a unit, and the noise is Logistic(0, 1).
    """
    return _binary("decoupled", logits, tau_f, tau_b, noise)


def softmax_st_binary(logits: Tensor, tau: Temperature, *, noise: Tensor | None = None) -> Tensor:
    """Softmax straight-through for binary units: decoupled_st_binary with tau_f = tau_b = tau > 0."""
    return _binary("softmax", logits, tau, tau, noise)


def gumbel_st_binary(logits: Tensor, tau: Temperature, *, noise: Tensor | None = None) -> Tensor:
    """Straight-through Gumbel-softmax for binary units: the gradient of sigmoid((l + n) / tau), where l are
    the logits and n the Logistic(0, 1) noise of the sample.
    """
    return _binary("gumbel", logits, None, tau, noise)


def identity_st_binary(logits: Tensor) -> Tensor:
    """Identity straight-through for binary units: 1[logits > 0], gradients pass unchanged."""
    return _binary("identity", logits, None, None, None)


def reinmax_st_binary(logits: Tensor, tau: Temperature, *, noise: Tensor | None = None) -> Tensor:
    """ReinMax for binary units, as for a category of two with logits (l, 0)."""
    return _binary("reinmax", logits, None, tau, noise)


def gumbel_rao_st_binary(
    logits: Tensor, tau: Temperature, *, noise: Tensor | None = None, draws: Tensor | None = None
) -> Tensor:
    """Gumbel-Rao for binary units; draws: fresh Logistic(0, 1) noise [R, *noise's shape]."""
    return _binary("gumbel_rao", logits, None, tau, noise, draws)


def gst_st_binary(logits: Tensor, tau: Temperature, *, noise: Tensor | None = None) -> Tensor:
    """GST-1.0 for binary units, as for a category of two with logits (l, 0)."""
    return _binary("gst", logits, None, tau, noise)


def gumbel_noise(like: Tensor) -> Tensor:
    """Gumbel(0, 1) noise of the shape, dtype and device of a tensor (float32 for half precision)."""
    return gumbel_(torch.empty_like(like, dtype=working_dtype(like)))


def logistic_noise(like: Tensor) -> Tensor:
    """Logistic(0, 1) noise of the shape, dtype and device of a tensor (float32 for half precision)."""
    return logistic_(torch.empty_like(like, dtype=working_dtype(like)))


# --- arguments ---


def _categorical(
    name: str, logits: Tensor, tau_f: Any, tau_b: Any, noise: Tensor | None, draws: Tensor | None = None
) -> Tensor:
    if logits.ndim < 1:
        raise ValueError(f"logits must have a last axis of K categories. Got {logits.shape=}.")
    c = fitted(coefficients(name, tau_f, tau_b), logits, units=logits.ndim - 1)
    noise = _noise(c, logits, noise, gumbel_noise)
    return straight_through(logits, noise, c, draws=_draws(c, logits, draws, gumbel_noise))


def _binary(
    name: str, logits: Tensor, tau_f: Any, tau_b: Any, noise: Tensor | None, draws: Tensor | None = None
) -> Tensor:
    c = fitted(coefficients(name, tau_f, tau_b), logits, units=logits.ndim)
    noise = _noise(c, logits, noise, logistic_noise)
    return straight_through_binary(logits, noise, c, draws=_draws(c, logits, draws, logistic_noise))


def _noise(
    c: Coefficients, logits: Tensor, noise: Tensor | None, draw: Callable[[Tensor], Tensor]
) -> Tensor | None:
    if not logits.is_floating_point():
        raise ValueError(f"logits must be floating point. Got {logits.dtype=}.")
    if noise is not None:
        _check_broadcasts("noise", noise.shape, logits)
        return noise
    without_noise = not isinstance(c.s, Tensor) and c.s == 0
    return None if without_noise else draw(logits)


def _draws(
    c: Coefficients, logits: Tensor, draws: Tensor | None, draw: Callable[[Tensor], Tensor]
) -> Tensor | None:
    if draws is not None:
        if draws.ndim < 1 or len(draws) < 1:
            raise ValueError(f"draws must have at least one draw along its first axis. Got {draws.shape=}.")
        _check_broadcasts("each of the draws", draws.shape[1:], logits)
        return draws
    return draw(logits.expand(RAO_DRAWS, *logits.shape)) if "draws" in c.surrogate.keeps else None


def _check_broadcasts(name: str, shape: torch.Size, logits: Tensor) -> None:
    sizes = zip(reversed(shape), reversed(logits.shape), strict=False)
    if len(shape) > logits.ndim or any(n not in (1, size) for n, size in sizes):
        raise ValueError(f"{name} must broadcast to the logits. Got {tuple(shape)}, {logits.shape=}.")


def fitted(c: Coefficients, logits: Tensor, *, units: int) -> Coefficients:
    """Aligns tensor temperatures with the first axes of logits; `units` is the number of axes over which a
    temperature may vary. Raises ValueError where the shapes do not fit.
    """

    def align(tau: Temperature) -> Temperature:
        if not isinstance(tau, Tensor):
            return tau
        leading = tau.shape if tau.ndim <= units else tau.shape[:units]
        expected = logits.shape[: len(leading)]
        fits = all(t in (1, n) for t, n in zip(leading, expected, strict=True))
        if not fits or any(t != 1 for t in tau.shape[units:]) or tau.ndim > logits.ndim:
            raise ValueError(
                f"a temperature must broadcast against the first axes of logits. Got {tau.shape=}, "
                f"{logits.shape=}."
            )
        return (
            tau.to(logits.device)
            .to(working_dtype(logits))
            .reshape(tau.shape + (1,) * (logits.ndim - tau.ndim))
        )

    return Coefficients(align(c.s), align(c.tau_b), c.surrogate)


def _check(tau: Temperature, name: str, *, zero_allowed: bool) -> None:
    # The comparisons are written so that NaN fails too. Infinity is refused, because the gradient divides by
    # it. A number is checked without torch, whose calls would take as long as sampling a small layer.
    if isinstance(tau, Tensor):
        valid = bool(((tau >= 0 if zero_allowed else tau > 0) & torch.isfinite(tau)).all())
    else:
        valid = (tau >= 0 if zero_allowed else tau > 0) and math.isfinite(tau)
    if not valid:
        raise ValueError(f"{name} must be {'>= 0' if zero_allowed else '> 0'} and finite. Got {tau}.")


def _equal(a: Any, b: Any) -> bool:
    return a is b or bool((torch.as_tensor(a) == torch.as_tensor(b)).all())
