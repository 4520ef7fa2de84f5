"""Worlds of curves along the training, and of measurements along a temperature, in which nothing is to be
found.
"""

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]  # [seeds, reports], or [seeds, temperatures]
REPORTS = 20
_T = np.linspace(0, 1, REPORTS)


def _speeds(rng: np.random.Generator, seeds: int, spread: float) -> Floats:
    return np.exp(spread * rng.normal(size=(seeds, 1)))


def _plateau(rng: np.random.Generator, seeds: int) -> Floats:
    return 0.3 + np.exp(-12 * _speeds(rng, seeds, 0.2) * _T) + 0.02 * rng.normal(size=(seeds, REPORTS))


def _overfitting(rng: np.random.Generator, seeds: int) -> Floats:
    late = 0.4 * _speeds(rng, seeds, 0.3) * _T**2
    return 0.3 + np.exp(-8 * _speeds(rng, seeds, 0.2) * _T) + late + 0.02 * rng.normal(size=(seeds, REPORTS))


def _falling(rng: np.random.Generator, seeds: int) -> Floats:
    return 0.3 + np.exp(-3 * _speeds(rng, seeds, 0.3) * _T) + 0.005 * rng.normal(size=(seeds, REPORTS))


def _late_start(rng: np.random.Generator, seeds: int) -> Floats:
    start = 0.8 * rng.random((seeds, 1))
    return 0.3 + 1 / (1 + np.exp(25 * (_T - start))) + 0.02 * rng.normal(size=(seeds, REPORTS))


CURVES: Mapping[str, Draw] = {
    "a noisy plateau": _plateau,
    "overfitting (U-shaped)": _overfitting,
    "falling throughout": _falling,
    "a sudden fall, early or late": _late_start,
}


def smooth(length: float, levels: int = 6) -> Draw:
    """Curves that are smooth over that share of the range, without a common trend."""
    x = np.linspace(0, 1, levels)
    covariance = np.exp(-0.5 * ((x[:, None] - x) / length) ** 2) + 1e-3 * np.eye(levels)
    root = np.linalg.cholesky(covariance)
    return lambda rng, seeds: rng.normal(size=(seeds, levels)) @ root.T


def walk(rng: np.random.Generator, seeds: int) -> Floats:
    """Random walks."""
    return rng.normal(size=(seeds, 6)).cumsum(1)


def lines(rng: np.random.Generator, seeds: int) -> Floats:
    """Straight lines with slopes of any sign, of heavy tails."""
    return rng.standard_t(2, (seeds, 1)) * np.arange(6) + 0.1 * rng.normal(size=(seeds, 6))


TRENDS: Mapping[str, Draw] = {
    "independent values": lambda rng, seeds: rng.normal(size=(seeds, 6)),
    "smooth over a fifth of the range": smooth(0.2),
    "smooth over half of the range": smooth(0.5),
    "smooth over the whole range": smooth(1.0),
    "random walks": walk,
    "straight lines, heavy tails": lines,
}
