"""What each strategy searches: the field `search` of a spec, one model for each strategy."""

import math
from abc import abstractmethod
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tuner.spec.temperatures import (
    BackwardBounds,
    BackwardTemperature,
    BackwardTemperatures,
    Bounds,
    Count,
    ForwardBounds,
    ForwardTemperatures,
    Range,
    Strict,
    readable,
    values_of,
)

MAX_TRIALS = 50_000  # of one study
_STRATEGY = "How the search goes."
_FORWARD = "Forward temperatures, 0 or more; 0 is argmax."
_BACKWARD = "Backward temperatures, greater than 0."


class StrategyName(StrEnum):
    """What a spec calls each strategy."""

    GRID = "grid"
    SEQUENTIAL = "sequential"
    TPE = "tpe"
    GP = "gp"
    HALVING = "halving"
    PBT = "pbt"


class ListedSearch(Strict):
    """A search over lists of temperatures. A temperature is a list of values, one value, or a Range."""

    strategy: str  # here, so that it comes first
    tau_f: ForwardTemperatures = Field(description=_FORWARD)
    tau_b: BackwardTemperatures = Field(description=_BACKWARD)

    @property
    def forward(self) -> list[float]:
        """Values of tau_f, ascending."""
        return values_of(self.tau_f)

    @property
    def backward(self) -> list[float]:
        """Values of tau_b, ascending."""
        return values_of(self.tau_b)

    @property
    def off_diagonal(self) -> bool:
        """Whether some pair has tau_f != tau_b."""
        return len({*self.forward, *self.backward}) > 1

    @property
    def on_diagonal(self) -> bool:
        """Whether some pair has tau_f = tau_b."""
        return bool({*self.forward} & {*self.backward})

    def baseline_temperatures(self, tunings: int) -> list[float]:  # noqa: ARG002  # as BoundedSearch's
        """The one-temperature baselines are tuned over every positive value that either temperature takes."""
        return sorted({tau for tau in (*self.forward, *self.backward) if tau > 0})


class WithRungs(Strict):
    """A search whose trials pause at rungs, where the strategy decides which of them go on."""

    rungs_field: ClassVar[str]  # the field of the spec that says how many rungs there are

    @abstractmethod
    def ladder(self, intervals: int) -> list[int]:
        """The report intervals at which the rungs are, ascending; the last one is the end of training."""


class GridSearch(ListedSearch):
    """Every pair (tau_f, tau_b)."""

    strategy: Literal["grid"] = Field(description=_STRATEGY)

    def trials_total(self, tunings: int) -> int:
        """How many trials the search has, its baselines apart."""
        return len(self.forward) * len(self.backward) * tunings


class SequentialSearch(ListedSearch):
    """First tau_f at tau_b_start, then tau_b at the best tau_f: O(n) pairs where a grid has O(n^2) (Shah et
    al., section 5.1).
    """

    strategy: Literal["sequential"] = Field(description=_STRATEGY)
    tau_b_start: BackwardTemperature = Field(
        default=1.0, description="The backward temperature of the first stage."
    )

    @property
    def backward(self) -> list[float]:
        """Values of tau_b, ascending; tau_b_start is one of them, because the first stage runs it at every
        tau_f.
        """
        return sorted({*values_of(self.tau_b), self.tau_b_start})

    def trials_total(self, tunings: int) -> int:
        """How many trials the search has: the stages share the pair at tau_b_start and the best tau_f."""
        return (len(self.forward) + len(self.backward) - 1) * tunings


