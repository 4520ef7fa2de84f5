"""What each strategy searches: the field `search` of a spec, one model for each strategy."""

import math
from enum import StrEnum
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from tuner.spec.invalid import wrong

MAX_POINTS = 1_000  # values of one temperature


class StrategyName(StrEnum):
    """What a spec calls each strategy."""

    GRID = "grid"
    SEQUENTIAL = "sequential"
    TPE = "tpe"
    GP = "gp"
    HALVING = "halving"
    PBT = "pbt"


class Strict(BaseModel):
    """A part of a spec: unknown fields and infinite numbers are errors."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class Range(Strict):
    """Evenly spaced values low, low + step, ..., up to and including high."""

    low: float
    high: float
    step: float = Field(gt=0)

    @property
    def points(self) -> int:
        """How many values there are, without making them. The tolerance lets 0.0 .. 2.0 by 0.1 end at 2.0."""
        steps = min((self.high - self.low) / self.step, 1e18)  # an infinite quotient has no floor
        return max(0, math.floor(steps + 1e-9) + 1)

    def values(self) -> list[float]:
        """The values, rounded so that 3 * 0.1 is 0.3."""
        return [round(self.low + i * self.step, 10) for i in range(self.points)]


def _values(given: list[float] | Range) -> list[float]:
    """Ascending; rounded, so that 0.1 + 0.2 is 0.3 and lies on the diagonal with it."""
    return sorted(round(v, 10) for v in (given if isinstance(given, list) else given.values()))


def _countable(given: list[float] | Range) -> list[float] | Range:
    """Counts the values before they are made: a million points are refused, not expanded."""
    count = given.points if isinstance(given, Range) else len(given)
    if not 1 <= count <= MAX_POINTS:
        raise wrong(f"must have from 1 to {MAX_POINTS} values", count)
    if len(set(_values(given))) != count:
        raise wrong("must not name a value twice")
    return given


def _at_least_zero(given: list[float] | Range) -> list[float] | Range:
    lowest = _values(given)[0]
    if lowest < 0:
        raise wrong("must be 0 or more (0 is argmax)", lowest)
    return given


def _above_zero(given: list[float] | Range) -> list[float] | Range:
    lowest = _values(given)[0]
    if lowest <= 0:
        raise wrong("must be greater than 0 (the backward pass divides by it)", lowest)
    return given


def _one_above_zero(given: float) -> float:
    return _values(_above_zero([given]))[0]


def listed(given: Any) -> Any:
    """One value as a list of one."""
    return given if isinstance(given, list | dict | Range) else [given]


def _no_truth_value(given: Any) -> Any:
    if isinstance(given, bool):
        raise wrong("must be a number", given)
    return given


Number = Annotated[float, BeforeValidator(_no_truth_value)]
Count = Annotated[int, BeforeValidator(_no_truth_value)]
ForwardTemperatures = Annotated[
    list[Number] | Range, BeforeValidator(listed), AfterValidator(_countable), AfterValidator(_at_least_zero)
]
BackwardTemperatures = Annotated[
    list[Number] | Range, BeforeValidator(listed), AfterValidator(_countable), AfterValidator(_above_zero)
]
BackwardTemperature = Annotated[Number, AfterValidator(_one_above_zero)]


class _Listed(Strict):
    """A search over lists of temperatures. A temperature is a list of values, one value, or a Range."""

    strategy: str  # here, so that it comes first
    tau_f: ForwardTemperatures
    tau_b: BackwardTemperatures

    @property
    def forward(self) -> list[float]:
        """Values of tau_f, ascending."""
        return _values(self.tau_f)

    @property
    def backward(self) -> list[float]:
        """Values of tau_b, ascending."""
        return _values(self.tau_b)

    @property
    def off_diagonal(self) -> bool:
        """Whether some pair has tau_f != tau_b."""
        return len({*self.forward, *self.backward}) > 1

    @property
    def on_diagonal(self) -> bool:
        """Whether some pair has tau_f = tau_b."""
        return bool({*self.forward} & {*self.backward})

    def baseline_temperatures(self, learning_rates: int) -> list[float]:  # noqa: ARG002  # as _Bounded's
        """The one-temperature baselines are tuned over every positive value that either temperature takes."""
        return sorted({tau for tau in (*self.forward, *self.backward) if tau > 0})


class GridSearch(_Listed):
    """Every pair (tau_f, tau_b)."""

    strategy: Literal["grid"]

    def trials_total(self, learning_rates: int) -> int:
        """How many trials the search has, its baselines apart."""
        return len(self.forward) * len(self.backward) * learning_rates


class SequentialSearch(_Listed):
    """First tau_f at tau_b_start, then tau_b at the best tau_f: O(n) pairs where a grid has O(n^2) (Shah et
    al., section 5.1).
    """

    strategy: Literal["sequential"]
    tau_b_start: BackwardTemperature = 1.0

    @property
    def backward(self) -> list[float]:
        """Values of tau_b, ascending; tau_b_start is one of them, because the first stage runs it at every
        tau_f.
        """
        return sorted({*_values(self.tau_b), self.tau_b_start})

    def trials_total(self, learning_rates: int) -> int:
        """How many trials the search has: the stages share the pair at tau_b_start and the best tau_f."""
        return (len(self.forward) + len(self.backward) - 1) * learning_rates


class HalvingSearch(_Listed):
    """The grid, of which at each rung about one trial in eta goes on (successive halving: Jamieson &
    Talwalkar 2016).
    """

    strategy: Literal["halving"]
    eta: Count = Field(default=3, ge=2, le=10)
    rungs: Count = Field(default=3, ge=2, le=10)  # the last one is the end of training

    def trials_total(self, learning_rates: int) -> int:
        """How many trials the search has, its baselines apart."""
        return len(self.forward) * len(self.backward) * learning_rates

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


class Bounds(Strict):
    """All values from low to high."""

    low: Number
    high: Number

    @model_validator(mode="after")
    def _ordered(self) -> "Bounds":
        if self.low >= self.high:
            raise wrong(f"low must be less than high, and they are {self.low:g} and {self.high:g}")
        return self


def _bounds(given: Any) -> Any:
    if not isinstance(given, dict | Bounds):
        raise wrong("must be a range {low, high}", given)
    return given


def _bounded_above_zero(given: Bounds) -> Bounds:
    _above_zero([given.low])
    return given


def _bounded_at_least_zero(given: Bounds) -> Bounds:
    _at_least_zero([given.low])
    return given


class _Bounded(Strict):
    """A search over all values between bounds. tau_f.low may be 0, which is argmax."""

    strategy: str
    tau_f: Annotated[Bounds, BeforeValidator(_bounds), AfterValidator(_bounded_at_least_zero)]
    tau_b: Annotated[Bounds, BeforeValidator(_bounds), AfterValidator(_bounded_above_zero)]
    trials: Count = Field(ge=1)
    off_diagonal: ClassVar[bool] = True  # almost surely
    on_diagonal: ClassVar[bool] = False  # likewise: only softmax ST is on it

    @property
    def forward(self) -> list[float]:
        """The ends of tau_f's range."""
        return [self.tau_f.low, self.tau_f.high]

    @property
    def backward(self) -> list[float]:
        """The ends of tau_b's range."""
        return [self.tau_b.low, self.tau_b.high]

    def trials_total(self, learning_rates: int) -> int:  # noqa: ARG002  # as _Listed's
        """How many trials the search has, its baselines apart: a trial chooses its learning rate, too."""
        return self.trials

    def baseline_temperatures(self, learning_rates: int) -> list[float]:
        """What the one-temperature baselines are tuned over: evenly spaced by their logarithm, from bound to
        bound.

        From the lowest positive bound of either temperature to the highest, as many as a grid with as many
        trials would have on a side; at least 2.
        """
        positive = [tau for tau in (*self.forward, *self.backward) if tau > 0]
        low, high = min(positive), max(positive)
        last = max(2, math.ceil(math.sqrt(self.trials / learning_rates))) - 1
        return sorted({significant(low * (high / low) ** (i / last)) for i in range(last + 1)})


class SampledSearch(_Bounded):
    """Optuna's samplers: tpe, tree-structured Parzen estimators (Bergstra et al. 2011); gp, a Gaussian
    process.
    """

    strategy: Literal["tpe", "gp"]
    batch: Count = Field(default=8, ge=1)  # trials that are asked for at a time


class PbtSearch(_Bounded):
    """Population based training (Jaderberg et al. 2017): temperatures, and learning rates, that change during
    training.
    """

    strategy: Literal["pbt"]
    trials: Count = Field(ge=4, le=200)  # the population
    rounds: Count = Field(
        default=8, ge=2
    )  # parts of the training, after each of which but the last trials exploit and explore

    def ladder(self, intervals: int) -> list[int]:
        """The report intervals at which the rounds end."""
        return [round(intervals * (k + 1) / self.rounds) for k in range(self.rounds)]


def significant(value: float) -> float:
    """Rounded to 3 significant digits: temperatures that people can read, write down and use again."""
    return float(f"{value:.3g}")


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


SEARCH_FIELDS = {
    *Range.model_fields,
    *Bounds.model_fields,
    *(name for search in SEARCHES.values() for name in search.model_fields),
}
