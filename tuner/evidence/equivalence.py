"""Whether a difference is too small to matter, by two one-sided tests (TOST; Schuirmann 1987).

"Not significantly different" is no evidence of being the same: with few seeds hardly any difference is
significant. Two methods are called equivalent where the mean difference is shown to lie above -margin and
below +margin, each at the 5 % level; that is, where its 90 % interval lies within the margin. They are called
different where that interval lies wholly outside of the margin.

The rescaling control is judged this way (control.py). It trains the same network in other coordinates, so it
should end where the original does. A fixed tolerance such as 5 % would be useless, because the whole gain
under examination can be as small as that. The margin is half of that gain: a control that ends within it has
more than half of the gain itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from scipy.special import stdtr

from tuner.evidence.seed_mean import FEWEST_SEEDS, SeedMean, seed_mean

LEVEL = 0.05  # of each of the two tests


class Agreement(StrEnum):
    """What is shown about a difference and a margin."""

    EQUIVALENT = "equivalent"
    DIFFERENT = "different"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Equivalence:
    """A mean difference over seeds, held against a margin."""

    agreement: Agreement
    mean: float
    interval: tuple[float, float] | None  # 90 %
    margin: float
    p_value: float | None  # the larger of the two one-sided ones; None where there is no test
    seeds: int


def equivalence(
    differences: Sequence[float], margin: float, magnitudes: Sequence[float] = ()
) -> Equivalence | None:
    """Tests differences [S] against a margin in the same units. None without any difference; with fewer than
    3 seeds it is undecided.

    `magnitudes` are the numbers that were subtracted: a spread below their rounding counts as none.
    """
    measured = seed_mean(differences, magnitudes)
    if measured is None:
        return None
    interval, p_value = measured.interval(2 * LEVEL), two_one_sided(measured, margin)
    return Equivalence(
        _agreement(measured, interval, margin), measured.mean, interval, margin, p_value, measured.seeds
    )


def two_one_sided(measured: SeedMean, margin: float) -> float | None:
    """The p-value of the hypothesis that the true mean difference is at or beyond the margin: the larger of
    the two one-sided ones. None where there is no test.
    """
    if not measured.tested or measured.sem is None:
        return None
    return float(stdtr(measured.seeds - 1, -(margin - abs(measured.mean)) / measured.sem))


def _agreement(measured: SeedMean, interval: tuple[float, float] | None, margin: float) -> Agreement:
    if interval is None or measured.seeds < FEWEST_SEEDS:
        return Agreement.UNDECIDED
    low, high = interval
    # Without a spread the interval is a point, or as wide as rounding, and rounding is no difference.
    slack = 0.0 if measured.spread else measured.rounding
    if -margin - slack < low and high < margin + slack:
        return Agreement.EQUIVALENT
    if low > margin or high < -margin:
        return Agreement.DIFFERENT if measured.spread else Agreement.UNDECIDED
    return Agreement.UNDECIDED
