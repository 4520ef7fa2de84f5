"""Trends over a temperature: scipy's rank correlations, and no more false trends than promised."""

import numpy as np
import pytest
from scipy import stats

from tuner.evidence.trend_contrasts import trend_contrast


def of(table):
    """The trend of a table [seeds, levels]."""
    return trend_contrast({float(j): list(table[:, j]) for j in range(table.shape[1])})


def smooth(rng, seeds, levels=6, length=0.7):
    """Curves without a common trend: each seed's is smooth by itself."""
    x = np.linspace(0, 1, levels)
    covariance = np.exp(-0.5 * ((x[:, None] - x) / length) ** 2) + 1e-4 * np.eye(levels)
    return rng.normal(size=(seeds, levels)) @ np.linalg.cholesky(covariance).T


def test_the_contrasts_are_scipys_rank_correlations_and_straight_lines():
    table = np.random.default_rng(1).normal(size=(5, 6)).round(1) + 0.2 * np.arange(6)
    trend = of(table)
    correlations = [stats.spearmanr(np.arange(6), row)[0] for row in table]
    slopes = [stats.linregress(np.arange(6), row).slope * 5 for row in table]
    assert trend.spearman == pytest.approx(np.mean(correlations))
    assert trend.ranks.p_value == pytest.approx(stats.ttest_1samp(correlations, 0).pvalue)
    assert trend.values.mean == pytest.approx(np.mean(slopes))
    assert trend.values.p_value == pytest.approx(stats.ttest_1samp(slopes, 0).pvalue)
    assert trend.p_value == max(trend.ranks.p_value, trend.values.p_value)
    assert trend.means == pytest.approx(table.mean(0))
    assert trend.sems == pytest.approx(stats.sem(table))


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_smooth_curves_without_a_trend_are_called_one_in_at_most_5_percent(seeds):
    rng, studies = np.random.default_rng(seeds), 1500
    trend = [of(smooth(rng, seeds)).p_value < 0.05 for _ in range(studies)]
    assert np.mean(trend) <= 0.05 + 3 * (0.05 / studies) ** 0.5
    # Page's test takes every order of a seed's values for equally likely, and is fooled by the same curves.
    tables = [smooth(rng, seeds) for _ in range(100)]
    paged = [
        min(stats.page_trend_test(t, method="exact").pvalue for t in (table, table[:, ::-1])) < 0.025
        for table in tables
    ]
    assert np.mean(paged) > 0.15


def test_a_trend_that_every_seed_shows_is_found_with_three():
    rising = np.array([[1.0, 2.0, 3.1], [1.5, 2.4, 3.4], [0.7, 1.8, 2.9]])
    trend = of(rising)
    assert (trend.spearman, trend.rises, trend.seeds) == (1.0, True, 3)
    assert trend.ranks.p_value is None  # all the same
    assert trend.p_value == trend.values.p_value < 0.05
    assert of(-rising).rises is False


def test_one_or_two_seeds_show_no_trend():
    rising = np.array([[1.0, 2.0, 3.1, 4.0]])
    assert (of(rising).p_value, of(np.vstack([rising, rising * 2])).p_value) == (None, None)
    assert of(rising).spearman == 1.0
    assert of(rising).sems == (0.0,) * 4


def test_ranks_and_values_that_disagree_are_no_trend():
    # Four steps up and one deep fall, on every seed: the ranks rise, the values fall.
    table = np.array([[1.0, 2, 3, 4, 5, -30], [1.1, 2, 3.2, 4, 5, -29], [0.9, 2, 3, 4.1, 5, -31]])
    trend = of(table)
    assert trend.ranks.mean > 0 > trend.values.mean
    assert (trend.rises, trend.p_value) == (None, 1.0)


def test_a_trend_leaves_out_what_some_seed_lacks_and_is_none_of_two_levels():
    values = {0.0: [None, 1.0, 1.0], 0.1: [1.0] * 3, 0.2: [1.0] * 3, 0.3: [1.0] * 3}
    trend = trend_contrast(values)
    assert (trend.levels, trend.spearman, trend.p_value) == ((0.1, 0.2, 0.3), 0.0, None)
    assert trend_contrast({k: values[k] for k in (0.0, 0.1, 0.2)}) is None
    assert trend_contrast({0.1: [1.0], 0.2: [1.0, 2.0], 0.3: [1.0]}) is None
