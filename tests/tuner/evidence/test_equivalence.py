"""Two one-sided tests, against statsmodels; the rescaling control against half of a gain."""

import numpy as np
import pytest
from statsmodels.stats.weightstats import DescrStatsW, ttost_paired

from tests.support.rows import MAXIMIZE, MINIMIZE
from tuner.evidence.equivalence import Agreement, equivalence


@pytest.mark.parametrize("seed", range(4))
def test_it_is_statsmodels_two_one_sided_tests(seed):
    rng = np.random.default_rng(seed)
    mine, rival = rng.normal(1.0, 0.1, 8), rng.normal(1.02, 0.1, 8)
    ours = equivalence(list(rival - mine), 0.1, [*mine, *rival])
    assert ours.p_value == pytest.approx(ttost_paired(rival, mine, -0.1, 0.1)[0])
    assert ours.interval == pytest.approx(DescrStatsW(rival - mine).tconfint_mean(0.1))
    assert (ours.agreement is Agreement.EQUIVALENT) == (ours.p_value < 0.05)


def test_a_difference_is_equivalent_different_or_neither():
    values = [0.011, 0.009, 0.010, 0.012, 0.008]
    decided = {margin: equivalence(values, margin).agreement for margin in (0.02, 0.01, 0.005)}
    assert decided == {
        0.02: Agreement.EQUIVALENT,
        0.01: Agreement.UNDECIDED,
        0.005: Agreement.DIFFERENT,
    }
    mirrored = [-v for v in values]
    assert equivalence(mirrored, 0.005).agreement is Agreement.DIFFERENT
    assert equivalence([], 1.0) is None
    assert equivalence([0.0, 0.0], 1.0).agreement is Agreement.UNDECIDED


def test_it_is_wrong_in_5_percent_at_the_margin():
    rng, margin = np.random.default_rng(5), 1.0
    wrong = sum(
        equivalence(list(rng.normal(margin, 0.5, 8)), margin).agreement is Agreement.EQUIVALENT
        for _ in range(2000)
    )
    assert wrong / 2000 == pytest.approx(0.05, abs=0.015)


def against_half_of(control, original, gain, objective):
    """A control against the original that it rescales, as the results compare them."""
    differences = [objective.gain(a, b) for a, b in zip(control, original, strict=True)]
    return equivalence(differences, abs(gain) / 2, [*control, *original])


def test_a_control_that_is_off_by_the_whole_gain_does_not_agree_though_it_is_within_5_percent():
    original = [0.300, 0.310, 0.305, 0.295, 0.302]
    control = [v + 0.010 for v in original]  # 3 % off
    result = against_half_of(
        control, [v + e for v, e in zip(original, _JITTER, strict=True)], 0.010, MINIMIZE
    )
    assert (result.agreement, result.margin) == (Agreement.DIFFERENT, 0.005)
    assert result.mean == pytest.approx(-0.010, abs=1e-3)
    near = against_half_of(
        [v + e for v, e in zip(original, _JITTER, strict=True)], original, -0.010, MINIMIZE
    )
    assert near.agreement is Agreement.EQUIVALENT


_JITTER = (0.0002, -0.0001, 0.0003, -0.0002, 0.0001)


def test_a_control_that_is_the_same_up_to_rounding_agrees_with_any_gain():
    original = [0.300, 0.310, 0.305]
    for off in ([0.0, 0.0, 0.0], [3e-8, 0.0, -3e-8]):
        control = [v + o for v, o in zip(original, off, strict=True)]
        assert against_half_of(control, original, 0.0, MINIMIZE).agreement is Agreement.EQUIVALENT
    better = against_half_of([0.9, 0.8], [0.7, 0.7], 0.1, MAXIMIZE)
    assert better.mean == pytest.approx(0.15)


def test_the_same_large_difference_on_every_seed_is_not_called_different_by_a_t_test():
    assert equivalence([0.5, 0.5, 0.5], 0.1).agreement is Agreement.UNDECIDED
