"""Worlds for whole studies: an objective over the two temperatures, low is good, that trains nothing.

A seed's value at a place is the surface there, plus an effect of the seed, plus what varies smoothly over the
temperatures in that seed (trials of a seed share weights, batches and noise), plus noise of its own. Every
number follows from the world's name, the study's number, the seed and the place, whatever was asked before,
so that a study played twice is the same study, and trials of one seed are paired.
"""

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from tuner.ledger.methods import DECOUPLED
from tuner.ledger.rows import TrialRow

FLOOR = 0.3  # of the surfaces: the best value
_OFFSET = 0.02  # so that tau_f = 0 has a place on a logarithmic axis

Surface = Callable[[float, float], float]


def axis(tau: float) -> float:
    """A temperature's place on a logarithmic axis."""
    return math.log(tau + _OFFSET)


@dataclass(frozen=True)
class World:
    """A surface and what varies around it."""

    name: str
    surface: Callable[[int], Surface]  # of a study's number
    noise: float = 0.01  # standard deviation of a trial's own
    seed_effect: float = 0.03
    smooth: float = 0.005  # of what varies smoothly within a seed
    diverges: float = 0.0  # rate, of every training
    baselines: Mapping[str, float] | None = None  # value of each estimator but decoupled and softmax ST
    on_diagonal: bool = True  # whether the surface's optimum lies on the diagonal

    def mean(self, study: int, estimator: str, tau_f: float | None, tau_b: float | None) -> float:
        """The true mean of a configuration in a study."""
        if estimator in (DECOUPLED, "softmax") and tau_b is not None:
            return self.surface(study)(tau_b if tau_f is None else tau_f, tau_b)
        return (self.baselines or {}).get(estimator, FLOOR + 0.2)

    def value(self, study: int, trial: TrialRow, seed: int) -> float | None:
        """The objective of a trial on a seed; None where it diverges."""
        method = trial.method
        mean = self.mean(study, method.estimator, method.tau_f, method.tau_b)
        of_seed = self._rng(study, seed)
        effect, *slopes = of_seed.normal(size=3)
        places = [0.0 if tau is None else axis(tau) for tau in (method.tau_f, method.tau_b)]
        varied = sum(
            slope * math.sin(place + 2 * i)
            for i, (slope, place) in enumerate(zip(slopes, places, strict=True))
        )
        own = self._rng(study, seed, method.estimator, method.tau_f, method.tau_b, method.lr)
        if own.random() < self.diverges:
            return None
        return (
            mean + self.seed_effect * float(effect) + self.smooth * varied + self.noise * float(own.normal())
        )

    def _rng(self, *key: object) -> np.random.Generator:
        return np.random.default_rng(zlib.crc32(repr((self.name, *key)).encode()))


def bowl(ratio: float, curvature: float = 0.05, shift: float = 0.0) -> Callable[[int], Surface]:
    """A bowl whose optimum lies between the values of a grid, at another temperature in every study.

    `ratio` is how much steeper it is along the diagonal than across it: the steeper, the more a coarse
    diagonal misses of it, while pairs beside the diagonal come near to it. `shift` moves the optimum off the
    diagonal: tau_f down and tau_b up by so much of a logarithm.
    """

    def of_study(study: int) -> Surface:
        centre = axis((0.14, 0.17, 0.22, 0.39, 0.7, 1.4)[study % 6])

        def surface(tau_f: float, tau_b: float) -> float:
            x, y = axis(tau_f) - centre + shift, axis(tau_b) - centre - shift
            along, across = (x + y) / math.sqrt(2), (x - y) / math.sqrt(2)
            return FLOOR + curvature * (along**2 * math.sqrt(ratio) + across**2 / math.sqrt(ratio))

        return surface

    return of_study


def waves(study: int) -> Surface:
    """A smooth surface without any order in it: the diagonal is nothing special."""
    rng = np.random.default_rng([study, 77])
    frequencies, phases = rng.normal(0, 1.2, (12, 2)), rng.uniform(0, 2 * np.pi, 12)
    weights = rng.normal(0, 0.02, 12)

    def surface(tau_f: float, tau_b: float) -> float:
        places = frequencies @ np.array([axis(tau_f), axis(tau_b)]) + phases
        return FLOOR + 0.1 + float(weights @ np.cos(places))

    return surface


WORLDS: Mapping[str, World] = {
    world.name: world
    for world in (
        *(World(f"on the diagonal, ratio {ratio}", bowl(ratio)) for ratio in (1, 4, 16, 64)),
        *(World(f"on the diagonal, ratio {ratio}, noise 0.03", bowl(ratio), noise=0.03) for ratio in (1, 16)),
        World("on the diagonal, 5 % diverge", bowl(4), diverges=0.05),
        World("off the diagonal by a factor of 3", bowl(4, shift=0.55), on_diagonal=False),
        World("no order: the diagonal is nothing special", waves, on_diagonal=False),
    )
}
