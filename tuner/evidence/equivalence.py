"""Whether a difference is too small to matter: two one-sided tests (Schuirmann 1987).

"Not significantly different" is no evidence of being the same: with few seeds hardly any difference is
significant. Two methods are called equivalent where the mean difference is shown to lie above -margin and
below +margin, each at 5 %; that is, where its 90 % interval lies within the margin. They are called different
where that interval lies wholly outside of it.

The rescaling control is judged this way. The control trains the same network in other coordinates, so it
should end where the original does. A fixed tolerance such as 5 % would be useless, since that can be the
whole gain under examination. A control that ends within half of that gain has more than half of the gain
itself; so half the gain is the margin.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from scipy.special import stdtr

from tuner.evidence.seed_mean import FEWEST_SEEDS, SeedMean, seed_mean

LEVEL = 0.05  # of each of the two tests


class Agreement(StrEnum):
    """What is shown of a difference and a margin."""

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
    """Holds differences, one for each seed, against a margin. None without any.

    `magnitudes` are the numbers that were subtracted: differences below their rounding are none. Fewer than 3
    seeds decide nothing.
    """
    measured = seed_mean(differences, magnitudes)
    if measured is None:
        return None
    interval, p_value = measured.interval(2 * LEVEL), two_one_sided(measured, margin)
    return Equivalence(
        _agreement(measured, interval, margin), measured.mean, interval, margin, p_value, measured.seeds
    )


def two_one_sided(measured: SeedMean, margin: float) -> float | None:
    """The p-value of a mean difference at or beyond the margin; None where there is no test."""
    if not measured.tested or measured.sem is None:
        return None
    return float(stdtr(measured.seeds - 1, -(margin - abs(measured.mean)) / measured.sem))


def _agreement(measured: SeedMean, interval: tuple[float, float] | None, margin: float) -> Agreement:
    if interval is None or measured.seeds < FEWEST_SEEDS:
        return Agreement.UNDECIDED
    low, high = interval
    # Without a spread the interval is a point, or as wide as rounding: what is within rounding is the same.
    slack = 0.0 if measured.spread else measured.rounding
    if -margin - slack < low and high < margin + slack:
        return Agreement.EQUIVALENT
    if low > margin or high < -margin:
        return Agreement.DIFFERENT if measured.spread else Agreement.UNDECIDED
    return Agreement.UNDECIDED