class HalvingSearch(ListedSearch, WithRungs):
    """The grid, of which at each rung about one trial in eta goes on (successive halving: Jamieson &
    Talwalkar 2016).
    """

    rungs_field: ClassVar = "rungs"
    strategy: Literal["halving"] = Field(description=_STRATEGY)
    eta: Count = Field(default=3, ge=2, le=10, description="One trial in so many goes on from a rung.")
    rungs: Count = Field(
        default=3, ge=2, le=10, description="How many rungs there are; the last one is the end of training."
    )

    def trials_total(self, tunings: int) -> int:
        """How many trials the search has, its baselines apart."""
        return len(self.forward) * len(self.backward) * tunings

    def ladder(self, intervals: int) -> list[int]:
        """The report intervals at which the rungs are: the last, 1/eta of it, 1/eta^2 of it, ..."""
        return [max(1, round(intervals / self.eta ** (self.rungs - 1 - k))) for k in range(self.rungs)]

    def kept(self, trials: int, rung: int) -> int:
        """How many of a method's trials go on from a rung (0, 1, ...) by their rank: one at least."""
        return min(trials, max(1, trials // int(self.eta ** (rung + 1))))

    def share(self, trials: int, intervals: int) -> float:
        """What a method's trials are trained in all, in units of one trial trained to its end, spared ones
        not counted.
        """
        ladder = self.ladder(intervals)
        going = [trials, *(self.kept(trials, rung) for rung in range(self.rungs - 1))]
        lengths = (end - start for start, end in zip([0, *ladder], ladder, strict=False))
        return sum(n * length for n, length in zip(going, lengths, strict=True)) / intervals


class BoundedSearch(Strict):
    """A search over all values between bounds. tau_f.low may be 0, which is argmax."""

    strategy: str
    tau_f: ForwardBounds = Field(description=_FORWARD)
    tau_b: BackwardBounds = Field(description=_BACKWARD)
    trials: Count = Field(
        ge=1, le=MAX_TRIALS, description="Pairs that are proposed; as many again on the diagonal."
    )
    off_diagonal: ClassVar[bool] = True  # almost surely
    on_diagonal: ClassVar[bool] = True  # which is searched apart

    @property
    def forward(self) -> list[float]:
        """The ends of tau_f's range."""
        return [self.tau_f.low, self.tau_f.high]

    @property
    def backward(self) -> list[float]:
        """The ends of tau_b's range."""
        return [self.tau_b.low, self.tau_b.high]

    @property
    def diagonal(self) -> Bounds:
        """The range of the one temperature on the diagonal, and of the baselines: from the lowest positive
        bound of either temperature to the highest.
        """
        positive = [tau for tau in (*self.forward, *self.backward) if tau > 0]
        return Bounds(low=min(positive), high=max(positive))

    def trials_total(self, tunings: int) -> int:  # noqa: ARG002  # as ListedSearch's
        """How many trials the search has in the plane of both temperatures: each chooses its own tuning, too.
        Those on the diagonal come on top, see Counted.
        """
        return self.trials

    def baseline_temperatures(self, tunings: int) -> list[float]:
        """What the one-temperature baselines are tuned over: evenly spaced by their logarithm, from bound to
        bound.

        From the lowest positive bound of either temperature to the highest, as many as a grid with as many
        trials would have on a side; at least 2.
        """
        low, high = self.diagonal.low, self.diagonal.high
        last = max(2, math.ceil(math.sqrt(self.trials / tunings))) - 1
        spaced = (low * (high / low) ** (i / last) for i in range(last + 1))
        return sorted({readable(tau, low, high, last + 1) for tau in spaced})


class SampledSearch(BoundedSearch):
    """Optuna's samplers: tpe, tree-structured Parzen estimators (Bergstra et al. 2011); gp, a Gaussian
    process.
    """

    strategy: Literal["tpe", "gp"] = Field(description=_STRATEGY)
    batch: Count = Field(default=8, ge=1, le=MAX_TRIALS, description="Pairs that are proposed at a time.")


class PbtSearch(BoundedSearch, WithRungs):
    """Population based training (Jaderberg et al. 2017): temperatures, and learning rates, that change during
    training.
    """

    rungs_field: ClassVar = "rounds"
    strategy: Literal["pbt"] = Field(description=_STRATEGY)
    trials: Count = Field(ge=4, le=200, description="The size of a generation; the diagonal has another one.")
    rounds: Count = Field(
        default=8,
        ge=2,
        le=10_000,
        description="Parts of the training; after each but the last, the worst trials take over from the "
        "best.",
    )

    def ladder(self, intervals: int) -> list[int]:
        """The report intervals at which the rounds end."""
        return [round(intervals * (k + 1) / self.rounds) for k in range(self.rounds)]


Search = Annotated[
    GridSearch | SequentialSearch | SampledSearch | HalvingSearch | PbtSearch, Field(discriminator="strategy")
]
SEARCHES: dict[str, type[Strict]] = {
    StrategyName.GRID: GridSearch,
    StrategyName.SEQUENTIAL: SequentialSearch,
    StrategyName.TPE: SampledSearch,
    StrategyName.GP: SampledSearch,
    StrategyName.HALVING: HalvingSearch,
    StrategyName.PBT: PbtSearch,
}


def fields_of(place: tuple[Any, ...]) -> list[str]:
    """The fields there are at a place in a spec's search: ("search", strategy, ...)."""
    if "Range" in place:
        return list(Range.model_fields)
    search = SEARCHES[place[1]]
    return list(Bounds.model_fields if len(place) > 2 else search.model_fields)


OF_SEARCHES = {name for search in SEARCHES.values() for name in search.model_fields}
SEARCH_FIELDS = {*Range.model_fields, *Bounds.model_fields, *OF_SEARCHES}
