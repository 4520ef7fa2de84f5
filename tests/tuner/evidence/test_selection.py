"""Methods are told apart by their temperatures, and the best trial of each is selected, with and without
extension and refinement.
"""

import math

import pytest

from tests.support.rows import MAXIMIZE, MINIMIZE, OBJECTIVES, trial
from tuner.evidence.selection import best, best_forward, kind_of, select, select_as_printed
from tuner.ledger.methods import Segment, Variant


def schedule(*pairs):
    return Variant(schedule=tuple(Segment(float(i), f, b, 0.001) for i, (f, b) in enumerate(pairs)))


@pytest.mark.parametrize(
    ("estimator", "tau_f", "tau_b", "variant", "kind"),
    [
        ("decoupled", 0.5, 1.0, Variant(), "off_diagonal"),
        ("decoupled", 0.5, 0.5, Variant(), "diagonal"),
        ("softmax", 0.5, 0.5, Variant(), "diagonal"),
        ("decoupled", 0.0, 0.5, Variant(), "argmax"),
        ("gumbel", None, 0.5, Variant(), "gumbel"),
        ("identity", None, None, Variant(), "identity"),
        ("decoupled", 0.0, 0.5, schedule((0.0, 0.5), (0.0, 1.0)), "argmax"),
        ("decoupled", 0.0, 0.5, schedule((0.0, 0.5), (0.1, 0.5)), "off_diagonal"),
        ("decoupled", 0.5, 0.5, schedule((0.5, 0.5), (1.0, 1.0)), "diagonal"),
        ("decoupled", 0.5, 0.5, schedule((0.5, 0.5), (0.0, 0.5)), "off_diagonal"),
    ],
)
def test_the_kind_of_a_trial(estimator, tau_f, tau_b, variant, kind):
    row = trial(0, [1.0], estimator=estimator, tau_f=tau_f, tau_b=tau_b, variant=variant)
    assert kind_of(row) == kind


def searched():
    return [
        trial(0, [1.0, 1.1], tau_f=0.0, tau_b=0.5),
        trial(1, [1.3, 1.4], tau_f=0.5, tau_b=1.0),
        trial(2, [2.0, 2.1], tau_f=0.5, tau_b=0.5),
    ]


def test_argmax_is_not_off_the_diagonal_however_good_it_is():
    chosen = select(searched(), MINIMIZE)
    assert {name: t.number for name, t in chosen.named().items()} == {
        "off_diagonal": 1,
        "argmax": 0,
        "diagonal": 2,
    }
    assert chosen.best.number == 0
    assert select(searched()[:1], MINIMIZE).off_diagonal is None


def test_what_followed_the_search_competes_in_the_fair_selection_only():
    rows = [
        *searched(),
        trial(3, [0.5, 0.6], tau_f=0.3, tau_b=0.3, role="extension", estimator="softmax"),
        trial(4, [0.7, 0.8], tau_f=0.5, tau_b=0.7, role="refinement"),
        trial(5, [0.1, 0.1], tau_f=0.5, tau_b=0.9, role="confirm"),
        trial(6, [0.1, 0.1], tau_f=1.0, tau_b=0.9, role="control"),
    ]
    fair, printed = select(rows, MINIMIZE), select_as_printed(rows, MINIMIZE)
    assert (fair.off_diagonal.number, fair.argmax.number, fair.diagonal.number) == (4, 0, 3)
    assert (printed.off_diagonal.number, printed.argmax.number, printed.diagonal.number) == (1, 0, 2)
    assert fair.baselines == printed.baselines == {}  # that the diagonal was refined makes no baseline


def test_an_extended_baseline_is_selected_under_its_own_name():
    rows = [
        trial(0, [2.0], tau_f=None, tau_b=1.0, role="baseline", estimator="gumbel"),
        trial(1, [1.0], tau_f=None, tau_b=1.73, role="extension", estimator="gumbel"),
    ]
    assert select(rows, MINIMIZE).baselines["gumbel"].number == 1
    assert select_as_printed(rows, MINIMIZE).baselines["gumbel"].number == 0


def test_the_best_has_the_best_mean_and_every_seed():
    trials = [
        trial(0, [3, 3]),
        trial(1, [1, 2]),
        trial(2, [0, None]),
        trial(3, None),
        trial(4, [2, 1]),
        trial(5, [4, 4]),
    ]
    assert best(trials, MINIMIZE) == trials[1]  # of equals the first
    assert best(reversed(trials), MINIMIZE) == trials[1]
    assert best(trials, MAXIMIZE) == trials[5]
    assert best(trials[2:4], MINIMIZE) is None


def test_methods_are_selected_apart():
    trials = [
        trial(0, [3, 3], tau_f=1.0, tau_b=1.0),
        trial(1, [2, 2], tau_f=0.0, tau_b=1.0),
        trial(2, [4, 4], tau_f=None, tau_b=None, role="baseline", estimator="identity"),
        trial(3, [2.5, 2.5], tau_f=0.5, tau_b=0.5, role="baseline", estimator="softmax"),
        trial(4, [1, 1], tau_f=None, role="baseline", estimator="gumbel"),
        trial(5, [0, 0], role="confirm"),
        trial(6, None, role="baseline", estimator="other"),
    ]
    chosen = select(trials, MINIMIZE)
    assert (chosen.best.number, chosen.off_diagonal, chosen.argmax.number) == (1, None, 1)
    assert chosen.diagonal.number == 3  # softmax ST is decoupled ST on the diagonal
    assert {name: t.number for name, t in chosen.baselines.items()} == {
        "identity": 2,
        "softmax": 3,
        "gumbel": 4,
    }
    assert [t.number for t in chosen.distinct()] == [1, 3, 4, 2]


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_of_equal_tau_f_the_smallest_is_the_best(direction):
    trials = [trial(0, [2.0], tau_f=1.0), trial(1, [2.0], tau_f=0.0), trial(2, [2.0], tau_f=0.5)]
    assert best_forward(trials, OBJECTIVES[direction]) == 0.0
    assert best_forward(trials[::2], OBJECTIVES[direction]) == 0.5


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_only_finite_objectives_compete(value, direction):
    trials = [trial(0, [value, value]), trial(1, [5.0, 5.0], tau_f=0.7), trial(2, [value, value])]
    assert best(trials, OBJECTIVES[direction]) == trials[1]
    assert best_forward(trials, OBJECTIVES[direction]) == 0.7
    assert best(trials[::2], OBJECTIVES[direction]) is None
    assert best_forward(trials[::2], OBJECTIVES[direction]) is None
