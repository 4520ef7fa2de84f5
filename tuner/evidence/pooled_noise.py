"""The noise of many trials on the same seeds, pooled, and how far the best of many leads by luck.

A trial over 3 seeds knows its own noise with 2 degrees of freedom, which makes every test powerless. Trials
that ran on the same seeds have a seed's effect in common; what is left once trial and seed are taken out is
noise of about one size, and of C trials over S seeds it is known with (C - 1)(S - 1) degrees of freedom.

With it, the best of k candidates against one more that is as good: the distribution of

    max_j (Z_j - Z_0) / (sqrt(2) U),  Z standard normal, U^2 ~ chi^2 / its degrees of freedom

(Dunnett 1955; Gupta 1965), by quadrature. Candidates that are alike, as neighbours on a landscape are, lead
by less, so that these tests are then on the safe side.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri, gammaln, log_ndtr

Floats = npt.NDArray[np.float64]
_NODES_U, _NODES_Z = 200, 64


@dataclass(frozen=True)
class PooledNoise:
    """The standard deviation of one trial on one seed, once the effects of both are taken out."""

    deviation: float
    df: int

    def of_difference(self, seeds: int) -> float:
        """The standard error of the difference between two trials' means over so many seeds."""
        return self.deviation * math.sqrt(2 / seeds)


def pooled_noise(values: Floats) -> PooledNoise | None:
    """The noise of values [C, S], all seeds for all trials. None with fewer than 2 trials or 2 seeds."""
    trials, seeds = values.shape
    if trials < 2 or seeds < 2:
        return None
    residuals = values - values.mean(1, keepdims=True) - values.mean(0) + values.mean()
    df = (trials - 1) * (seeds - 1)
    return PooledNoise(math.sqrt(float((residuals**2).sum()) / df), df)


def lead_p(lead: float, candidates: int, df: int) -> float:
    """The probability that the best of so many candidates leads one that is as good by `lead` standard errors
    of a difference, or by more.
    """
    u, weights_u = _deviations(df)
    z, weights_z = _normal()
    below = candidates * log_ndtr(z + math.sqrt(2) * lead * u[:, None])  # [U, Z]
    return float(np.clip(weights_u @ -np.expm1(below) @ weights_z, 0.0, 1.0))


@lru_cache(maxsize=256)
def critical_lead(candidates: int, df: int, level: float = 0.05) -> float:
    """The lead, in standard errors of a difference, that luck exceeds with probability `level`."""
    from scipy.optimize import brentq

    return float(brentq(lambda lead: lead_p(lead, candidates, df) - level, -10.0, 1e4, xtol=1e-6))


@lru_cache(maxsize=64)
def _deviations(df: int) -> tuple[Floats, Floats]:
    """Places and weights for the standard deviation of a sample whose truth is 1: [U], [U]."""
    low, high = (math.sqrt(float(chdtri(df, 1 - p)) / df) for p in (1e-13, 1 - 1e-13))
    u = np.exp(np.linspace(math.log(low), math.log(high), _NODES_U))
    logarithm = df * np.log(u) - df * u**2 / 2 + (df / 2) * math.log(df / 2) - gammaln(df / 2)
    weights = 2 * np.exp(logarithm)  # the density of log u
    return u, weights / weights.sum()


@lru_cache(maxsize=1)
def _normal() -> tuple[Floats, Floats]:
    """Places and weights for a standard normal number: [Z], [Z]."""
    z, weights = np.polynomial.hermite_e.hermegauss(_NODES_Z)
    return z, weights / weights.sum()
