"""What so many seeds could have shown: the power of a t-test over seeds, and what it does to the gains it
calls.

Effects are in standard deviations of a difference, d = gain / sd. A verdict "undecided" says little without
them: with 5 seeds a gain must be 1.68 standard deviations to be seen with a probability of 80 %. And a gain
that was seen by luck is overstated, since only a large one could have been seen: the exaggeration, or type M
error (Gelman and Carlin, "Beyond power calculations", 2014). At d = 0.5, 5 seeds overstate 2.1 times.
"""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri, nctdtr, nctdtrinc, ndtr, stdtrit

POWER = 0.8
MOST_SEEDS = 100_000  # beyond, "how many seeds it takes" has no use
_QUANTILES = 400


def power(effect: float, seeds: int, level: float = 0.05) -> float:
    """The probability that a two-sided t-test at that level calls a gain of `effect` standard deviations, in
    either direction.
    """
    df, shift = seeds - 1, abs(effect) * math.sqrt(seeds)
    t = float(stdtrit(df, 1 - level / 2))
    return float(1 - nctdtr(df, shift, t) + nctdtr(df, shift, -t))


@lru_cache(maxsize=4096)
def detectable_effect(seeds: int, level: float = 0.05, probability: float = POWER) -> float:
    """The smallest effect that a two-sided t-test at that level calls, in its direction, with that
    probability.
    """
    t = stdtrit(seeds - 1, 1 - level / 2)
    return float(nctdtrinc(seeds - 1, 1 - probability, t)) / math.sqrt(seeds)


def seeds_to_detect(effect: float, level: float = 0.05, probability: float = POWER) -> int | None:
    """How many seeds call a gain of `effect` standard deviations with that probability; None where they are
    more than 100,000.
    """
    if effect <= 0 or detectable_effect(MOST_SEEDS, level, probability) > effect:
        return None
    low, high = 2, MOST_SEEDS  # too few (2 never decide), enough
    while high - low > 1:
        middle = (low + high) // 2
        enough = detectable_effect(middle, level, probability) <= effect
        low, high = (low, middle) if enough else (middle, high)
    return high


def exaggeration(effect: float, seeds: int, level: float = 0.05) -> float:
    """By what factor a gain of `effect` standard deviations is overstated on average where it is called.

    The mean of |measured gain| over the studies that call one, in either direction, over the true one.
    """
    if effect == 0:
        return math.inf
    scale = math.sqrt(seeds)
    edge = float(stdtrit(seeds - 1, 1 - level / 2)) * _deviations(seeds - 1) / scale
    called, size = np.zeros(1), np.zeros(1)
    for shift in (abs(effect), -abs(effect)):
        beyond = (shift - edge) * scale
        called = called + ndtr(beyond)
        size = size + shift * ndtr(beyond) + np.exp(-(beyond**2) / 2) / math.sqrt(2 * math.pi) / scale
    return float(size.mean() / called.mean() / abs(effect))


@lru_cache(maxsize=256)
def _deviations(df: int) -> npt.NDArray[np.float64]:
    """Equally likely standard deviations of a sample with so many degrees of freedom, whose truth is 1."""
    places = (np.arange(_QUANTILES) + 0.5) / _QUANTILES
    deviations: npt.NDArray[np.float64] = np.sqrt(chdtri(df, places) / df)
    return deviations
