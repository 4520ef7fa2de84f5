"""Pooled noise and the lead of the best of many, against scipy's t and multivariate t, and by simulation."""

import numpy as np
import pytest
from scipy import stats

from tests.support.rows import MAXIMIZE, MINIMIZE
from tuner.evidence.best_of_pool import best_of_pool
from tuner.evidence.pooled_noise import critical_lead, lead_p, pooled_noise


def test_the_noise_is_the_residual_of_a_two_way_table():
    rng = np.random.default_rng(1)
    values = rng.normal(size=(6, 1)) + 5 * rng.normal(size=(1, 4)) + 0.3 * rng.normal(size=(6, 4))
    result = pooled_noise(values)
    table = np.hstack([np.kron(np.eye(6), np.ones((4, 1))), np.kron(np.ones((6, 1)), np.eye(4))])
    left = values.ravel() - table @ np.linalg.lstsq(table, values.ravel(), rcond=None)[0]
    assert result.df == 15
    assert result.deviation == pytest.approx(np.sqrt((left**2).sum() / 15))
    assert result.of_difference(4) == pytest.approx(result.deviation / np.sqrt(2))
    assert pooled_noise(values[:1]) is None
    assert pooled_noise(values[:, :1]) is None


@pytest.mark.parametrize("df", [2, 4, 40])
def test_the_lead_of_one_is_students_t(df):
    for lead in (-1.0, 0.0, 1.5, 4.0, 9.0):
        assert lead_p(lead, 1, df) == pytest.approx(stats.t.sf(lead, df), rel=1e-4)
    assert critical_lead(1, df) == pytest.approx(stats.t.isf(0.05, df), rel=1e-4)


@pytest.mark.parametrize(("candidates", "df", "lead"), [(3, 8, 1.8), (20, 38, 2.5)])
def test_the_lead_of_many_is_the_multivariate_t(candidates, df, lead):
    shape = (np.eye(candidates) + 1) / 2
    oracle = 1 - stats.multivariate_t(np.zeros(candidates), shape, df, seed=1).cdf([lead] * candidates)
    assert lead_p(lead, candidates, df) == pytest.approx(oracle, abs=2e-3)


def draw(rng, off, on, seeds=3):
    noise = rng.normal(0, 2, (1, seeds)) + rng.normal(size=(off + on, seeds))
    return noise[:off], noise[off:]


def test_one_against_one_is_the_one_sided_paired_t_test():
    off, on = draw(np.random.default_rng(3), 1, 1, 5)
    result = best_of_pool(off.tolist(), on.tolist(), MINIMIZE)
    assert result.p_value == pytest.approx(
        stats.ttest_rel(off[0], on[0], alternative="less").pvalue, rel=1e-4
    )
    assert (result.candidates, result.rivals, result.seeds, result.df) == (1, 1, 5, 4)
    upside_down = best_of_pool((-off).tolist(), (-on).tolist(), MAXIMIZE)
    assert upside_down.p_value == result.p_value


@pytest.mark.parametrize(("off", "on", "least"), [(15, 1, 0.03), (15, 4, 0.0)])
def test_choosing_the_best_of_many_fools_it_in_at_most_5_percent_and_of_one_rival_in_nearly_5(off, on, least):
    rng, studies = np.random.default_rng(5), 1000
    wrong = 0
    for _ in range(studies):
        a, b = draw(rng, off, on)
        wrong += best_of_pool(a.tolist(), b.tolist(), MINIMIZE).p_value < 0.05
    assert least <= wrong / studies <= 0.05 + 3 * (0.05 / studies) ** 0.5


def test_a_clear_lead_is_seen_with_three_seeds():
    rng, seen = np.random.default_rng(6), 0
    for _ in range(200):
        a, b = draw(rng, 15, 3)
        a[0] -= 4.0
        seen += best_of_pool(a.tolist(), b.tolist(), MINIMIZE).p_value < 0.05
    assert seen / 200 > 0.8


def test_what_is_selected_on_the_other_seeds_is_compared_on_the_one_left_out():
    result = best_of_pool([[1.0, 9.0, 2.5], [5.0, 4.8, 6.0]], [[4.0, 6.0, 5.0]], MINIMIZE)
    # Without the first seed the second trial is best, without the second the first, then the second again.
    assert result.left_out_lead == pytest.approx(np.mean([4 - 5.0, 6 - 9.0, 5 - 6.0]))
    assert best_of_pool([[1.0, 2.0]], [[2.0, 2.5]], MINIMIZE).left_out_lead is None


def test_nothing_to_compare_and_nothing_but_rounding():
    assert best_of_pool([], [[1.0, 2.0]], MINIMIZE) is None
    assert best_of_pool([[1.0]], [[2.0]], MINIMIZE) is None
    assert best_of_pool([[1.0, 1.0]], [[2.0, 2.0 + 1e-9]], MINIMIZE).p_value is None
