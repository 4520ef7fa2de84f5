"""The mean of one number per seed, with its interval and p-value by Student's t.

Every t-test over seeds in this package uses this file, so that two rules hold everywhere. First, fewer than 3
seeds give no p-value: with 2 seeds a discrete outcome can by luck have no spread, so that t is infinite.
Second, "no spread" means a spread below rounding and not of exactly 0: two trainings that differ in the last
bit of a float32 give differences of 1e-8 or, summed in float64, of 5.6e-17, and the t of such numbers can
have any size.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scipy.special import stdtr, stdtrit  # Student's t; scipy.stats has the same and takes a second to import

FEWEST_SEEDS = 3  # with fewer there is no p-value, and no interval decides
# Relative size of rounding: 4 times the epsilon of float32, in which losses are computed.
ROUNDING = 2.0**-21


@dataclass(frozen=True)
class SeedMean:
    """A mean over seeds with its standard error."""

    mean: float
    sem: float | None  # None with fewer than 2 seeds
    seeds: int
    rounding: float  # a number of at most this size counts as 0; in the units of the mean

    @property
    def spread(self) -> bool:
        """Whether the values differ by more than rounding; otherwise there is no t."""
        return self.sem is not None and self.sem * math.sqrt(self.seeds) > self.rounding

    @property
    def tested(self) -> bool:
        """Whether there is a t-test: at least 3 seeds, and a spread."""
        return self.seeds >= FEWEST_SEEDS and self.spread

    @property
    def p_value(self) -> float | None:
        """The two-sided p-value of the hypothesis that the mean is 0, by the one-sample t-test; None where
        there is no test.
        """
        if not self.tested or self.sem is None:
            return None
        return float(2 * stdtr(self.seeds - 1, -abs(self.mean) / self.sem))

    def interval(self, level: float = 0.05) -> tuple[float, float] | None:
        """The interval that misses the true mean with probability `level`; None with fewer than 2 seeds."""
        if self.sem is None:
            return None
        return self.within(float(stdtrit(self.seeds - 1, 1 - level / 2)))

    def within(self, t: float) -> tuple[float, float] | None:
        """The interval that reaches t standard errors to each side of the mean; None with fewer than 2
        seeds.
        """
        if self.sem is None:
            return None
        half = t * self.sem if self.sem else 0.0
        return self.mean - half, self.mean + half


def seed_mean(values: Sequence[float], magnitudes: Iterable[float] = ()) -> SeedMean | None:
    """The mean of values [S], one for each seed. None without any.

    `magnitudes` are the numbers of which the values are differences: rounding is relative to the largest of
    them, and of the values.
    """
    n = len(values)
    if n == 0:
        return None
    mean = math.fsum(values) / n
    error = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1) / n) if n > 1 else None
    largest = max((abs(v) for v in (*values, *magnitudes)), default=0.0)
    return SeedMean(mean, error, n, ROUNDING * largest)
