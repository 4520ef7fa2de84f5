"""A sequential design keeps its 5 % over all looks, whoever stops when; its constants are what they say."""

import numpy as np
import pytest
from scipy import stats

from tuner.evidence.design_constants import LEVELS
from tuner.evidence.sequential_design import (
    ERROR,
    SequentialDesign,
    fixed,
    lowest_p,
)


def differences(studies, seeds, effect=0.0, seed=0):
    return np.random.default_rng(seed).normal(effect, 1.0, (studies, seeds))


def t_at(values, look):
    first = values[:, :look]
    return first.mean(1) / (first.std(1, ddof=1) / np.sqrt(look))


def critical_t(look):
    return stats.t.isf(look.level / 2, look.seeds - 1)


def simulated_constants(looks, boundary, studies, seed):
    return [np.quantile(p_values, ERROR) for p_values in lowest_p(looks, boundary, studies, seed)]


def test_the_levels_are_those_that_were_computed_elsewhere():
    for looks, level in (((5, 10), 0.0284), ((5, 10, 20), 0.0194), ((5, 10, 15, 20, 30), 0.0140)):
        assert SequentialDesign(looks).at(looks[0]).level == pytest.approx(level, abs=6e-4)
    design = SequentialDesign((5, 10, 15, 20, 30))
    expected = [4.17, 3.04, 2.81, 2.71, 2.62]
    assert [critical_t(design.at(n)) for n in design.looks] == pytest.approx(expected, abs=0.02)


@pytest.mark.parametrize("boundary", ["constant", "obrien-fleming"])
@pytest.mark.parametrize("looks", [(5, 10), (5, 10, 15, 20, 30), (10, 20)])
def test_the_table_agrees_with_a_smaller_simulation(looks, boundary):
    studies = 100_000
    simulated = simulated_constants(looks, boundary, studies, seed=7)
    # At the tabulated constants the simulation's overall error is 5 %, within 4 of its standard errors; the
    # error grows about as fast as the constant, or slower.
    tolerance = 4 * np.sqrt(ERROR * (1 - ERROR) / studies) / ERROR
    assert simulated == pytest.approx(LEVELS[boundary, looks], rel=tolerance)


@pytest.mark.parametrize("looks", [(5, 10, 20), (4, 7, 13)])
@pytest.mark.parametrize("boundary", ["constant", "obrien-fleming"])
def test_the_overall_error_is_5_percent_and_the_intervals_hold_the_mean_at_all_looks(looks, boundary):
    design, studies = SequentialDesign(looks, boundary), 20_000
    values = differences(studies, looks[-1], effect=0.8)
    called = np.zeros(studies, bool)
    for look in looks:
        mean, error = values[:, :look].mean(1), values[:, :look].std(1, ddof=1) / np.sqrt(look)
        called |= np.abs(mean - 0.8) / error > critical_t(design.at(look))
    assert called.mean() == pytest.approx(ERROR, abs=4 * np.sqrt(ERROR / studies))


def test_the_two_one_sided_tests_are_wrong_in_5_percent_at_the_margin():
    looks, margin, studies = (5, 10, 15, 20, 30), 1.0, 20_000
    design = SequentialDesign(looks)
    values = differences(studies, looks[-1], effect=margin)
    called = np.zeros(studies, bool)
    for look in looks:
        mean, error = values[:, :look].mean(1), values[:, :look].std(1, ddof=1) / np.sqrt(look)
        t = stats.t.isf(design.at(look).equivalence_level, look - 1)
        called |= (mean + t * error < margin) & (mean - t * error > -margin)
    assert 0.03 < called.mean() < ERROR + 4 * np.sqrt(ERROR / studies)


