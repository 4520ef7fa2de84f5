"""The part of the results about the paper's claims: what a study says of each, and by which evidence."""

from enum import StrEnum

from pydantic import Field

from tuner.evidence.over_seeds import Difference, Gain, Model


class ClaimStatus(StrEnum):
    """What a study says of a claim."""

    SUPPORTED = "supported"
    NOT_SUPPORTED = "not supported"
    UNDECIDED = "undecided"


class Trend(Model):
    """A measurement along a temperature."""

    levels: tuple[float, ...] = Field(
        description="Of the temperature, ascending; those at which every seed has a value."
    )
    means: tuple[float, ...] = Field(description="Over seeds.")
    sems: tuple[float, ...]
    seeds: int
    spearman: float = Field(description="Rank correlation, mean over seeds; positive where it rises.")
    p_value: float | None = Field(
        description="Of one linear contrast per seed, of ranks and of values: t-tests over seeds, two-sided, "
        "the larger of the two; null below 3 seeds."
    )
    p_holm: float | None = Field(default=None, description="After Holm's correction over claims 2 and 3.")


class _AtForward(Model):
    tau_f: float


class _AtBackward(Model):
    tau_b: float


# The fields of the last base come first in the JSON.
class ForwardTrend(Trend, _AtBackward):
    """A measurement along tau_f at one value of tau_b."""


class BackwardTrend(Trend, _AtForward):
    """A measurement along tau_b at one value of tau_f."""


class ConvergenceResult(Model):
    """How far one method is ahead of another over the training; positive is ahead."""

    area: float = Field(description="Mean over the training of the lead of its best value so far.")
    share: float | None = Field(description="The same over the range of both curves.")
    p_value: float | None
    p_holm: float | None = None
    seeds: int
    missing: int = Field(description="Seeds left out, because one of the two has no whole curve.")
    epochs_saved: float = Field(description="By which it has sooner what the worse of the two ever has.")


Numbers = ForwardTrend | BackwardTrend | ConvergenceResult | Gain | Difference | dict[str, Difference]


class ClaimPart(Model):
    """One piece of evidence."""

    what: str
    status: ClaimStatus
    reason: str
    figure: str | None = None
    counts: bool = Field(default=True, description="Whether the claim stands or falls with it.")
    numbers: Numbers = Field(
        default_factory=dict,
        description="A comparison, a trend, or a comparison for each rival; empty where there is none.",
    )


class Claim(Model):
    """One claim of the paper and what this study says of it."""

    claim: str
    status: ClaimStatus
    reason: str
    figures: tuple[str, ...]
    parts: tuple[ClaimPart, ...]
