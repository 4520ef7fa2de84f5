"""The noise of many trials on the same seeds, pooled, and by how much the best of many leads by luck.

From 3 seeds of a trial alone its noise is estimated with 2 degrees of freedom, with which a test has hardly
any power. Trials on the same seeds have the effect of each seed in common. What remains after the effects of
trials and seeds are subtracted is noise of about the same size everywhere, and of C trials over S seeds it is
estimated with (C - 1)(S - 1) degrees of freedom.

With this estimate the lead of the best of k candidates over one more trial, where all are equally good, is
distributed as

    max_j (Z_j - Z_0) / (sqrt(2) U),  Z standard normal, U^2 ~ chi^2 / its degrees of freedom

in standard errors of a difference (Dunnett 1955; Gupta 1965), which is integrated by quadrature. Candidates
that are alike, as neighbours on a landscape are, lead by less, so these tests are then conservative.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri, gammaln, log_ndtr

Floats = npt.NDArray[np.float64]
_NODES_U, _NODES_Z = 200, 64  # of the quadrature over U and over Z_0


@dataclass(frozen=True)
class PooledNoise:
    """The noise of one trial on one seed, after the effects of the trial and of the seed are subtracted."""

    deviation: float  # standard deviation
    df: int  # degrees of freedom with which it is estimated

    def of_difference(self, seeds: int) -> float:
        """The standard error of the difference between two trials' means over so many seeds."""
        return self.deviation * math.sqrt(2 / seeds)


def pooled_noise(values: Floats) -> PooledNoise | None:
    """The noise of C trials on the same S seeds, from values [C, S]. None with fewer than 2 of either."""
    trials, seeds = values.shape
    if trials < 2 or seeds < 2:
        return None
    residuals = values - values.mean(1, keepdims=True) - values.mean(0) + values.mean()
    df = (trials - 1) * (seeds - 1)
    return PooledNoise(math.sqrt(float((residuals**2).sum()) / df), df)


def lead_p(lead: float, candidates: int, df: int) -> float:
    """The probability that the best of so many candidates leads one more trial by `lead` standard errors of a
    difference or more, where all are equally good. `df` is that of the pooled noise.
    """
    u, weights_u = _deviations(df)
    z, weights_z = _normal()
    below = candidates * log_ndtr(z + math.sqrt(2) * lead * u[:, None])  # [U, Z]
    return float(np.clip(weights_u @ -np.expm1(below) @ weights_z, 0.0, 1.0))


@lru_cache(maxsize=256)
def critical_lead(candidates: int, df: int, level: float = 0.05) -> float:
    """The lead, in standard errors of a difference, for which `lead_p` is `level`."""
    from scipy.optimize import brentq

    return float(brentq(lambda lead: lead_p(lead, candidates, df) - level, -10.0, 1e4, xtol=1e-6))


@lru_cache(maxsize=64)
def _deviations(df: int) -> tuple[Floats, Floats]:
    """Nodes and weights of the quadrature over U, the ratio of an estimated standard deviation to the true
    one: [U], [U].
    """
    low, high = (math.sqrt(float(chdtri(df, 1 - p)) / df) for p in (1e-13, 1 - 1e-13))
    u = np.exp(np.linspace(math.log(low), math.log(high), _NODES_U))
    logarithm = df * np.log(u) - df * u**2 / 2 + (df / 2) * math.log(df / 2) - gammaln(df / 2)
    weights = 2 * np.exp(logarithm)  # the density of log u
    return u, weights / weights.sum()


@lru_cache(maxsize=1)
def _normal() -> tuple[Floats, Floats]:
    """Nodes and weights of the quadrature over a standard normal variable: [Z], [Z]."""
    z, weights = np.polynomial.hermite_e.hermegauss(_NODES_Z)
    return z, weights / weights.sum()
