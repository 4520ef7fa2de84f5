"""Rates, wins and interquartile means, against statsmodels, scipy and by hand."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from tests.support.rows import MAXIMIZE, MINIMIZE
from tuner.evidence.outcomes import interquartile_mean, rate, sign_test, wins


@pytest.mark.parametrize(("count", "of"), [(0, 5), (1, 5), (5, 5), (7, 20)])
def test_a_rate_has_the_interval_of_clopper_and_pearson(count, of):
    result = rate(count, of)
    assert (result.low, result.high) == pytest.approx(proportion_confint(count, of, method="beta"))
    assert result.share == count / of
    assert rate(count, of, 0.2).low >= result.low


def test_a_rate_of_nothing_may_be_anything():
    nothing = rate(0, 0)
    assert (nothing.low, nothing.high, nothing.share) == (0.0, 1.0, None)
    with pytest.raises(ValueError, match="count: expected 0 to 3, got 4"):
        rate(4, 3)


@pytest.mark.parametrize(("won", "lost"), [(5, 0), (0, 5), (9, 1), (6, 4), (5, 5)])
def test_the_sign_test_is_scipys_binomial_test(won, lost):
    assert sign_test(won, lost) == pytest.approx(stats.binomtest(won, won + lost).pvalue)


def test_without_a_win_or_a_loss_nothing_is_shown():
    assert sign_test(0, 0) == 1.0


def test_divergence_ranks_worst_and_two_that_diverge_are_equal():
    mine, rival = [0.2, None, 0.4, None, 0.5, 0.3], [0.3, 0.9, None, None, 0.5, 0.2]
    result = wins(mine, rival, MINIMIZE)
    assert (result.wins, result.losses, result.ties, result.seeds) == (2, 2, 2, 6)
    assert result.share.count == 3
    assert (result.share.low, result.share.high) == pytest.approx(proportion_confint(3, 6, method="beta"))
    turned = wins(rival, mine, MINIMIZE)
    assert (turned.wins, turned.losses, turned.p_value) == (result.losses, result.wins, result.p_value)
    higher = wins(mine, rival, MAXIMIZE)
    assert (higher.wins, higher.losses) == (2, 2)


def test_equal_up_to_rounding_is_a_tie():
    result = wins([0.3, 0.3, 0.3], [0.3 + 5.6e-17, 0.3 - 3e-8, 0.301], MINIMIZE)
    assert (result.wins, result.losses, result.ties) == (1, 0, 2)


def test_the_two_have_the_same_seeds():
    with pytest.raises(ValueError, match="argument 2"):
        wins([1.0], [1.0, 2.0], MINIMIZE)


@pytest.mark.parametrize("n", [1, 3, 4, 5, 10, 11])
def test_the_interquartile_mean_is_scipys(n):
    values = np.random.default_rng(n).normal(size=n)
    assert interquartile_mean(list(values)) == pytest.approx(stats.trim_mean(values, 0.25))
    with pytest.raises(ValueError, match="expected one or more"):
        interquartile_mean([])
