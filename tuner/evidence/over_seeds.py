"""Numbers over seeds, as frozen models: a summary, a comparison, a gain. Parts of the results."""

import math
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

Interval = tuple[float, float]  # (low, high) of a 95 % confidence interval


class Model(BaseModel):
    """A part of the results: it never changes."""

    model_config = ConfigDict(frozen=True)

    def plain(self) -> dict[str, Any]:
        """As JSON has it: dictionaries, lists, texts, numbers, None."""
        return self.model_dump(mode="json")


def sem(values: Sequence[float]) -> float | None:
    """Standard error of the mean; None with fewer than 2 values."""
    n = len(values)
    if n < 2:
        return None
    mean = math.fsum(values) / n
    return math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1) / n)


class Summary(Model):
    """Mean and standard error over seeds; both are None unless every value is finite."""

    mean: float | None
    sem: float | None
    seeds: tuple[float | None, ...] = Field(description="A value for each seed; null where not finite.")

    @classmethod
    def of(cls, values: Sequence[float | None]) -> "Summary":
        """The summary of a value for each seed."""
        finite = [v for v in values if v is not None]
        whole = len(finite) == len(values) > 0
        return Summary(
            mean=math.fsum(finite) / len(finite) if whole else None,
            sem=sem(finite) if whole else None,
            seeds=tuple(values),
        )


class SummaryWithInterval(Summary):
    """The same with the 95 % confidence interval of the mean, by Student's t."""

    ci95: Interval | None = Field(description="Null with fewer than 2 seeds.")


class Paired(Model):
    """Differences over seeds: their mean and whether it is 0."""

    mean: float
    ci95: Interval | None = Field(description="Of the paired t-test; null with fewer than 2 seeds.")
    p_value: float | None = Field(description="Paired t-test, two-sided; null with fewer than 2 seeds.")
    sign_flip_p: float | None = Field(description="Sign-flip test, two-sided; null with fewer than 2 seeds.")
    seeds: int = Field(description="How many there are.")


_SMALLEST = Field(default=None, description="The smallest p that the sign-flip test can give.")
_HOLM = Field(
    default=None, description="The p of the t-test after Holm's correction; null where not corrected."
)


class Difference(Paired):
    """A comparison of any measurement, in its own units."""

    smallest_sign_flip_p: float | None = _SMALLEST
    p_holm: float | None = _HOLM


class Gain(Paired):
    """How much better a trial is than its rival; positive where it is better."""

    against: int = Field(description="Number of the rival's trial.")
    confirmed: bool = Field(description="Whether it was measured on fresh seeds.")
    missing: int = Field(
        default=0,
        description="Seeds on which one of the two has no finite objective; they are not in the mean.",
    )
    smallest_sign_flip_p: float | None = _SMALLEST
    p_holm: float | None = _HOLM


class MeanDifference(Model):
    """A mean difference over seeds with its 95 % interval."""

    mean: float
    ci95: Interval | None


class BestOfMany(Model):
    """Off the diagonal against on it, on the search's own seeds, with the selection repeated."""

    p_value: float = Field(description="One-sided.")
    candidates: int = Field(description="Trials off the diagonal.")
    seeds: int
    left_out_gain: float | None = Field(
        description="Mean gain on each seed of what was selected on the others; null with fewer than 3 seeds."
    )
