"""Optima at the end of what was searched are found, for every method."""

import pytest

from tests.support.rows import MINIMIZE, trial
from tuner.evidence.edges import edges
from tuner.evidence.selection import select


def found(rows):
    return {(e.kind, e.temperature, e.value, e.end) for e in edges(rows, select(rows, MINIMIZE))}


def grid(best, forward=(0.0, 0.1, 0.5, 1.0, 2.0), backward=(0.1, 0.5, 1.0, 2.0)):
    """Pairs whose losses are 2, but for the best of each of some methods."""
    pairs = [(f, b) for f in forward for b in backward]
    return [trial(i, [1.0 if pair in best else 2.0], tau_f=pair[0], tau_b=pair[1])
            for i, pair in enumerate(pairs)]  # fmt: skip


@pytest.mark.parametrize(
    ("best", "expected"),
    [
        ([(0.5, 1.0), (0.5, 0.5), (0.0, 0.5)], set()),
        # argmax has nothing below it in tau_f, and edges in tau_b
        ([(0.5, 1.0), (0.5, 0.5), (0.0, 0.1)], {("argmax", "tau_b", 0.1, "lowest")}),
        ([(0.5, 1.0), (2.0, 2.0), (0.0, 0.5)], {("diagonal", "tau", 2.0, "highest")}),
        # the lowest tau_f > 0 is one for methods with noise
        ([(0.1, 1.0), (0.5, 0.5), (0.0, 0.5)], {("off_diagonal", "tau_f", 0.1, "lowest")}),
        (
            [(2.0, 0.1), (0.5, 0.5), (0.0, 0.5)],
            {("off_diagonal", "tau_f", 2.0, "highest"), ("off_diagonal", "tau_b", 0.1, "lowest")},
        ),
    ],
)
def test_of_the_grid_each_methods_own_optimum(best, expected):
    assert found(grid(best)) == expected


def test_the_diagonals_and_the_baselines_though_the_overall_best_is_inside():
    rows = grid([(0.5, 1.0), (0.1, 0.1), (0.0, 0.5)])
    rows += [
        trial(50 + i, [3.0 - t], tau_f=None, tau_b=t, role="baseline", estimator="gumbel")
        for i, t in enumerate((0.5, 1.0, 2.0))
    ]
    assert found(rows) == {("diagonal", "tau", 0.1, "lowest"), ("gumbel", "tau", 2.0, "highest")}
    (lowest, _) = edges(rows, select(rows, MINIMIZE))
    assert lowest.sentence == (
        "on the diagonal: the best tau, 0.1, is the lowest that was tried; a better one may lie beyond it"
    )


def test_what_diverged_beyond_was_tried_and_one_value_has_no_end():
    rows = [
        trial(i, v, tau_f=t, tau_b=t) for i, (t, v) in enumerate(((0.1, [None]), (0.2, [1.0]), (0.4, [2.0])))
    ]
    assert found(rows) == set()
    assert found([trial(0, [1.0], tau_f=0.5, tau_b=0.5)]) == set()


def test_softmax_is_the_diagonal_and_is_told_once():
    rows = [
        trial(i, [t], tau_f=t, tau_b=t, role="baseline", estimator="softmax")
        for i, t in enumerate((0.1, 0.5))
    ]
    assert found(rows) == {("diagonal", "tau", 0.1, "lowest")}


def test_an_extension_takes_the_edge_away():
    rows = [trial(i, [abs(t - 0.1)], tau_f=t, tau_b=t) for i, t in enumerate((0.1, 0.5, 1.0))]
    assert found(rows) == {("diagonal", "tau", 0.1, "lowest")}
    beyond = trial(9, [1.0], tau_f=0.0577, tau_b=0.0577, role="extension", estimator="softmax")
    assert found([*rows, beyond]) == set()
