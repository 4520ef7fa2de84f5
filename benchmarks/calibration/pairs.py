"""Worlds of paired outcomes: the objective of a method and of its rival on the same seeds, low is good.

Each says how large the gain of the method truly is, on average over seeds. `None` is a training that
diverged.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Values = list[float | None]
BAD = 60.0  # by how much a collapsed training is worse


@dataclass(frozen=True)
class PairWorld:
    """Outcomes of a method and its rival."""

    draw: Callable[[np.random.Generator, int], Floats]  # [2, seeds], NaN where one diverged
    gain: float = 0.0  # the true mean; positive: the method is better

    def seeds(self, rng: np.random.Generator, count: int) -> tuple[Values, Values]:
        """The outcomes of both on so many seeds."""
        mine, rival = self.draw(rng, count).tolist()
        return [_finite(v) for v in mine], [_finite(v) for v in rival]


def _finite(value: float) -> float | None:
    return None if np.isnan(value) else value


def normal(rng: np.random.Generator, n: int) -> Floats:
    """Independent normal outcomes."""
    return rng.normal(size=(2, n))


def collapsing(rate: float, rival_rate: float, ahead: float = 0.0) -> PairWorld:
    """Each collapses at its rate; where neither does, the rival is ahead by so much."""

    def draw(rng: np.random.Generator, n: int) -> Floats:
        collapsed = rng.random((2, n)) < [[rate], [rival_rate]]
        return rng.normal(size=(2, n)) + [[ahead], [0.0]] + BAD * collapsed

    return PairWorld(draw, BAD * (rival_rate - rate) - ahead)


def diverging(rate: float, gain: float = 0.0) -> PairWorld:
    """Both diverge at one rate; the differences have a standard deviation of 1."""

    def draw(rng: np.random.Generator, n: int) -> Floats:
        values = rng.normal(size=(2, n)) * np.sqrt(0.5) + [[0.0], [gain]]
        values[rng.random((2, n)) < rate] = np.nan
        return values

    return PairWorld(draw, gain)


def shifted(gain: float) -> PairWorld:
    """Normal outcomes whose differences have a standard deviation of 1."""
    return diverging(0.0, gain)


def _seed_effects(rng: np.random.Generator, n: int) -> Floats:
    return 5 * rng.normal(size=(1, n)) + rng.normal(size=(2, n))


def _heteroscedastic(rng: np.random.Generator, n: int) -> Floats:
    return rng.normal(size=(2, n)) * np.exp(0.7 * rng.normal(size=(1, n))) * [[1.0], [3.0]]


def _discrete(rng: np.random.Generator, n: int) -> Floats:
    return 1 - rng.binomial(50, 0.9, (2, n)) / 50


NULL: Mapping[str, PairWorld] = {
    "normal": PairWorld(normal),
    "heavy tails (t, 2 degrees of freedom)": PairWorld(lambda rng, n: rng.standard_t(2, (2, n))),
    "seed effects 5 times the noise": PairWorld(_seed_effects),
    "heteroscedastic": PairWorld(_heteroscedastic),
    "lognormal": PairWorld(lambda rng, n: rng.lognormal(size=(2, n))),
    "collapse of both in 10 %": collapsing(0.1, 0.1),
    "collapse of both in 30 %": collapsing(0.3, 0.3),
    "collapse of both in 50 %": collapsing(0.5, 0.5),
    "discrete (50 examples)": PairWorld(_discrete),
    "both diverge in 5 %": diverging(0.05),
    "both diverge in 20 %": diverging(0.20),
}


def _one_skewed(rng: np.random.Generator, n: int) -> Floats:
    mean = np.exp(0.5)
    return np.stack([rng.lognormal(size=n), rng.normal(mean, 1.0, n)])


# What no test over a few seeds can see: outcomes whose mean is ruled by what is rare.
UNSEEN: Mapping[str, PairWorld] = {
    "one lognormal, one normal, equal means": PairWorld(_one_skewed),
    "the rival collapses in 10 %, is 6 ahead else (equal means)": collapsing(0.0, 0.1, ahead=6.0),
    "the rival collapses in 10 %, is 5 ahead else": collapsing(0.0, 0.1, ahead=5.0),
    "the rival collapses in 30 %, is 5 ahead else": collapsing(0.0, 0.3, ahead=5.0),
    "the rival collapses in 50 %, is 5 ahead else": collapsing(0.0, 0.5, ahead=5.0),
}
