"""The expected best of k trials, against an enumeration of all choices; the regret of a cheaper search."""

import itertools

import numpy as np
import pytest

from tests.support.rows import MAXIMIZE, MINIMIZE
from tuner.evidence.equal_budget import chosen, equal_budget
from tuner.evidence.regret import cross_fitted_regret, sequential_pick


def test_the_expected_best_of_k_is_the_mean_over_all_choices():
    rng = np.random.default_rng(1)
    off, on = rng.normal(size=(5, 3)), rng.normal(size=(4, 3))
    result = equal_budget(off.tolist(), on.tolist(), MINIMIZE)

    def by_hand(scores, k):
        of_seeds = []
        for seed in range(3):
            others = [s for s in range(3) if s != seed]
            picks = [
                min(group, key=lambda i: scores[i, others].mean())
                for group in itertools.combinations(range(len(scores)), k)
            ]
            of_seeds.append(np.mean([scores[i, seed] for i in picks]))
        return np.array(of_seeds)

    assert result.off == pytest.approx([by_hand(off, k).mean() for k in range(1, 6)])
    assert result.on == pytest.approx([by_hand(on, k).mean() for k in range(1, 5)])
    each = [by_hand(on, k) - by_hand(off, k) for k in range(1, 5)]
    assert np.array(result.gains) == pytest.approx(np.array(each).T)
    assert result.gain == pytest.approx([e.mean() for e in each])
    upside_down = equal_budget((-off).tolist(), (-on).tolist(), MAXIMIZE)
    assert upside_down.gain == pytest.approx(result.gain)


def test_some_trial_is_the_best():
    assert [chosen(k, 7).sum() for k in range(1, 8)] == pytest.approx([1.0] * 7)
    assert chosen(1, 3) == pytest.approx([1 / 3] * 3)
    assert chosen(2, 3) == pytest.approx([2 / 3, 1 / 3, 0])
    assert chosen(1, 1).tolist() == [1.0]


def test_equal_methods_with_unequal_budgets_have_no_gain_at_the_same_one():
    rng = np.random.default_rng(2)
    gains = []
    for _ in range(300):
        values = rng.normal(size=(25, 1)) + 0.1 * rng.normal(size=(25, 4))
        result = equal_budget(values[:20].tolist(), values[20:].tolist(), MINIMIZE)
        gains.append((*result.gain, result.on[-1] - result.off[-1]))
    *equal, all_of_each = np.mean(gains, 0)
    assert np.abs(equal) == pytest.approx(np.zeros(5), abs=0.15)
    assert all_of_each > 0.5


def test_one_seed_has_no_other_to_be_scored_on():
    assert equal_budget([[1.0]], [[2.0]], MINIMIZE) is None
    assert equal_budget([], [[1.0, 2.0]], MINIMIZE) is None
    assert cross_fitted_regret([[1.0]], np.argmin, MINIMIZE) is None
    assert cross_fitted_regret([], np.argmin, MINIMIZE) is None


PAIRS = [(0.0, 0.5), (0.0, 1.0), (1.0, 0.5), (1.0, 1.0)]


def test_the_sequential_protocol_picks_along_a_row_and_a_column():
    pick = sequential_pick(PAIRS, 1.0)
    assert PAIRS[pick(np.array([1.0, 3.0, 0.0, 4.0]))] == (0.0, 0.5)  # the best, (1, 0.5), is not on its way
    assert PAIRS[pick(np.array([1.0, 3.0, 0.0, 2.0]))] == (1.0, 0.5)
    assert PAIRS[pick(np.array([1.0, 1.0, 1.0, 1.0]))] == (0.0, 0.5)
    with pytest.raises(ValueError, match=r"expected one of the tau_b \[0.5, 1.0\], got 0.7"):
        sequential_pick(PAIRS, 0.7)


def test_the_regret_is_measured_on_the_seed_that_did_not_choose():
    values = [[1.0, 1.0, 4.0], [3.0, 3.0, 3.0], [0.0, 0.5, 6.0], [4.0, 4.0, 4.0]]
    result = cross_fitted_regret(values, sequential_pick(PAIRS, 1.0), MINIMIZE)
    # The protocol picks (0, 0.5) by any two seeds. The grid's best is (0, 0.5), (0, 0.5), (1, 0.5).
    assert result.of_seeds == (0.0, 0.0, 4.0 - 6.0)
    assert (result.mean, result.same, result.seeds) == (pytest.approx(-2 / 3), 2, 3)
    higher = cross_fitted_regret((-np.array(values)).tolist(), sequential_pick(PAIRS, 1.0), MAXIMIZE)
    assert higher == result


def test_where_all_cells_are_alike_the_regret_is_0_on_average_though_that_of_the_choosing_seeds_is_not():
    rng, pick = np.random.default_rng(3), sequential_pick(PAIRS, 1.0)
    values = rng.normal(size=(500, 4, 5))
    honest = [cross_fitted_regret(v.tolist(), pick, MINIMIZE).mean for v in values]
    flattered = [v.mean(1)[pick(v.mean(1))] - v.mean(1).min() for v in values]
    assert np.mean(honest) == pytest.approx(0.0, abs=0.08)
    assert np.mean(flattered) > 0.08
