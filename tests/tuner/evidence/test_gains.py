"""The gain of one trial over another: its numbers, and what is decided from them."""

import numpy as np
import pytest
from scipy import stats

from tests.support.rows import FRESH, MAXIMIZE, MINIMIZE, OBJECTIVES, trial
from tuner.evidence.confirmed import Rules
from tuner.evidence.gains import gain, gain_in
from tuner.evidence.paired import pairs_by_seed
from tuner.evidence.sequential_design import SequentialDesign

ONE_LOOK, LOOKS = Rules(MINIMIZE, (5,)), Rules(MINIMIZE, (5, 10))
MINE = [1.0, 1.1, 0.9, 1.0, 1.2]


def fresh(number, values, **more):
    return trial(number, values, role="confirm", seeds=FRESH, **more)


def test_a_gain_on_the_searchs_seeds_decides_nothing():
    measured = gain(trial(0, MINE), trial(1, [v + 5 for v in MINE]), ONE_LOOK)
    assert (measured.confirmed, measured.decision) == (False, "no verdict")
    assert "seeds that selected the trials" in measured.reason


def test_the_interval_and_the_p_are_those_of_the_look():
    rival = [1.6, 1.3, 1.5, 1.55, 1.45]
    measured = gain(fresh(0, MINE), fresh(1, rival), LOOKS)
    differences = [b - a for a, b in zip(MINE, rival, strict=True)]
    level = SequentialDesign((5, 10)).at(5).level
    expected = stats.ttest_1samp(differences, 0)
    assert measured.p_value == pytest.approx(expected.pvalue)
    assert measured.ci95 == pytest.approx(tuple(expected.confidence_interval(1 - level)))
    assert measured.p_overall > measured.p_value


def test_both_trials_have_the_same_number_on_every_seed_but_for_rounding():
    measured = gain(
        fresh(0, [v + 5.6e-17 for v in MINE]), fresh(1, [v * (1 + 1e-16) for v in MINE]), ONE_LOOK
    )
    assert (measured.decision, measured.p_value, measured.by) == (
        "practically equal",
        None,
        "equal up to rounding",
    )


def test_two_seeds_that_agree_exactly_decide_nothing():
    mine, its = (trial(i, [1.0 + i] * 2, role="confirm", seeds=(5, 6)) for i in (0, 1))
    for rules in (Rules(MINIMIZE, (2,)), ONE_LOOK):
        measured = gain(mine, its, rules)
        assert (measured.p_value, measured.p_overall) == (None, None)
        assert measured.decision in ("no verdict", "undecided")


def test_a_mean_over_survivors_is_marked_and_the_wins_count_the_divergence_as_lost():
    measured = gain(fresh(0, [0.1, 0.1, None, 0.1, 0.1]), fresh(1, MINE), ONE_LOOK)
    assert (measured.seeds, measured.missing, measured.diverged, measured.rival_diverged) == (5, 1, 1, 0)
    assert (measured.wins.wins, measured.wins.losses) == (4, 1)
    assert (measured.decision, measured.p_value) == ("undecided", pytest.approx(0.375))
    assert "diverged on 1 of 5 seeds" in measured.reason


def test_a_rival_that_diverges_on_every_seed_is_named_and_loses_once_the_wins_suffice():
    rules = Rules(MINIMIZE, (10,))
    mine = trial(0, MINE * 2, role="confirm", seeds=range(10))
    its = trial(1, [None] * 10, role="confirm", seeds=range(10))
    measured = gain(mine, its, rules)
    assert (measured.mean, measured.decision, measured.by) == (None, "better", "exact sign test")
    assert "diverged on all 10 seeds" in measured.reason


def test_collapses_of_the_rival_make_it_mixed_and_never_worse():
    # Better by 5 where nothing collapses; the rival's collapsed seeds have a far lower loss here.
    rules = Rules(MINIMIZE, (10,))
    differences = [5.0, 5.1, 4.9, 5.0, 5.2, 4.8, 5.0, 5.1, 4.9, -60.0]
    mine = trial(0, [100.0] * 10, role="confirm", seeds=range(10))
    its = trial(1, [100 + d for d in differences], role="confirm", seeds=range(10))
    measured = gain(mine, its, rules)
    assert (measured.mean < 0 < measured.median, measured.decision) == (True, "mixed")
    assert measured.interquartile_mean == pytest.approx(5.0, abs=0.1)


def test_undecided_tells_what_would_have_been_seen_and_what_it_takes():
    measured = gain(fresh(0, MINE), fresh(1, [1.6, 0.3, 1.5, 0.55, 1.45]), ONE_LOOK, margin=0.01)
    assert measured.decision == "undecided"
    assert measured.detectable > 0.5
    assert measured.seeds_for_margin > 1000
    assert measured.exaggeration > 10


