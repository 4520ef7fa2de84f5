"""Where the optimum lies on the searched landscape, and how sure that is. A cell is a searched pair of
temperatures.

With 3 seeds, which cell has the best mean is mostly luck, and resampling 3 seeds does not show that: the "95
%" set of a bootstrap contains the optimum in 52 to 87 % of cases only. Its neighbours tell more about a cell
than its own 3 seeds do. So a Gaussian process is fitted to all cells (`gaussian_process`), and joint draws of
its mean surface at the cells give the probability of each cell to be the best. The place of the optimum is
the smallest set of cells whose probabilities add up to 95 %. It is a description that assumes a smooth
surface over (sqrt tau_f, log tau_b); no verdict rests on it.

A landscape has cliffs: cells whose trainings fail can be at any distance from the rest, and would set the
scale of the whole surface. So the mean of a cell that is further behind the median cell than the best cell is
ahead of it is moved to that distance (`capped`).

Where there are too few cells for a surface, the place is the subset of cells whose mean is not further behind
the best than luck explains (Gupta 1965, with pooled noise). It contains the best cell with a probability of
95 % whatever the surface is, but it is larger.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import numpy.typing as npt

from tuner.evidence import gaussian_process
from tuner.evidence.gaussian_process import Surface
from tuner.evidence.pooled_noise import critical_lead, pooled_noise
from tuner.ledger.objective import Objective

Floats = npt.NDArray[np.float64]
SURE = 0.95
FEWEST_CELLS = 8  # of a surface
MOST_CELLS = 400  # of a surface: the best ones
_DRAWS, _AT_ONCE = 10_000, 500  # draws in all and at once: all of them at once would take 100 MB


@dataclass(frozen=True)
class Cell:
    """A searched pair of temperatures."""

    tau_f: float
    tau_b: float
    mean: float  # of the objective over seeds
    predicted: float | None  # by the surface; None without one
    probability: float | None  # of being the best; None without a surface
    inside: bool  # whether it belongs to the 95 % set


@dataclass(frozen=True)
class OptimumPlace:
    """Where the optimum lies."""

    method: Literal["surface", "subset"]
    cells: tuple[Cell, ...]  # the likeliest first
    seeds: int
    noise: float  # standard deviation of a cell on one seed, after the seed's effect is subtracted
    surface: Surface | None
    sign: float  # of the surface's values: 1, or -1 where a high objective is good

    @property
    def inside(self) -> tuple[tuple[float, float], ...]:
        """The pairs (tau_f, tau_b) of the 95 % set."""
        return tuple((cell.tau_f, cell.tau_b) for cell in self.cells if cell.inside)

    def predict(self, tau_f: Sequence[float], tau_b: Sequence[float]) -> tuple[Floats, Floats] | None:
        """The mean surface and its standard deviation over a grid of F values of tau_f and B of tau_b, [F, B]
        each, in units of the objective; None without a surface. It was fitted to means that are `capped`.
        """
        if self.surface is None:
            return None
        pairs = [(f, b) for f in tau_f for b in tau_b]
        mean, deviation = self.surface.predict(coordinates(pairs))
        shape = len(tau_f), len(tau_b)
        return self.sign * mean.reshape(shape), deviation.reshape(shape)


def coordinates(pairs: Sequence[tuple[float, float]]) -> Floats:
    """Pairs (tau_f, tau_b) as coordinates (sqrt tau_f, log tau_b), [C, 2]. Raises ValueError where a tau_f is
    negative or a tau_b is not positive.
    """
    given = np.asarray(pairs, dtype=float).reshape(-1, 2)
    if np.any(given[:, 0] < 0) or np.any(given[:, 1] <= 0):
        raise ValueError("pairs: expected tau_f of 0 or more and tau_b above 0")
    return np.column_stack([np.sqrt(given[:, 0]), np.log(given[:, 1])])


def optimum_place(
    pairs: Sequence[tuple[float, float]], values: Sequence[Sequence[float]], objective: Objective
) -> OptimumPlace | None:
    """The place of the optimum among searched pairs (tau_f, tau_b), from their objectives [C][S] on the same
    seeds.

    None with fewer than 2 pairs or 2 seeds.
    """
    sign = float(objective.sign)
    data = sign * np.array(values, dtype=float)  # low is good
    if data.ndim != 2 or len(data) < 2 or data.shape[1] < 2:
        return None
    distinct = [len({pair[axis] for pair in pairs}) for axis in (0, 1)]
    if len(data) < FEWEST_CELLS or min(distinct) < 2:
        return _subset(pairs, data, sign)
    return _by_surface(pairs, data, sign)


def _by_surface(pairs: Sequence[tuple[float, float]], data: Floats, sign: float) -> OptimumPlace:
    means = data.mean(1)
    used = np.sort(np.argsort(means, kind="stable")[:MOST_CELLS])
    surface = fitted([pairs[i] for i in used], data[used])
    chances = np.zeros(len(data))
    chances[used] = best_probabilities(surface.mean, surface.covariance)
    predicted = dict(zip(used.tolist(), surface.mean.tolist(), strict=True))
    cells, held = [], 0.0
    for i in sorted(range(len(data)), key=lambda i: (-chances[i], means[i], pairs[i])):
        shown = sign * predicted[i] if i in predicted else None
        inside = held < SURE - 1e-9
        cells.append(Cell(*pairs[i], sign * float(means[i]), shown, float(chances[i]), inside))
        held += chances[i]
    return OptimumPlace("surface", tuple(cells), data.shape[1], surface.noise, surface, sign)


def _subset(pairs: Sequence[tuple[float, float]], data: Floats, sign: float) -> OptimumPlace | None:
    noise = pooled_noise(data)
    if noise is None:
        return None
    seeds, means = data.shape[1], data.mean(1)
    allowed = critical_lead(len(data) - 1, noise.df, 1 - SURE) * noise.of_difference(seeds)
    cells = [
        Cell(*pairs[i], sign * float(means[i]), None, None, bool(means[i] - means.min() <= allowed))
        for i in sorted(range(len(data)), key=lambda i: (means[i], pairs[i]))
    ]
    return OptimumPlace("subset", tuple(cells), seeds, noise.deviation, None, sign)


def fitted(pairs: Sequence[tuple[float, float]], data: Floats) -> Surface:
    """The surface through values [C, S] at C pairs; low is good. It is kept, because the same results are
    read again and again. Raises ValueError as `gaussian_process.fit` does.
    """
    return _fitted(tuple(pairs), np.ascontiguousarray(data).tobytes(), data.shape[1])


@lru_cache(maxsize=64)
def _fitted(pairs: tuple[tuple[float, float], ...], values: bytes, seeds: int) -> Surface:
    return gaussian_process.fit(coordinates(pairs), capped(np.frombuffer(values).reshape(-1, seeds)))


def capped(data: Floats) -> Floats:
    """Values [C, S], low is good, in which a row whose mean is further behind the median of the means than
    the best is ahead of it is shifted so that its mean is just as far behind.
    """
    means = data.mean(1)
    cap = 2 * np.median(means) - means.min()
    drawn_up: Floats = data - np.maximum(means - cap, 0.0)[:, None]
    return drawn_up


def best_probabilities(mean: Floats, covariance: Floats) -> Floats:
    """The probability of each of C jointly normal variables to be the lowest, [C], from 10,000 draws; `mean`
    [C], `covariance` [C, C].
    """
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    random, lowest = np.random.default_rng(0), np.zeros(len(mean), dtype=np.int64)
    for _ in range(_DRAWS // _AT_ONCE):
        draws = mean + random.normal(size=(_AT_ONCE, len(mean))) @ root.T
        lowest += np.bincount(draws.argmin(1), minlength=len(mean))
    shares: Floats = lowest / _DRAWS
    return shares
