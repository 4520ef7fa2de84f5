"""Intervals and p-values that hold at every number of seeds at once, for seeds that are added afterwards.

A study is planned with looks at certain numbers of seeds, and each has a nominal level. Whoever adds five
more seeds "to see" looks at another number, which no such level covers. A test martingale does. Where there
is no gain, the likelihood ratio of a gain of delta standard deviations, averaged over delta ~ N(0, g) and
with the prior 1 / sigma over the unknown standard deviation sigma, is a martingale of mean 1 in the number of
seeds n:

    M_n = (1 + n g)^(-1/2) [(1 + t^2 / v) / (1 + t^2 / (v (1 + n g)))]^(n / 2),  v = n - 1

with t the one-sample t statistic (Lai 1976; Wang and Ramdas, "Anytime-valid t-tests and confidence sequences
for Gaussian means with unknown variance", 2023). By Ville's inequality the probability that it exceeds 20 at
any n is at most 5 %. So 1 / M_n is a valid p-value at whatever n one stops and for whatever reason, and the
means that it does not reject form a confidence sequence. The price is a wider interval: at 35 seeds it
reaches 3.3 standard errors to each side instead of 2.0.

It does not undo the planned looks, on which a study has already spent its error of 5 %. Where there is no
gain, one is called at a look or later on added seeds with a probability of at most 10 %; in simulations of
5.6 to 7 %.
"""

import math

import numpy as np
from scipy.special import betaln

from tuner.evidence.seed_mean import SeedMean

ERROR = 0.05
# g: the prior variance of the gain, in units of the variance of a difference. With 0.5 the interval is
# narrowest at about 40 seeds, and at most 3 % wider than with the best g from 15 to 100 seeds.
PRIOR_VARIANCE = 0.5


def critical_t(seeds: int) -> float:
    """The |t| beyond which the hypothesis of no gain is rejected; infinite where so few seeds cannot reject
    it.

    Raises ValueError for fewer than 2 seeds.
    """
    if seeds < 2:
        raise ValueError(f"seeds: expected 2 or more, got {seeds}")
    wider = 1 + seeds * PRIOR_VARIANCE
    grown = (wider / ERROR**2) ** (1 / seeds)
    return math.sqrt((seeds - 1) * (grown - 1) / (1 - grown / wider)) if grown < wider else math.inf


def evidence(t: float, seeds: int) -> float:
    """The natural logarithm of M_n."""
    wider, df = 1 + seeds * PRIOR_VARIANCE, seeds - 1
    ratio = math.log1p(t**2 / df) - math.log1p(t**2 / (df * wider))
    return seeds / 2 * ratio - math.log(wider) / 2


def p_value(measured: SeedMean) -> float | None:
    """The two-sided p-value of the hypothesis of no gain, valid at any number of seeds; None where there is
    no t-test (`SeedMean.tested`).
    """
    if not measured.tested or measured.sem is None:
        return None
    return min(1.0, math.exp(-evidence(measured.mean / measured.sem, measured.seeds)))


def interval(measured: SeedMean) -> tuple[float, float] | None:
    """The 95 % confidence sequence of the mean at this number of seeds; None where these are too few for a
    finite interval.
    """
    if measured.seeds < 2 or not math.isfinite(t := critical_t(measured.seeds)):
        return None
    return measured.within(t)


def wins_p_value(wins: int, losses: int) -> float:
    """The two-sided p-value of the hypothesis that a method wins a seed as often as its rival, valid at any
    number of seeds.

    The same construction for a binomial share: the likelihood ratio is averaged over a probability of a win ~
    Beta(1/2, 1/2).
    """
    gained = betaln(wins + 0.5, losses + 0.5) - betaln(0.5, 0.5) + (wins + losses) * np.log(2)
    return min(1.0, math.exp(-float(gained)))