def test_obrien_and_fleming_hardly_look_early_and_nearly_spend_all_at_the_end():
    design = SequentialDesign((5, 10, 20), "obrien-fleming")
    levels = [design.at(n).level for n in design.looks]
    assert levels == sorted(levels)
    assert levels[0] < 1e-3
    assert 0.04 < levels[-1] < ERROR
    # c / sqrt(share) is the boundary on the scale of z, by the module's formula.
    c = [stats.norm.isf(level / 2) * np.sqrt(n / 20) for level, n in zip(levels, design.looks, strict=True)]
    assert c == pytest.approx([c[0]] * 3)


def test_one_look_is_a_t_test():
    look = fixed(5).at(5)
    assert (look.level, look.equivalence_level) == (0.05, 0.05)
    assert fixed(5).overall_p(0.03, 5) == 0.03


def test_looks_of_ones_own_take_a_simulation_that_is_the_same_every_time():
    first = SequentialDesign((6, 9, 14)).at(6)
    assert first == SequentialDesign((6, 9, 14)).at(6)
    assert 0.05 / 3 < first.level < 0.05


@pytest.mark.parametrize("boundary", ["constant", "obrien-fleming"])
def test_the_overall_p_is_5_percent_at_the_boundary_and_grows_with_the_nominal_one(boundary):
    design = SequentialDesign((5, 10, 20), boundary)
    for seeds in design.looks:
        level = design.at(seeds).level
        assert design.overall_p(level * 0.999, seeds) <= ERROR < design.overall_p(level * 1.001, seeds)
        assert design.overall_p(level, seeds) == pytest.approx(ERROR, abs=2e-3)
        overall = [design.overall_p(p, seeds) for p in np.geomspace(1e-9, 1, 40)]
        assert overall == sorted(overall)
        assert overall[-1] <= 1
    if boundary == "constant":
        assert design.overall_p(1e-9, 5) == pytest.approx(3e-9)


def test_the_overall_p_is_uniform_where_there_is_no_gain():
    design, studies = SequentialDesign((5, 10, 20)), 4000
    values = differences(studies, 20, seed=3)
    p = {n: 2 * stats.t.sf(np.abs(t_at(values, n)), n - 1) for n in design.looks}
    lowest = min(design.looks), np.min(list(p.values()), axis=0)
    overall = [design.overall_p(float(v), lowest[0]) for v in lowest[1]]
    assert stats.kstest(overall, "uniform").pvalue > 0.01


def test_where_one_stands_between_the_looks():
    design = SequentialDesign((5, 10, 20))
    assert design.at(7) is None
    assert [design.next_after(n) for n in (0, 5, 7, 20)] == [5, 10, 10, None]
    assert design.last == 20
    with pytest.raises(ValueError, match=r"expected one of the looks \[5, 10, 20\], got 7"):
        design.overall_p(0.01, 7)


@pytest.mark.parametrize("looks", [(), (10, 5), (5, 5), (2, 5)])
def test_looks_that_cannot_be_are_refused(looks):
    with pytest.raises(ValueError, match="looks: "):
        SequentialDesign(looks)
    with pytest.raises(ValueError, match="boundary: expected"):
        SequentialDesign((5, 10), "pocock")


# Jennison and Turnbull, Group Sequential Methods (2000), tables 2.1 and 2.3, two-sided 5 %: by the number of
# looks at equal distances, of Pocock's test and of O'Brien and Fleming's, for normal differences.
PUBLISHED = {"constant": {2: 2.178, 5: 2.413}, "obrien-fleming": {2: 1.977, 3: 2.004, 5: 2.040}}


@pytest.mark.parametrize(("boundary", "looks"), [(b, k) for b, table in PUBLISHED.items() for k in table])
def test_with_many_seeds_the_constants_are_the_published_ones_of_normal_differences(boundary, looks):
    seeds = tuple(500 * (i + 1) for i in range(looks))  # of which t is normal
    critical_p, _ = simulated_constants(seeds, boundary, 200_000, seed=11)
    # The simulation's standard error is 0.004 or less.
    assert stats.norm.isf(critical_p / 2) == pytest.approx(PUBLISHED[boundary][looks], abs=0.017)
