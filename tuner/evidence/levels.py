"""The level at which a comparison is tested at the number of seeds that it has: at a planned look, between
two looks, or beyond the last.

At a planned look it is the design's nominal level. Seeds that were added afterwards were not planned, so a
study with such seeds is judged by p-values and intervals that hold at every number of seeds. Between two
looks nothing is decided; the interval that is shown there also holds at every number of seeds.
"""

import math
from dataclasses import dataclass

from scipy.special import stdtr

from tuner.evidence import always_valid
from tuner.evidence.outcomes import Wins
from tuner.evidence.seed_mean import SeedMean
from tuner.evidence.sequential_design import ERROR, Look, SequentialDesign

Interval = tuple[float, float]


@dataclass(frozen=True)
class Levels:
    """How p-values and intervals are made at a number of seeds."""

    design: SequentialDesign | None  # None where no look has seeds enough to decide
    seeds: int
    look: Look | None  # None between and beyond the looks, and where seeds were added
    next_look: int | None
    added_later: bool  # whether there are seeds beside those of the looks

    @property
    def between(self) -> bool:
        """Whether there are fewer seeds than the last look has, and it is none."""
        return self.look is None and not self.added_later

    @property
    def level(self) -> float:
        """What a p-value must not exceed to decide."""
        return self.look.level if self.look else ERROR

    def interval(self, measured: SeedMean) -> Interval | None:
        """Of the mean, 95 % over all looks; None where so few seeds have none."""
        return measured.interval(self.look.level) if self.look else always_valid.interval(measured)

    def equivalence_interval(self, measured: SeedMean) -> Interval | None:
        """The one that must lie within a margin: 90 % over all looks.

        Beyond the looks it is the 95 % interval: one of 90 % is known to miss on either side in 10 % only,
        not to miss on each side in 5 %.
        """
        return measured.interval(2 * self.look.equivalence_level) if self.look else self.interval(measured)

    def t_p(self, measured: SeedMean) -> float | None:
        """The two-sided p-value of a mean of 0; None where there is no test."""
        return measured.p_value if self.look else always_valid.p_value(measured)

    def wins_p(self, wins: Wins) -> float:
        """The two-sided p-value of as many wins as losses."""
        return wins.p_value if self.look else always_valid.wins_p_value(wins.wins, wins.losses)

    def overall(self, p_value: float) -> float:
        """A p-value corrected for all looks."""
        return self.design.overall_p(p_value, self.seeds) if self.look and self.design else p_value

    @property
    def holds(self) -> str:
        """At which numbers of seeds an interval holds, in words; nothing where there is but one."""
        if self.look is None:
            return "at every number of seeds"
        return "over all looks" if self.design and len(self.design.looks) > 1 else ""

    def nominal(self, pairs: int) -> float:
        """The level of the t-test of so many pairs that is as strict; 0 where none of them is."""
        if self.look:
            return self.look.level
        t = always_valid.critical_t(pairs)
        return float(2 * stdtr(pairs - 1, -t)) if math.isfinite(t) else 0.0

    @property
    def wins_that_decide(self) -> int:
        """How many seeds decide at this level where one method wins them all."""
        if self.look:
            return math.ceil(1 - math.log2(self.level))
        return next(n for n in range(1, 100) if always_valid.wins_p_value(n, 0) <= self.level)


def levels_at(seeds: int, design: SequentialDesign | None, *, added: bool = False) -> Levels:
    """The levels at so many seeds of a design; `added`: some of them were added after it had ended."""
    if added or design is None or seeds > design.last:
        return Levels(design, seeds, None, None, added_later=True)
    return Levels(design, seeds, design.at(seeds), design.next_after(seeds), added_later=False)
