"""A mean over seeds: scipy's t-test, no p below 3 seeds, and none where the spread is rounding."""

import numpy as np
import pytest
from scipy import stats

from tuner.evidence.seed_mean import seed_mean


@pytest.mark.parametrize("n", [3, 5, 30])
def test_it_is_scipys_one_sample_t_test(n):
    values = np.random.default_rng(n).normal(0.3, 1.0, n)
    ours, oracle = seed_mean(list(values)), stats.ttest_1samp(values, 0.0)
    assert ours.mean == pytest.approx(values.mean())
    assert ours.sem == pytest.approx(stats.sem(values))
    assert ours.p_value == pytest.approx(oracle.pvalue)
    assert seed_mean([v - 0.5 for v in values]).p_value == pytest.approx(
        stats.ttest_1samp(values, 0.5).pvalue
    )
    for level in (0.05, 0.0284):
        assert ours.interval(level) == pytest.approx(oracle.confidence_interval(1 - level))


def test_two_seeds_have_an_interval_but_no_p():
    two = seed_mean([0.02, 0.02])
    assert (two.mean, two.p_value, two.tested) == (0.02, None, False)
    assert seed_mean([0.02, 0.03]).interval() is not None
    assert (seed_mean([0.02]).sem, seed_mean([0.02]).interval(), seed_mean([])) == (None, None, None)


def test_differences_of_the_last_bit_are_no_spread():
    rounding = [5.6e-17, 5.6e-17, 5.6e-17, 5.6e-17, 1.1e-16]
    assert stats.ttest_1samp(rounding, 0.0).pvalue < 0.01
    measured = seed_mean(rounding, magnitudes=[0.31, 0.30, 0.29, 0.33, 0.32])
    assert (measured.spread, measured.p_value) == (False, None)
    float32 = [3e-8, 3e-8, 3e-8, 6e-8, 3e-8]
    assert seed_mean(float32, magnitudes=[0.3] * 5).p_value is None


def test_small_numbers_that_differ_have_a_spread():
    values = [1.0e-9, 1.2e-9, 0.9e-9]
    assert seed_mean(values).p_value == pytest.approx(stats.ttest_1samp(values, 0.0).pvalue)


def test_equal_differences_are_no_spread_however_large():
    measured = seed_mean([0.1] * 5, magnitudes=[0.5])
    assert (measured.mean, measured.p_value) == (pytest.approx(0.1), None)
