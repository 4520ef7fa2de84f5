"""Trials are also judged by their neighbours, so that the best of many is not selected by luck."""

import math

import numpy as np
import pytest

from tests.support.rows import MAXIMIZE, MINIMIZE, study, trial
from tuner.evidence.analysis import results
from tuner.evidence.ranking import best
from tuner.evidence.selection import select
from tuner.evidence.smoothing import smoothed_best
from tuner.evidence.take_home import export
from tuner.ledger.methods import Segment, Variant

TAUS = (0.1, 0.3, 0.5, 1.0, 2.0)


def bowl(tau_f, tau_b):
    """Lowest at (0.5, 0.5)."""
    return math.log(tau_f / 0.5) ** 2 + math.log(tau_b / 0.5) ** 2


def noisy(lucky=(2.0, 0.1), by=0.0, noise=0.3, sign=1, seeds=3):
    """A grid over the bowl; one pair far from its bottom has a better mean by luck."""
    rng, rows = np.random.default_rng(3), []
    for i, (f, b) in enumerate((f, b) for f in TAUS for b in TAUS):
        value = bowl(f, b) + noise * rng.normal(size=seeds)
        value = value - value.mean() + bowl(f, b) if (f, b) != lucky else value - value.mean() + by
        rows.append(trial(i, sign * value, tau_f=f, tau_b=b))
    return rows


@pytest.mark.parametrize(("objective", "sign"), [(MINIMIZE, 1), (MAXIMIZE, -1)])
def test_a_lucky_pair_among_bad_ones_is_not_chosen(objective, sign):
    rows = noisy(by=-0.05, noise=1.0, sign=sign)
    assert (best(rows, objective).tau_f, best(rows, objective).tau_b) == (2.0, 0.1)
    chosen = smoothed_best(rows, objective, rows)
    assert bowl(chosen.tau_f, chosen.tau_b) < 1.0


def test_without_noise_it_is_the_best():
    rows = noisy(by=9.0, noise=1e-3)
    assert smoothed_best(rows, MINIMIZE, rows) == best(rows, MINIMIZE)
    on = [t for t in rows if t.tau_f == t.tau_b]
    assert smoothed_best(on, MINIMIZE, rows).tau_f == 0.5


@pytest.mark.parametrize("seeds", [1, 3])
def test_where_there_is_no_surface_it_is_the_best_mean(seeds):
    rows = noisy(by=-0.05, noise=1.0, seeds=seeds)
    few = [rows[0], rows[6], rows[20]] if seeds > 1 else rows
    line = [t for t in rows if t.tau_b == 0.1]
    for trials in (few, line):
        assert smoothed_best(trials, MINIMIZE, trials) == best(trials, MINIMIZE)
    assert smoothed_best([], MINIMIZE, rows) is None


def test_a_schedule_that_is_ahead_is_selected_by_its_mean():
    variant = Variant(schedule=(Segment(0.0, 1.0, 0.3, 0.001), Segment(1.0, 0.5, 0.3, 0.001)))
    rows = [*noisy(), trial(90, [-9.0] * 3, tau_f=1.0, tau_b=0.3, variant=variant)]
    assert smoothed_best(rows, MINIMIZE, rows).number == 90


def test_a_study_smooths_where_its_optima_were_refined_and_not_before():
    rows = noisy(by=-0.05, noise=1.0)
    assert select(rows, MINIMIZE).off_diagonal.tau_f == 2.0
    refined = [
        *rows,
        trial(90, [0.2, 1.2, -0.5], tau_f=0.4, tau_b=0.4, role="refinement", estimator="softmax"),
    ]
    chosen = select(refined, MINIMIZE)
    assert (chosen.off_diagonal.tau_f, chosen.off_diagonal.tau_b) != (2.0, 0.1)


def test_what_is_taken_home_is_a_chosen_trial_though_a_lucky_pair_has_the_best_mean(tmp_path):
    rows = [*noisy(by=-0.05, noise=1.0), trial(90, [0.9] * 3, tau_f=0.4, tau_b=0.4, role="refinement")]
    found = results(study(), rows)
    assert found.best.tau_f == 2.0
    assert found.best_chosen in found.chosen.values()  # which fresh seeds confirm
    assert found.best_chosen.number != found.best.number
    export(study(), rows, found, tmp_path / "out", artifacts=tmp_path, code=tmp_path / "code")
    taken = found.best_chosen
    assert f"tau_f {taken.tau_f}, tau_b {taken.tau_b}." in (tmp_path / "out" / "best.py").read_text()
