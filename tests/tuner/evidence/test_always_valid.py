"""The confidence sequence contains the mean at all numbers of seeds at once, and the test martingale is
the one of its formula.
"""

import math

import numpy as np
import pytest
from scipy import integrate, stats

from tuner.evidence.always_valid import (
    PRIOR_VARIANCE,
    critical_t,
    evidence,
    interval,
    p_value,
    wins_p_value,
)
from tuner.evidence.seed_mean import seed_mean


def ts(values):
    """The t statistic of the first 3, 4, ... of the values [R, N]: [R, N - 2]."""
    n = np.arange(1, values.shape[1] + 1)
    total, squares = values.cumsum(1), (values**2).cumsum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (total / np.sqrt((squares - total**2 / n) * n / (n - 1)))[:, 2:]


@pytest.mark.parametrize(("t", "seeds"), [(0.3, 4), (2.5, 10), (4.0, 35)])
def test_it_is_the_likelihood_ratio_averaged_over_the_prior(t, seeds):
    # The density of t under a gain of delta standard deviations is the noncentral t's: the ratio of the two
    # is all that a scale-free likelihood can say.
    def ratio(delta):
        gained = stats.nct.pdf(t, seeds - 1, delta * math.sqrt(seeds)) / stats.t.pdf(t, seeds - 1)
        return gained * stats.norm.pdf(delta, scale=math.sqrt(PRIOR_VARIANCE))

    assert math.exp(evidence(t, seeds)) == pytest.approx(integrate.quad(ratio, -8, 8, limit=200)[0], rel=1e-6)


def test_the_interval_ever_misses_the_mean_in_at_most_5_percent():
    studies, most = 6000, 120
    t = np.abs(ts(np.random.default_rng(1).normal(0.0, 3.0, (studies, most))))
    beyond = t > [critical_t(n) for n in range(3, most + 1)]
    missed = beyond.any(1).mean()
    assert 0.01 < missed <= 0.05
    # The same bound by an ordinary interval at each n is broken many times over.
    assert (t > stats.t.isf(0.025, np.arange(2, most))).any(1).mean() > 0.2


def test_interval_and_p_agree_and_shift_with_the_values():
    values = list(np.random.default_rng(2).normal(0.5, 1.0, 25))
    measured = seed_mean(values)
    low, high = interval(measured)
    at_the_end = seed_mean([v - low for v in values])
    assert p_value(at_the_end) == pytest.approx(0.05, rel=1e-6)
    moved = interval(seed_mean([v + 7 for v in values]))
    assert moved == pytest.approx((low + 7, high + 7))
    plain = measured.interval()
    assert low < plain[0] < plain[1] < high


def test_few_seeds_have_no_finite_interval_and_no_spread_no_p():
    assert math.isinf(critical_t(4))
    assert interval(seed_mean([1.0, 1.1, 0.9])) is None
    assert interval(seed_mean([1.0])) is None
    assert p_value(seed_mean([1.0, 1.0, 1.0])) is None
    assert 3.2 < critical_t(35) < 3.3
    with pytest.raises(ValueError, match="seeds: expected 2 or more, got 1"):
        critical_t(1)


def test_the_wins_ever_mislead_in_at_most_5_percent():
    wins = (np.random.default_rng(3).random((3000, 100)) < 0.5).cumsum(1)
    lowest = {(w, n): wins_p_value(w, n - w) for n in range(1, 101) for w in range(n + 1)}
    ever = np.array([any(lowest[w, n] <= 0.05 for n, w in enumerate(row, 1)) for row in wins.tolist()])
    assert 0.005 < ever.mean() <= 0.05


def test_the_wins_are_the_coins_likelihood_averaged_over_its_prior():
    def likelihood(share):
        return share**8 * (1 - share) ** 2 * stats.beta.pdf(share, 0.5, 0.5)

    averaged = integrate.quad(likelihood, 0, 1)[0] * 2**10
    assert wins_p_value(8, 2) == pytest.approx(min(1, 1 / averaged), rel=1e-5)
    assert wins_p_value(10, 0) == wins_p_value(0, 10) == pytest.approx(0.0055, abs=1e-4)
    assert wins_p_value(0, 0) == 1.0
