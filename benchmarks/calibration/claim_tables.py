"""How often the other statistics of a study are wrong: convergence, trends, the optimum's place, examples."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from benchmarks.calibration.curves import CURVES, REPORTS, TRENDS
from benchmarks.calibration.play import OBJECTIVE
from benchmarks.calibration.table import Table, share
from benchmarks.calibration.worlds import Surface, axis, bowl, waves
from tuner.evidence.best_of_pool import best_of_pool
from tuner.evidence.convergence import convergence
from tuner.evidence.examples import two_way_gain
from tuner.evidence.surface import optimum_place
from tuner.evidence.trend_contrasts import trend_contrast

LEVEL = 0.05
PAIRS = [(f, b) for f in (0.0, 0.1, 0.3, 0.5, 1.0) for b in (0.1, 0.3, 0.5, 1.0, 2.0)]  # of sbn-digits


def convergence_table(studies: int) -> Table:
    """Identical methods."""
    rows, epochs = [], list(range(1, REPORTS + 1))
    for name, draw in CURVES.items():
        cells = [name]
        for seeds in (3, 5, 10):
            rng = np.random.default_rng(seeds)
            measured = [
                convergence(epochs, draw(rng, seeds).tolist(), draw(rng, seeds).tolist(), OBJECTIVE)
                for _ in range(studies)
            ]
            called = sum((f.area.p_value or 1.0) < LEVEL for f in measured if f)
            cells.append(share(called, studies, LEVEL))
        rows.append(tuple(cells))
    return Table(
        "Sooner: identical methods",
        "How often one of two identical methods is called sooner, or later, by the area between their "
        "curves; promised to be at most 5 %.",
        ("curves", "3 seeds", "5 seeds", "10 seeds"),
        tuple(rows),
    )


def trend_table(studies: int) -> Table:
    """Seeds without a common trend."""
    rows = []
    for name, draw in TRENDS.items():
        cells = [name]
        for seeds in (3, 5, 10):
            rng = np.random.default_rng(seeds)
            called = 0
            for _ in range(studies):
                columns = draw(rng, seeds).T.tolist()
                measured = trend_contrast({float(i): column for i, column in enumerate(columns)})
                called += measured is not None and (measured.p_value or 1.0) < LEVEL
            cells.append(share(called, studies, LEVEL))
        rows.append(tuple(cells))
    return Table(
        "Trends: none",
        "How often a trend along a temperature is called where seeds have none in common; promised to be at"
        " most 5 %.",
        ("curves of a seed", "3 seeds", "5 seeds", "10 seeds"),
        tuple(rows),
    )


def place_table(studies: int) -> Table:
    """The set that holds the optimum."""
    rows = []
    surfaces = {"a bowl, ratio 1": bowl(1), "a bowl, ratio 16": bowl(16), "no order": waves}
    for name, make in surfaces.items():
        for noise in (0.005, 0.02):
            cells = [_held(make, noise, seeds, studies // 20) for seeds in (3, 5)]
            rows.append((f"{name}, noise {noise:g}", *cells))
    return Table(
        "Where the optimum lies",
        "On the grid of sbn-digits, 25 pairs: how often the 95 % set holds the best, and its mean size.",
        ("surface", "3 seeds", "5 seeds"),
        tuple(rows),
    )


def _held(make: Callable[[int], Surface], noise: float, seeds: int, studies: int) -> str:
    """How often the set holds the best pair, and its mean size."""
    held, size = [], []
    for study in range(studies):
        surface = make(study)
        truth = np.array([surface(*pair) for pair in PAIRS])
        values = truth[:, None] + _varied(np.random.default_rng([study, seeds]), seeds, noise)
        place = optimum_place(PAIRS, values.tolist(), OBJECTIVE)
        inside = place.inside if place else ()
        held.append(PAIRS[int(truth.argmin())] in inside)
        size.append(len(inside))
    return f"{share(sum(held), studies)}, {np.mean(size):.1f}"


def _varied(rng: np.random.Generator, seeds: int, noise: float) -> npt.NDArray[np.float64]:
    """What varies around the surface at the pairs: an effect of the seed, a smooth part, and noise."""
    places = np.array([[axis(tau) for tau in pair] for pair in PAIRS])
    smooth = np.sin(places + np.array([0.0, 2.0])) @ rng.normal(size=(2, seeds))
    own = rng.normal(size=(len(PAIRS), seeds))
    varied: npt.NDArray[np.float64] = 0.03 * rng.normal(size=(1, seeds)) + noise * (smooth / 2 + own)
    return varied


def best_of_many_table(studies: int) -> Table:
    """The test without fresh seeds."""
    rows = []
    for off, on in ((20, 1), (20, 5), (200, 10)):
        cells = [f"{off} off, {on} on"]
        for lead in (0.0, 2.0, 4.0):
            rng, called = np.random.default_rng(off), 0
            for _ in range(studies // 4):
                values = rng.normal(size=(off + on, 3)) + 3 * rng.normal(size=(1, 3))
                values[0] -= lead
                measured = best_of_pool(values[:off].tolist(), values[off:].tolist(), OBJECTIVE)
                called += measured is not None and (measured.p_value or 1.0) < LEVEL
            cells.append(share(called, studies // 4, LEVEL if lead == 0 else None))
        rows.append(tuple(cells))
    return Table(
        "The best of many without fresh seeds",
        "Three seeds. How often the best off the diagonal is called better where all are equal (promised to"
        " be at most 5 %), and where one of them is better by so many standard deviations of a trial on one"
        " seed.",
        ("trials", "equal", "2 better", "4 better"),
        tuple(rows),
    )


def examples_table(studies: int) -> Table:
    """Intervals over seeds and examples."""
    rows = []
    for of_seed, of_example in ((0.1, 1.0), (0.3, 0.3), (1.0, 0.1)):
        cells = [f"seed {of_seed:g}, example {of_example:g}, residual 0.5"]
        for seeds in (3, 5, 10):
            rng, both, alone = np.random.default_rng(seeds), 0, 0
            for _ in range(studies):
                table = (
                    of_seed * rng.normal(size=(seeds, 1))
                    + of_example * rng.normal(size=(1, 100))
                    + 0.5 * rng.normal(size=(seeds, 100))
                )
                measured = two_way_gain(-table, np.zeros_like(table), OBJECTIVE)
                if measured is None:
                    continue
                low, high = measured.interval()
                both += low <= 0 <= high
                rows_only = table.mean(1)
                t = abs(rows_only.mean()) / (rows_only.std(ddof=1) / seeds**0.5)
                alone += t <= {3: 4.303, 5: 2.776, 10: 2.262}[seeds]
            cells.append(f"{share(both, studies)} ({share(alone, studies)})")
        rows.append(tuple(cells))
    return Table(
        "Seeds and examples",
        "100 examples: how often the interval over seeds and examples holds the gain on new ones, and in "
        "parentheses that over seeds alone. 95 % is meant.",
        ("standard deviations", "3 seeds", "5 seeds", "10 seeds"),
        tuple(rows),
    )
