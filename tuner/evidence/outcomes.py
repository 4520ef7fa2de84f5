"""Statistics of outcomes seed by seed that do not assume a normal distribution.

Some outcomes are no numbers (a training diverged), and some are numbers of another kind (a training collapsed
to the mean image). A mean over seeds hides both. So the results also have: rates of failures with exact
intervals (Clopper and Pearson 1934); the number of seeds on which a method is better than its rival, its
wins, where divergence counts as worse than any number, with the exact sign test of them; the median; and the
interquartile mean, which is the mean of the middle half of the values and common in the field since Agarwal
et al., "Deep reinforcement learning at the edge of the statistical precipice", 2021 (rliable).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import bdtr, betaincinv

from tuner.evidence.seed_mean import ROUNDING
from tuner.ledger.objective import Objective

LEVEL = 0.05
Value = float | None  # of one seed; None where it diverged


@dataclass(frozen=True)
class Rate:
    """How often something happened, with its exact 95 % interval."""

    count: float  # how often; a tie may count as half
    of: int  # out of how many
    low: float  # lower end of the share's interval
    high: float  # upper end

    @property
    def share(self) -> float | None:
        """The share, count / of; None where `of` is 0."""
        return self.count / self.of if self.of else None


@dataclass(frozen=True)
class Wins:
    """On how many seeds a method beats its rival."""

    wins: int
    losses: int
    ties: int  # equal up to rounding, or both diverged
    share: Rate  # of wins; a tie counts as half a win
    p_value: float  # of the two-sided exact sign test, which leaves out ties

    @property
    def seeds(self) -> int:
        """How many seeds there are."""
        return self.wins + self.losses + self.ties


def rate(count: float, of: int, level: float = LEVEL) -> Rate:
    """A rate with its exact interval (Clopper and Pearson 1934), which misses the true share with a
    probability of at most `level`.

    Raises ValueError where `count` is negative or more than `of`.
    """
    if not 0 <= count <= of:
        raise ValueError(f"count: expected 0 to {of}, got {count}")
    low = float(betaincinv(count, of - count + 1, level / 2)) if count > 0 else 0.0
    high = float(betaincinv(count + 1, of - count, 1 - level / 2)) if count < of else 1.0
    return Rate(count, of, low, high)


def wins(mine: Sequence[Value], rival: Sequence[Value], objective: Objective) -> Wins:
    """On how many seeds a method beats its rival, from the objectives [S] of both on the same seeds in the
    same order. Having diverged is worse than any number.

    Raises ValueError where the two do not have the same number of seeds.
    """
    sides = [_side(a, b, objective) for a, b in zip(mine, rival, strict=True)]
    won, lost = sides.count(1), sides.count(-1)
    ties = len(sides) - won - lost
    share = rate(won + ties / 2, len(sides))
    return Wins(won, lost, ties, share, sign_test(won, lost))


def sign_test(won: int, lost: int) -> float:
    """The two-sided p-value of the exact sign test, of the hypothesis that a win is as likely as a loss; 1
    without wins and losses.
    """
    few, n = min(won, lost), won + lost
    return min(1.0, 2 * float(bdtr(few, n, 0.5))) if n else 1.0


def _side(mine: Value, rival: Value, objective: Objective) -> int:
    """1 where a method wins a seed, -1 where it loses it, 0 for a tie."""
    if mine is None or rival is None:
        return (mine is not None) - (rival is not None)
    if abs(mine - rival) <= ROUNDING * max(abs(mine), abs(rival)):
        return 0
    return 1 if objective.better(mine, rival) else -1


def interquartile_mean(values: Sequence[float]) -> float:
    """The mean of the values without the lowest quarter and the highest quarter of them, rounded down.

    Raises ValueError without values.
    """
    if not values:
        raise ValueError("values: expected one or more, got none")
    cut = len(values) // 4
    middle = sorted(values)[cut : len(values) - cut]
    return sum(middle) / len(middle)
