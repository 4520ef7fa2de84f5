"""Statistics over seeds as frozen models: a summary, a comparison, a gain. They are parts of the results."""

import math
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

Interval = tuple[float, float]  # (low, high) of a 95 % confidence interval


class Model(BaseModel):
    """A part of the results, which never changes."""

    model_config = ConfigDict(frozen=True)

    def plain(self) -> dict[str, Any]:
        """The model as JSON has it: dictionaries, lists, texts, numbers, None."""
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
        """The summary of values [S], None for one that is not finite."""
        finite = [v for v in values if v is not None]
        whole = len(finite) == len(values) > 0
        return Summary(
            mean=math.fsum(finite) / len(finite) if whole else None,
            sem=sem(finite) if whole else None,
            seeds=tuple(values),
        )

    @property
    def text(self) -> str:
        """The mean and its standard error as people read them: "0.1234 ± 0.0056"; a dash without a mean."""
        if self.mean is None:
            return "-"
        return f"{self.mean:.4f}" + (f" ± {self.sem:.4f}" if self.sem is not None else "")


class SummaryWithInterval(Summary):
    """The same with the 95 % confidence interval of the mean, by Student's t."""

    ci95: Interval | None = Field(description="Null with fewer than 2 seeds.")


class Paired(Model):
    """Differences over seeds: their mean, and tests of whether it is 0."""

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
    """A comparison of any metric, in units of the metric."""

    smallest_sign_flip_p: float | None = _SMALLEST
    p_holm: float | None = _HOLM


class WinsResult(Model):
    """On how many seeds a trial beats its rival; a seed on which one diverged is lost by it."""

    wins: int
    losses: int
    ties: int = Field(description="Equal up to rounding, or both diverged.")
    share: float | None = Field(description="Of wins, ties counted half.")
    ci95: Interval = Field(description="Of the share, exact.")
    p_value: float = Field(description="Exact sign test, two-sided.")


class Gain(Model):
    """How much better a trial is than its rival; positive where it is better."""

    mean: float | None = Field(description="Null where no seed has a value of both.")
    ci95: Interval | None = Field(
        description="Of the mean, 95 % over all looks together; null with fewer than 2 seeds."
    )
    p_value: float | None = Field(
        description="Two-sided, of the paired t-test or, where one diverged, of the wins; null below 3 seeds."
    )
    sign_flip_p: float | None = Field(description="Sign-flip test, two-sided; null with fewer than 2 seeds.")
    seeds: int = Field(description="How many both were trained on.")
    against: int = Field(description="Number of the rival's trial.")
    confirmed: bool = Field(description="Whether it was measured on fresh seeds.")
    missing: int = Field(
        default=0,
        description="Seeds on which one of the two diverged; they are not in the mean, which then flatters.",
    )
    smallest_sign_flip_p: float | None = _SMALLEST
    p_holm: float | None = _HOLM
    p_overall: float | None = Field(default=None, description="The p-value, corrected for all looks.")
    ci90: Interval | None = Field(
        default=None, description="Of the mean, 90 % over all looks: within the margin it is practically 0."
    )
    median: float | None = None
    interquartile_mean: float | None = None
    wins: WinsResult | None = None
    diverged: int = Field(default=0, description="Seeds on which the trial diverged.")
    rival_diverged: int = Field(default=0, description="Seeds on which the rival diverged.")
    decision: str = Field(
        default="no verdict", description="better, worse, practically equal, mixed, undecided or no verdict."
    )
    reason: str = ""
    by: str | None = Field(default=None, description="What decided.")
    relevant: bool | None = Field(default=None, description="Whether the interval excludes the margin, too.")
    margin: float | None = Field(default=None, description="In units of the objective.")
    detectable: float | None = Field(
        default=None, description="The gain that these seeds show with a probability of 80 %."
    )
    tells_power: bool = Field(
        default=False, description="Whether the reason tells what gain these seeds would have shown."
    )
    seeds_for_margin: int | None = Field(
        default=None, description="How many show a gain of the margin with a probability of 80 %."
    )
    exaggeration: float | None = Field(
        default=None, description="By what factor a called gain is overstated, were the true one the margin."
    )
    added_later: bool = Field(default=False, description="Whether seeds were added beyond the planned looks.")


class BestOfMany(Model):
    """Off the diagonal against on it, on the search's own seeds, with the selection repeated."""

    p_value: float = Field(description="One-sided.")
    candidates: int = Field(description="Trials off the diagonal.")
    seeds: int
    left_out_gain: float | None = Field(
        description="Mean gain on each seed of what was selected on the others; null with fewer than 3 seeds."
    )
