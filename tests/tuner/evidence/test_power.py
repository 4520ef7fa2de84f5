"""Power and exaggeration, against statsmodels and by simulation."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from tuner.evidence.power import detectable_effect, exaggeration, power, seeds_to_detect


@pytest.mark.parametrize(("effect", "seeds", "level"), [(0.0, 5, 0.05), (0.5, 5, 0.05), (1.2, 10, 0.014)])
def test_power_is_statsmodels(effect, seeds, level):
    oracle = TTestPower().power(effect, seeds, level, alternative="two-sided")
    assert power(effect, seeds, level) == pytest.approx(oracle, abs=1e-8)
    assert power(-effect, seeds, level) == power(effect, seeds, level)


def test_five_seeds_see_a_gain_of_1_68_standard_deviations():
    assert detectable_effect(5) == pytest.approx(1.68, abs=0.005)
    assert power(detectable_effect(12, 0.02), 12, 0.02) == pytest.approx(0.8, abs=1e-3)
    assert detectable_effect(3) > detectable_effect(4) > detectable_effect(400) > 0


@pytest.mark.parametrize("effect", [0.1, 0.5, 1.0, 3.0])
def test_the_seeds_that_it_takes_are_the_fewest(effect):
    seeds = seeds_to_detect(effect)
    assert power(effect, seeds) >= 0.8 - 1e-6
    assert seeds == 3 or power(effect, seeds - 1) < 0.8
    oracle = TTestPower().solve_power(effect, power=0.8, alpha=0.05, alternative="two-sided")
    assert seeds == max(3, np.ceil(oracle))


def test_no_number_of_seeds_shows_nothing():
    assert seeds_to_detect(0.0) is None
    assert seeds_to_detect(1e-4) is None


def test_a_gain_that_was_called_is_overstated():
    assert exaggeration(0.5, 5) == pytest.approx(2.08, abs=0.01)
    values = np.random.default_rng(4).normal(0.5, 1.0, (200_000, 5))
    called = np.abs(stats.ttest_1samp(values, 0.0, axis=1).statistic) > stats.t.isf(0.025, 4)
    assert exaggeration(0.5, 5) == pytest.approx(np.abs(values[called].mean(1)).mean() / 0.5, rel=0.02)
    assert exaggeration(5.0, 10) == pytest.approx(1.0, abs=1e-3)
    assert np.isinf(exaggeration(0.0, 5))
