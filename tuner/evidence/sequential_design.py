"""A group-sequential t-test: looks at a growing number of seeds without raising the probability of a false
gain.

Seeds are added until the interval decides, at looks that are fixed in advance: 5 seeds, then 10, 15, 20, 30.
To test at 5 % at each look would call a gain where there is none in 14 % of studies. So each look has a
smaller nominal level, chosen so that the probability of a false call at any of the looks is 5 %:

    constant         the same nominal level at every look (Pocock 1977), with Student's t of its number of
                     seeds. It has power early, for studies whose seeds are expensive
    obrien-fleming   the nominal level 2 Phi(-c / sqrt(n / n_max)) at a look of n seeds (O'Brien and Fleming
                     1979, by significance levels): hardly any of the 5 % early, nearly all of it at the end.
                     For outcomes whose first few seeds may not show a rare collapse

An interval at a look's nominal level is a *repeated confidence interval* (Jennison and Turnbull 1989): with a
probability of 95 % the intervals of all looks contain the true mean, whenever one stops and for whatever
reason. The same holds for the two one-sided tests of "practically no difference", each at 5 %, and so for
intervals of 90 %.

The levels come from simulated t statistics of differences without a gain. The sum and the sum of squares at a
look are those at the look before plus those of the new seeds, so each look needs two random numbers per
simulated study. The levels of the designs in `design_constants` were simulated with 20 million studies; other
looks are simulated when they are first used, with 200,000 studies in half a second.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, stdtr, stdtrit

from tuner.evidence.design_constants import LEVELS
from tuner.evidence.seed_mean import FEWEST_SEEDS
from tuner.spec.judging import Boundary

Floats = npt.NDArray[np.float64]
# The probability, over all looks together, of a false gain or loss, and of a false "practically no
# difference".
ERROR = 0.05
STUDIES = 200_000  # that are simulated for looks without constants
_SEED = 20_260_101


@dataclass(frozen=True)
class Look:
    """A planned look, with the levels of its tests."""

    seeds: int
    level: float  # nominal two-sided level of the test of no gain
    equivalence_level: float  # nominal level of each of the two one-sided tests


@dataclass(frozen=True)
class SequentialDesign:
    """The looks of a confirmation and the boundary that they are held to."""

    looks: tuple[int, ...]  # seeds at each look, ascending
    boundary: Boundary = "constant"

    def __post_init__(self) -> None:
        """Raises ValueError where the looks do not ascend, the first has too few seeds for a test, or there
        is no such boundary.
        """
        if not self.looks or any(b <= a for a, b in zip(self.looks, self.looks[1:], strict=False)):
            raise ValueError(f"looks: expected ascending numbers of seeds, got {list(self.looks)}")
        if self.looks[0] < FEWEST_SEEDS:
            raise ValueError(f"looks: the first takes {FEWEST_SEEDS} seeds or more, got {self.looks[0]}")
        if self.boundary not in ("constant", "obrien-fleming"):
            raise ValueError(f"boundary: expected constant or obrien-fleming, got {self.boundary}")

    def at(self, seeds: int) -> Look | None:
        """The look at so many seeds; None where there is none."""
        if seeds not in self.looks:
            return None
        two_sided, one_sided = _constants(self.looks, self.boundary)
        share = seeds / self.looks[-1]
        return Look(
            seeds, _nominal(two_sided, share, self.boundary, 2), _nominal(one_sided, share, self.boundary, 1)
        )

    def next_after(self, seeds: int) -> int | None:
        """The next look after so many seeds; None where there is none."""
        return next((look for look in self.looks if look > seeds), None)

    @property
    def last(self) -> int:
        """The seeds of the last look."""
        return self.looks[-1]

    def overall_p(self, p_value: float, seeds: int) -> float:
        """A two-sided p-value at a look, corrected for all looks of the design.

        It is the smallest overall error of a design with these looks and this boundary that would call a gain
        at this look. So it is at most 5 % exactly where p_value is at most the look's nominal level. Raises
        ValueError where `seeds` is not a look.
        """
        if seeds not in self.looks:
            raise ValueError(f"seeds: expected one of the looks {list(self.looks)}, got {seeds}")
        return _overall(self.looks, self.boundary, p_value, seeds)


def fixed(seeds: int) -> SequentialDesign:
    """The design with one look, which is an ordinary t-test."""
    return SequentialDesign((seeds,))


def lowest_p(
    looks: tuple[int, ...], boundary: Boundary, studies: int, seed: int, *, largest: float = 1.0
) -> tuple[Floats, Floats]:
    """The lowest p-value over all looks of simulated studies without a gain: two-sided [R], one-sided [R], R
    studies.

    Each p-value is first transformed as the boundary asks, so that one number is critical at all looks. To
    save time, two-sided p-values above `largest` are taken for 1.
    """
    rng = np.random.default_rng(seed)
    two_sided, one_sided = np.ones(studies), np.ones(studies)
    total, squares, before = np.zeros(studies), np.zeros(studies), 0
    for look in looks:
        new = look - before
        added = rng.normal(0.0, np.sqrt(new), studies)
        total += added
        squares += added**2 / new + (rng.chisquare(new - 1, studies) if new > 1 else 0.0)
        t = total / np.sqrt((squares - total**2 / look) * look / (look - 1))
        at = np.flatnonzero(np.abs(t) >= stdtrit(look - 1, 1 - largest / 2))
        upper, share = stdtr(look - 1, -np.abs(t[at])), look / looks[-1]
        of_one = np.where(t[at] > 0, upper, 1 - upper)
        two_sided[at] = np.minimum(two_sided[at], _transformed(2 * upper, share, boundary, 2))
        one_sided[at] = np.minimum(one_sided[at], _transformed(of_one, share, boundary, 1))
        before = look
    return two_sided, one_sided


@lru_cache(maxsize=32)
def _null(looks: tuple[int, ...], boundary: Boundary) -> tuple[Floats, Floats]:
    two_sided, one_sided = lowest_p(looks, boundary, STUDIES, _SEED)
    return np.sort(two_sided), np.sort(one_sided)


def _constants(looks: tuple[int, ...], boundary: Boundary) -> tuple[float, float]:
    if len(looks) == 1:
        return ERROR, ERROR
    if (tabulated := LEVELS.get((boundary, looks))) is not None:
        return tabulated
    two_sided, one_sided = _null(looks, boundary)
    return float(np.quantile(two_sided, ERROR)), float(np.quantile(one_sided, ERROR))


@lru_cache(maxsize=4096)
def _overall(looks: tuple[int, ...], boundary: Boundary, p_value: float, seeds: int) -> float:
    if len(looks) == 1:
        return p_value
    p = float(_transformed(np.array([p_value]), seeds / looks[-1], boundary, 2)[0])
    null, _ = _null(looks, boundary)
    below = int(np.searchsorted(null, p, side="right"))
    few = 100  # with fewer the simulated share is too imprecise; the sum over looks is an upper bound
    share = below / len(null) if below >= few else min(len(looks) * p, few / len(null))
    critical, _ = _constants(looks, boundary)
    # The constants come from another simulation, which differs in the fourth digit. They decide on which side
    # of 5 % the result lies, so that it agrees with the look's level.
    return min(share, ERROR) if p <= critical else min(max(share, float(np.nextafter(ERROR, 1.0))), 1.0)


def _transformed(p: Floats, share: float, boundary: Boundary, sides: int) -> Floats:
    """p-values at a look with that share of all seeds, transformed so that the boundary is the same number at
    all looks. `sides` is 2 or 1.
    """
    if boundary == "constant" or share == 1.0:
        return p
    shrunk: Floats = sides * ndtr(np.sqrt(share) * ndtri(p / sides))
    return shrunk


def _nominal(critical: float, share: float, boundary: Boundary, sides: int) -> float:
    """The nominal level at a look with that share of all seeds: the inverse of `_transformed`."""
    if boundary == "constant" or share == 1.0:
        return critical
    return float(sides * ndtr(ndtri(critical / sides) / np.sqrt(share)))
