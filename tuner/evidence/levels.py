"""The p-values and intervals of a comparison at the number of seeds that it has: at a planned look, between
two looks, or beyond the last.

At a planned look they are those of a t-test at the design's nominal level (sequential_design.py). Seeds that
were added afterwards were not planned, so a comparison with such seeds is judged by p-values and intervals
that are valid at every number of seeds (always_valid.py). Between two looks nothing is decided; the interval
that is shown there is also valid at every number of seeds.
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
    """How p-values and intervals are computed at a number of seeds."""

    design: SequentialDesign | None  # None where no look has enough seeds to decide
    seeds: int
    look: Look | None  # None between and beyond the looks, and where seeds were added
    next_look: int | None  # seeds at the next look; None after the last, and where seeds were added
    added_later: bool  # whether there are seeds beyond those of the looks; also where no look can decide

    @property
    def between(self) -> bool:
        """Whether the number of seeds lies before the first look or between two looks."""
        return self.look is None and not self.added_later

    @property
    def level(self) -> float:
        """The largest p-value that decides."""
        return self.look.level if self.look else ERROR

    def interval(self, measured: SeedMean) -> Interval | None:
        """The interval of the mean, 95 % over all looks together; None with too few seeds for one."""
        return measured.interval(self.look.level) if self.look else always_valid.interval(measured)

    def equivalence_interval(self, measured: SeedMean) -> Interval | None:
        """The interval that must lie within the margin: 90 % over all looks together.

        Where seeds were added it is the 95 % interval. An always-valid interval of 90 % misses the mean with
        a probability of 10 % on both sides together, but nothing bounds that on one side by 5 %, as each of
        the two one-sided tests needs.
        """
        return measured.interval(2 * self.look.equivalence_level) if self.look else self.interval(measured)

    def t_p(self, measured: SeedMean) -> float | None:
        """The two-sided p-value of the hypothesis that the mean is 0; None where there is no test."""
        return measured.p_value if self.look else always_valid.p_value(measured)

    def wins_p(self, wins: Wins) -> float:
        """The two-sided p-value of the hypothesis that a win is as likely as a loss."""
        return wins.p_value if self.look else always_valid.wins_p_value(wins.wins, wins.losses)

    def overall(self, p_value: float) -> float:
        """A p-value corrected for all looks."""
        return self.design.overall_p(p_value, self.seeds) if self.look and self.design else p_value

    @property
    def holds(self) -> str:
        """At which numbers of seeds an interval is valid, in words; "" where the design has one look only."""
        if self.look is None:
            return "at every number of seeds"
        return "over all looks" if self.design and len(self.design.looks) > 1 else ""

    def nominal(self, pairs: int) -> float:
        """The level of the ordinary t-test over so many pairs that rejects at the same |t|; 0 where so few
        pairs can never reject.
        """
        if self.look:
            return self.look.level
        t = always_valid.critical_t(pairs)
        return float(2 * stdtr(pairs - 1, -t)) if math.isfinite(t) else 0.0

    @property
    def wins_that_decide(self) -> int:
        """The smallest number of seeds at which wins decide, if one method wins all of them."""
        if self.look:
            return math.ceil(1 - math.log2(self.level))
        return next(n for n in range(1, 100) if always_valid.wins_p_value(n, 0) <= self.level)


def levels_at(seeds: int, design: SequentialDesign | None, *, added: bool = False) -> Levels:
    """The levels at a number of seeds of a design; `added` says whether some of them were added after its
    end.
    """
    if added or design is None or seeds > design.last:
        return Levels(design, seeds, None, None, added_later=True)
    return Levels(design, seeds, design.at(seeds), design.next_after(seeds), added_later=False)
