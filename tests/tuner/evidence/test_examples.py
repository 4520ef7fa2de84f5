"""A gain over seeds and examples: statsmodels' two-way table, and coverage where an interval over seeds
fails.
"""

import numpy as np
import pandas as pd
import pytest
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from tests.support.rows import MAXIMIZE, MINIMIZE
from tuner.evidence.examples import Narrower, two_way_gain


def draw(rng, seeds=5, examples=60, of_seed=0.1, of_example=1.0, rest=0.5, gain=0.3):
    """Losses of a trial and its rival; the gain has three sources of chance."""
    table = (
        gain
        + of_seed * rng.normal(size=(seeds, 1))
        + of_example * rng.normal(size=(1, examples))
        + rest * rng.normal(size=(seeds, examples))
    )
    rival = rng.exponential(size=(seeds, examples))
    return rival - table, rival


def test_the_mean_squares_are_those_of_the_two_way_table():
    mine, rival = draw(np.random.default_rng(1), seeds=4, examples=7, of_seed=0.8)
    gain = two_way_gain(mine, rival, MINIMIZE)
    seed, example = np.indices((4, 7)).reshape(2, -1)
    data = pd.DataFrame({"y": (rival - mine).ravel(), "seed": seed, "example": example})
    table = anova_lm(ols("y ~ C(seed) + C(example)", data).fit())
    a, b, e = (table["sum_sq"] / table["df"]).to_numpy()
    assert gain.mean == pytest.approx((rival - mine).mean())
    assert gain.sem == pytest.approx(np.sqrt((a + b - e) / 28))
    assert gain.sem_over_seeds == pytest.approx(np.sqrt(a / 28))
    assert gain.variances == pytest.approx((max(0, (a - e) / 7), max(0, (b - e) / 4), e))
    assert gain.df == pytest.approx((a + b - e) ** 2 / (a**2 / 3 + b**2 / 6 + e**2 / 18))


@pytest.mark.parametrize(("of_seed", "of_example"), [(0.1, 1.0), (0.5, 0.2), (0.0, 0.0), (0.3, 2.0)])
def test_it_holds_the_gain_on_new_seeds_and_examples(of_seed, of_example):
    rng, studies = np.random.default_rng(2), 800
    held = []
    for _ in range(studies):
        low, high = two_way_gain(*draw(rng, of_seed=of_seed, of_example=of_example), MINIMIZE).interval()
        held.append(low < 0.3 < high)
    assert 0.94 - 3 * (0.05 / studies) ** 0.5 < np.mean(held)
    assert np.mean(held) < 0.985 or of_example == 0.0


def test_an_interval_over_seeds_alone_is_too_narrow_where_examples_are_few():
    rng, held = np.random.default_rng(3), []
    for _ in range(300):
        gain = two_way_gain(*draw(rng), MINIMIZE)
        held.append(abs(gain.mean - 0.3) < 2.78 * gain.sem_over_seeds)
    assert np.mean(held) < 0.85


def test_it_says_what_would_narrow_it():
    rng = np.random.default_rng(4)
    few_examples = two_way_gain(*draw(rng, of_seed=0.01, of_example=2.0), MINIMIZE)
    few_seeds = two_way_gain(*draw(rng, of_seed=1.0, of_example=0.1), MINIMIZE)
    assert (few_examples.narrower, few_seeds.narrower) == (Narrower.EXAMPLES, Narrower.SEEDS)
    square = rng.normal(size=(6, 6))
    even = two_way_gain(np.zeros((6, 6)), square + square.T, MINIMIZE)  # seeds and examples exchange
    assert even.narrower is Narrower.BOTH
    assert few_seeds.sem_with(20, 60) == pytest.approx(few_seeds.sem_with(5, 60) / 2, rel=0.05)


def test_accuracies_turn_the_sign_and_no_spread_has_no_p():
    gain = two_way_gain([[1, 0, 1], [1, 1, 1]], [[0, 0, 1], [1, 0, 1]], MAXIMIZE)
    assert gain.mean == pytest.approx(2 / 6)
    same = two_way_gain([[1.0, 2.0]] * 2, [[1.0, 2.0]] * 2, MINIMIZE)
    assert (same.sem, same.p_value, same.interval()) == (0.0, None, (0.0, 0.0))
    assert 0 < gain.p_value < 1


def test_what_cannot_be_analysed():
    assert two_way_gain([[1.0, 2.0]], [[1.0, 2.0]], MINIMIZE) is None
    with pytest.raises(ValueError, match="of one shape"):
        two_way_gain([[1.0, 2.0]], [[1.0]], MINIMIZE)
    with pytest.raises(ValueError, match="leave out the seeds that diverged"):
        two_way_gain([[1.0, float("nan")]] * 2, [[1.0, 2.0]] * 2, MINIMIZE)
