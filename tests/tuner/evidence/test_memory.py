"""What the analysis of a large study holds in memory: never all resamples at once, nor an object for each
number.
"""

import gc
import tracemalloc
from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from tests.support.rows import NOW, finished_study, study, trial
from tuner.evidence.curves import Curves
from tuner.evidence.importance import main_effects
from tuner.evidence.report import write_report
from tuner.evidence.surface import best_probabilities
from tuner.ledger.rows import Measurement

MIB = 2**20
TRIALS, METRICS, SEEDS = 2_000, 8, 3


def peak_mib(work: Callable[[], object]) -> float:
    """The most memory that a piece of work held at once, beyond what there was; NumPy's arrays count."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] / MIB
    finally:
        tracemalloc.stop()


def test_the_draws_of_where_the_optimum_lies_are_not_all_in_memory_at_once():
    mean = np.linspace(0.0, 1.0, 400)
    assert peak_mib(lambda: best_probabilities(mean, np.eye(400))) < 16  # 10,000 x 400 numbers are 31


def test_draws_in_parts_are_the_draws_of_all_at_once():
    rng = np.random.default_rng(5)
    mean, root = rng.normal(size=30), rng.normal(size=(30, 30))
    covariance = root @ root.T
    values, vectors = np.linalg.eigh(covariance)
    draws = np.random.default_rng(0).normal(size=(10_000, 30)) @ (vectors * np.sqrt(values)).T + mean
    assert (best_probabilities(mean, covariance) == np.bincount(draws.argmin(1), minlength=30) / 10_000).all()


def test_a_surface_is_not_computed_at_all_places_at_once():
    places = np.random.default_rng(0).random((60, 3))
    main_effects(places[:12], places[:12].sum(1))  # what it imports is no part of it
    assert peak_mib(lambda: main_effects(places, places @ [1.0, 2.0, 0.5])) < 4  # 6,144 x 60 x 3 are 8.4


def test_curves_are_little_more_than_their_numbers():
    def measured(number):
        values = {f"metric {m}": [float(number + m + s) for s in range(SEEDS)] for m in range(METRICS)}
        return Measurement(number, number, 1, 1.0, NOW, values)

    held = []
    peak = peak_mib(lambda: held.append(Curves(measured(n) for n in range(TRIALS))))
    numbers_mib = TRIALS * METRICS * SEEDS * 8 / MIB
    assert held[0].of(trial(6), "metric 2").values == ((9.0, 10.0, 11.0),)
    assert peak < 5 * numbers_mib


def test_of_a_reports_figures_none_is_kept(tmp_path):
    """Also in a driver, in which the garbage collector comes seldom."""
    searched, _ = finished_study()
    before = {id(there) for there in gc.get_objects() if isinstance(there, Figure)}
    gc.disable()
    try:
        files = write_report(study(), searched[:2], [], tmp_path, artifacts=tmp_path / "none")
        kept = [there for there in gc.get_objects() if isinstance(there, Figure) and id(there) not in before]
    finally:
        gc.enable()
    assert any(file.suffix == ".png" for file in files)
    assert kept == []
