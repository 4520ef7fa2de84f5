"""Which method learns sooner: small curves by hand, antisymmetry, and the error rate for identical
methods.
"""

import numpy as np
import pytest

from tests.support.rows import MAXIMIZE, MINIMIZE
from tuner.evidence.convergence import convergence

EPOCHS = [1.0, 2.0, 3.0, 5.0]


def test_the_area_between_two_curves_by_hand():
    # The running bests are 4 2 1 1 and 4 4 2 2: the difference 0 2 1 1, its area 1 + 1.5 + 2 over 4 epochs.
    measured = convergence(EPOCHS, [[4, 2, 1, 3]], [[4, 5, 2, 2]], MINIMIZE)
    assert measured.area.mean == pytest.approx(4.5 / 4)
    assert measured.share == pytest.approx(4.5 / 4 / 3)
    # The worse one ever has 2: the first at epoch 2, the second at 3.
    assert measured.saved.mean == pytest.approx(1.0)
    assert (measured.epochs, measured.missing) == ((1.0, 5.0), 0)
    upside_down = convergence(EPOCHS, [[-4, -2, -1, -3]], [[-4, -5, -2, -2]], MAXIMIZE)
    assert upside_down == measured


def test_what_is_reached_between_two_reports_is_read_from_the_line():
    measured = convergence([0.0, 10.0], [[3.0, 1.0]], [[3.0, 2.0]], MINIMIZE)
    assert measured.saved.mean == pytest.approx(5.0)


def test_exchanging_the_two_turns_the_sign():
    rng = np.random.default_rng(1)
    mine, rival = rng.normal(size=(2, 6, 4)).tolist()
    forth, back = convergence(EPOCHS, mine, rival, MINIMIZE), convergence(EPOCHS, rival, mine, MINIMIZE)
    assert back.area.mean == pytest.approx(-forth.area.mean)
    assert back.saved.mean == pytest.approx(-forth.saved.mean)
    assert back.share == pytest.approx(-forth.share)
    assert back.area.p_value == pytest.approx(forth.area.p_value)


def curves(rng, seeds, kind, reports=20):
    t = np.linspace(0, 1, reports)
    noise = 0.02 * rng.normal(size=(seeds, reports))
    if kind == "plateau":
        return 0.3 + np.exp(-12 * t) + noise
    if kind == "overfitting":
        speed = 8 * np.exp(0.2 * rng.normal(size=(seeds, 1)))
        return 0.3 + np.exp(-speed * t) + 0.4 * t**2 + noise
    return 0.3 + np.exp(-3 * np.exp(0.3 * rng.normal(size=(seeds, 1))) * t) + 0.3 * noise


@pytest.mark.parametrize("kind", ["plateau", "overfitting", "falling"])
@pytest.mark.parametrize("seeds", [3, 5])
def test_identical_methods_are_told_apart_in_at_most_5_percent(kind, seeds):
    rng, studies, t = np.random.default_rng(2), 1500, np.linspace(1, 20, 20).tolist()
    called = 0
    for _ in range(studies):
        mine, rival = (curves(rng, seeds, kind).tolist() for _ in range(2))
        called += convergence(t, mine, rival, MINIMIZE).area.p_value < 0.05
    assert called / studies <= 0.05 + 3 * (0.05 / studies) ** 0.5


def test_a_method_that_learns_twice_as_fast_is_sooner():
    rng, t = np.random.default_rng(3), np.linspace(0, 1, 20)
    fast, slow = (0.3 + np.exp(-s * t) + 0.02 * rng.normal(size=(5, 20)) for s in (8, 4))
    measured = convergence((20 * t).tolist(), fast.tolist(), slow.tolist(), MINIMIZE)
    assert measured.area.p_value < 1e-3
    assert measured.area.mean > 0
    assert measured.saved.mean > 0


def test_seeds_that_diverged_are_left_out_and_counted():
    measured = convergence(EPOCHS, [[4, 2, 1, 1], [4, None, 1, 1]], [[4, 4, 2, 2], [4, 4, 2, 2]], MINIMIZE)
    assert (measured.missing, measured.area.seeds) == (1, 1)
    assert convergence(EPOCHS, [[4, None, 1, 1]], [[4, 4, 2, 2]], MINIMIZE) is None
    assert convergence([1.0], [[4]], [[5]], MINIMIZE) is None


def test_the_same_curve_is_neither():
    same = [[4.0, 2.0, 1.0, 1.0]] * 3
    measured = convergence(EPOCHS, same, same, MINIMIZE)
    assert (measured.area.mean, measured.area.p_value, measured.saved.mean) == (0.0, None, 0.0)
    flat = convergence(EPOCHS, [[1.0] * 4] * 3, [[1.0] * 4] * 3, MINIMIZE)
    assert flat.share is None
