"""Intervals and p-values that hold at every number of seeds at once, for seeds that are added afterwards.

"Five more, and see" was not among the looks that a study was planned with, so no nominal level covers it. A
test martingale does. Under no gain the likelihood ratio of a gain of delta standard deviations, averaged over
delta ~ N(0, g) and over every standard deviation alike, is a martingale of mean 1 in the number of seeds n:

    M_n = (1 + n g)^(-1/2) [(1 + t^2 / v) / (1 + t^2 / (v (1 + n g)))]^(n / 2),  v = n - 1

with t the one-sample t statistic (Lai 1976; Wang and Ramdas, "Anytime-valid t-tests and confidence sequences
for Gaussian means with unknown variance", 2023). By Ville's inequality it ever exceeds 20 with a probability
of at most 5 %. So 1 / M_n is a p-value at whatever n one stops and for whatever reason, and the means that it
does not reject are a confidence sequence. The price is a wider interval: at 35 seeds 3.3 standard errors
instead of 2.0.

What it does not undo: a study that had planned looks has spent its 5 % on them. A gain called at a look, or
else on seeds added later, is false in at most 10 % together; in simulation in 5.6 to 7 %.
"""

import math

import numpy as np
from scipy.special import betaln

from tuner.evidence.seed_mean import SeedMean

ERROR = 0.05
# g: the variance of the gains looked for, in variances of a difference. 0.5 is narrowest at about 40 seeds,
# and within 3 % of the narrowest from 15 to 100.
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
    """The p-value of no gain at this number of seeds; None where there is no t-test."""
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
    """The p-value, at any number of seeds, of a method being as likely to win a seed as its rival.

    The same for coins: the likelihood ratio averaged over a share of wins ~ Beta(1/2, 1/2).
    """
    gained = betaln(wins + 0.5, losses + 0.5) - betaln(0.5, 0.5) + (wins + losses) * np.log(2)
    return min(1.0, math.exp(-float(gained)))
