"""The importance of temperatures and learning rate, against functions whose shares are known."""

import math

import numpy as np
import pytest

from tests.support.rows import MAXIMIZE, MINIMIZE, trial
from tuner.evidence.importance import importance, main_effects
from tuner.ledger.methods import Variant

GRID = np.linspace(0.0, 1.0, 7)


def places(*axes):
    return np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, len(axes))


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (2.0, 1.0), (1.0, 0.0)])
def test_of_a_sum_each_axis_has_the_share_of_its_squared_slope(a, b):
    there = places(GRID, GRID)
    found = main_effects(there, a * there[:, 0] + b * there[:, 1])
    assert found == pytest.approx((a**2 / (a**2 + b**2), b**2 / (a**2 + b**2)), abs=0.02)


def test_a_product_around_the_middle_is_all_interaction():
    there = places(GRID, GRID)
    found = main_effects(there, (there[:, 0] - 0.5) * (there[:, 1] - 0.5))
    assert max(found) < 0.02


def search(objective_of, rates=(0.001,)):
    """A grid whose trials have these objectives of (sqrt tau_f, log tau_b, log lr)."""
    found = []
    for f in (0.01, 0.25, 1.0, 2.25):
        for b in (0.1, 0.5, 1.0, 2.0):
            for lr in rates:
                value = objective_of(math.sqrt(f), math.log(b), math.log(lr))
                found.append(trial(len(found), [value, value + 0.001], tau_f=f, tau_b=b, lr=lr))
    return found


def test_what_does_not_matter_has_no_share():
    found = importance(search(lambda f, _b, lr: f + 0.0 * lr, rates=(0.001, 0.01)), MINIMIZE)
    assert found["tau_f"] == pytest.approx(1.0, abs=0.03)
    assert found.keys() == {"tau_f", "tau_b", "lr", "interaction"}
    assert sum(found.values()) == pytest.approx(1.0)


def test_one_learning_rate_has_no_importance():
    assert importance(search(lambda f, b, _lr: f + b), MINIMIZE).keys() == {"tau_f", "tau_b", "interaction"}


def test_a_high_objective_is_treated_alike():
    low = importance(search(lambda f, b, _lr: f + b), MINIMIZE)
    high = importance(search(lambda f, b, _lr: -f - b), MAXIMIZE)
    assert high == pytest.approx(low, abs=0.02)


def test_a_cliff_is_not_all_of_it():
    def cliff(f, b, _lr):
        return b + (1000.0 if f > 1.4 else 0.0)

    assert importance(search(cliff), MINIMIZE)["tau_b"] > 0.3


def test_there_is_none_without_enough_trials_or_without_a_difference():
    assert importance(search(lambda f, b, _lr: f + b)[:9], MINIMIZE) is None
    assert importance(search(lambda *_: 1.0), MINIMIZE) is None


def test_settings_of_the_optimiser_are_axes_too():
    searched = []
    for t in search(lambda f, _b, _lr: f):
        for norm in (None, 1.0, 10.0):
            lower = {None: 0.0, 1.0: 1.0, 10.0: 2.0}[norm]
            values = [value + lower for value in t.objective]
            variant = Variant(optimizer=(("clip_norm", norm),))
            searched.append(trial(len(searched), values, tau_f=t.tau_f, tau_b=t.tau_b, variant=variant))
    found = importance(searched, MINIMIZE)
    assert found.keys() == {"tau_f", "tau_b", "clip_norm", "interaction"}
    assert found["clip_norm"] > found["tau_f"] > found["tau_b"]