def test_another_metric_turns_by_its_own_direction_and_decides_nothing():
    mine = fresh(0, MINE, metrics={"val_accuracy": [0.9, 0.8, 0.9, 0.9, None]})
    its = fresh(1, MINE, metrics={"val_accuracy": [0.8, 0.6, 0.9, 0.8, 0.8]})
    measured = gain_in(mine, its, "val_accuracy", MAXIMIZE)
    assert (measured.mean, measured.missing) == (pytest.approx(0.1), 1)
    assert (measured.confirmed, measured.decision) == (True, "no verdict")
    assert gain_in(mine, its, "val_loss", MINIMIZE) is None


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("n", [3, 5, 30])
def test_gain_is_scipys_paired_t_test(n, direction):
    rng = np.random.default_rng(n)
    ours, rival = rng.normal(2.0, 1.0, n), rng.normal(2.3, 1.0, n)
    measured = gain(trial(0, ours), trial(1, rival), Rules(OBJECTIVES[direction], (5,)))
    expected = stats.ttest_rel(rival, ours) if direction == "minimize" else stats.ttest_rel(ours, rival)
    interval = expected.confidence_interval(0.95)
    assert measured.mean == pytest.approx((rival - ours).mean() * (1 if direction == "minimize" else -1))
    assert measured.p_value == pytest.approx(expected.pvalue)
    assert measured.ci95 == pytest.approx((interval.low, interval.high))
    assert (measured.seeds, measured.against, measured.confirmed) == (n, 1, False)


@pytest.mark.parametrize("difference", [0.0, 0.5])
def test_gain_without_any_spread_has_no_p(difference):
    measured = gain(trial(0, [1.0, 2.0, 3.0]), trial(1, [v + difference for v in (1.0, 2.0, 3.0)]), ONE_LOOK)
    assert (measured.mean, measured.ci95, measured.p_value) == (difference, (difference, difference), None)


def test_two_seeds_have_an_interval_and_no_p():
    measured = gain(trial(0, [1.0, 2.0]), trial(1, [2.0, 3.5]), ONE_LOOK)
    interval = stats.ttest_1samp([1.0, 1.5], 0).confidence_interval(0.95)
    assert measured.ci95 == pytest.approx((interval.low, interval.high))
    assert measured.p_value is None


def test_gain_of_one_seed_has_no_interval():
    measured = gain(trial(0, [1.0]), trial(1, [1.5]), ONE_LOOK)
    assert (measured.mean, measured.ci95, measured.p_value, measured.seeds) == (0.5, None, None, 1)


def test_gain_pairs_by_seed():
    ours = trial(0, [1.0, 2.0, 4.0], seeds=(7, 8, 9))
    rival = trial(1, [9.0, 5.0, 2.5, 6.0], seeds=(9, 1, 8, 7))
    measured = gain(ours, rival, ONE_LOOK)
    assert (measured.mean, measured.seeds) == (pytest.approx(np.mean([6 - 1, 2.5 - 2, 9 - 4])), 3)


def test_pairs_are_of_the_objective_or_of_a_metric():
    ours = trial(0, [1.0, 2.0, None], seeds=(7, 8, 9), metrics={"x": [1.0, None, 3.0]})
    rival = trial(1, [9.0, 5.0, 2.5], seeds=(9, 8, 6), metrics={"x": [0.5, 0.25, 0.0]})
    assert pairs_by_seed(ours, rival) == [(2.0, 5.0)]
    assert pairs_by_seed(ours, rival, "x") == [(3.0, 0.5)]
    assert pairs_by_seed(ours, rival, "y") == []


@pytest.mark.parametrize(
    ("ours", "rival", "missing"),
    [
        ([1, None, 1, 1], [2, 2, None, 2], 2),
        ([1, None], [2, 2], 1),
        ([1, None], [None, 2], 2),
        ([1, 2], None, 2),
        (None, [1, 2], 2),
    ],
)
def test_a_mean_gain_is_of_the_seeds_that_both_have_and_says_how_many_are_missing(ours, rival, missing):
    n = len(ours or rival)
    measured = gain(trial(0, ours, seeds=range(n)), trial(1, rival, seeds=range(n)), ONE_LOOK)
    assert (measured.seeds, measured.missing) == (n, missing)
    assert (measured.mean is None) == (missing == n)


def test_gain_of_disjoint_seeds_is_none():
    assert gain(trial(0, [1, 2], seeds=(0, 1)), trial(1, [1, 2], seeds=(2, 3)), ONE_LOOK) is None
