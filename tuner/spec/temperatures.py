"""Temperatures as a spec names them: a number, a list, evenly spaced values, or all values between bounds."""

import math
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from tuner.spec.bounds import MAX_LIST
from tuner.spec.invalid import wrong

# Models are trained in single precision. What is much smaller than SMALLEST is 0 there, and two temperatures
# that differ by less than NARROWEST, relative to the higher one, are the same.
SMALLEST, LARGEST = 1e-30, 1e30
NARROWEST = 1e-6


class Strict(BaseModel):
    """A part of a spec: unknown fields and infinite numbers are errors."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


def _no_truth_value(given: Any) -> Any:
    if isinstance(given, bool):
        raise wrong("must be a number", given)
    return given


def _unsigned_zero(value: float) -> float:
    """-0.0 is 0.0, and is written so."""
    return value + 0.0


Number = Annotated[float, BeforeValidator(_no_truth_value), AfterValidator(_unsigned_zero)]
Count = Annotated[int, BeforeValidator(_no_truth_value)]


def rounded(value: float) -> float:
    """To 10 significant digits: 0.1 + 0.2 is 0.3 and lies on the diagonal with it, and 1e-12 stays 1e-12."""
    return float(f"{value:.10g}") + 0.0  # -0.0 is 0.0


# --- values ---


class Range(Strict):
    """Evenly spaced values low, low + step, ..., up to and including high."""

    low: Number = Field(description="The first value.")
    high: Number = Field(description="The last value, if steps end there; none is above it.")
    step: Number = Field(gt=0, description="From each value to the next.")

    @model_validator(mode="after")
    def _ordered(self) -> "Range":
        if self.low > self.high:
            raise wrong(f"low must not be above high, and they are {self.low:g} and {self.high:g}")
        return self

    @property
    def points(self) -> int:
        """How many values there are, without making them. The tolerance lets 0.0 .. 2.0 by 0.1 end at 2.0."""
        steps = min((self.high - self.low) / self.step, 1e18)  # an infinite quotient has no floor
        return math.floor(steps + 1e-9) + 1

    def values(self) -> list[float]:
        """The values, rounded so that 3 * 0.1 is 0.3."""
        return [rounded(self.low + i * self.step) for i in range(self.points)]


def values_of(given: list[float] | Range) -> list[float]:
    """Ascending, and rounded."""
    return sorted(map(rounded, given if isinstance(given, list) else given.values()))


def _countable(given: list[float] | Range) -> list[float] | Range:
    """Counts the values before they are made: a million points are refused, not expanded."""
    count = given.points if isinstance(given, Range) else len(given)
    if not 1 <= count <= MAX_LIST:
        raise wrong(f"must have from 1 to {MAX_LIST} values", count)
    if len(set(values_of(given))) != count:
        raise wrong("must not name a value twice")
    return given


def _check_forward(values: list[float]) -> None:
    if values[0] < 0:
        raise wrong("must be 0 or more (0 is argmax)", values[0])
    for tau in values:
        if tau != 0 and not SMALLEST <= tau <= LARGEST:
            raise wrong(f"must be 0 (which is argmax), or from {SMALLEST:g} to {LARGEST:g}", tau)


def _check_backward(values: list[float]) -> None:
    if values[0] <= 0:
        raise wrong("must be greater than 0 (the backward pass divides by it)", values[0])
    for tau in values:
        if not SMALLEST <= tau <= LARGEST:
            raise wrong(f"must be from {SMALLEST:g} to {LARGEST:g}", tau)


def _forward(given: list[float] | Range) -> list[float] | Range:
    _check_forward(values_of(given))
    return given


def _backward(given: list[float] | Range) -> list[float] | Range:
    _check_backward(values_of(given))
    return given


def _one_backward(given: float) -> float:
    _check_backward([given])
    return rounded(given)


def listed(given: Any) -> Any:
    """One value as a list of one."""
    return given if isinstance(given, list | dict | Range) else [given]


def _kind(given: Any) -> str:
    """Which of the two it is, so that only the complaints of that one are heard."""
    return "Range" if isinstance(given, dict | Range) else "list"


Temperatures = Annotated[
    Annotated[list[Number], Tag("list")] | Annotated[Range, Tag("Range")], Discriminator(_kind)
]
_Listed = BeforeValidator(listed, json_schema_input_type=Temperatures | Number)
ForwardTemperatures = Annotated[Temperatures, _Listed, AfterValidator(_countable), AfterValidator(_forward)]
BackwardTemperatures = Annotated[Temperatures, _Listed, AfterValidator(_countable), AfterValidator(_backward)]
BackwardTemperature = Annotated[Number, AfterValidator(_one_backward)]


# --- bounds ---


class Bounds(Strict):
    """All values from low to high."""

    low: Number = Field(description="The lowest value that may be tried.")
    high: Number = Field(description="The highest value that may be tried.")

    @model_validator(mode="after")
    def _apart(self) -> "Bounds":
        they_are = f"and they are {self.low:.10g} and {self.high:.10g}"
        if self.low >= self.high:
            raise wrong(f"low must be less than high, {they_are}")
        if self.high - self.low < NARROWEST * self.high:
            raise wrong(
                f"low and high must be further apart, {they_are}: less than a part in a million is one "
                "temperature in single precision"
            )
        return self


def readable(value: float, low: float, high: float, parts: int) -> float:
    """A value between low and high, rounded so that people can read it, write it down and use it again.

    To 3 significant digits, or to more where the interval would else have fewer than `parts` values, or
    fewer than 100.
    """
    if value == 0:
        return 0.0
    decimals = math.ceil(-math.log10((high - low) / max(parts, 100)) - 1e-6)  # a logarithm is not exact
    return min(max(round(value, max(decimals, 2 - math.floor(math.log10(value)))), low), high)


def _bounds(given: Any) -> Any:
    if not isinstance(given, dict | Bounds):
        raise wrong("must be a range {low, high}", given)
    return given


def _forward_bounds(given: Bounds) -> Bounds:
    _check_forward([given.low, given.high])
    return given


def _backward_bounds(given: Bounds) -> Bounds:
    _check_backward([given.low, given.high])
    return given


ForwardBounds = Annotated[Bounds, BeforeValidator(_bounds), AfterValidator(_forward_bounds)]
BackwardBounds = Annotated[Bounds, BeforeValidator(_bounds), AfterValidator(_backward_bounds)]
