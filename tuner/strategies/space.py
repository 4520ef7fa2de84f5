"""The space of a search between bounds, on scales where equal steps matter equally; and where its random
choices come from.

tau_b, and a tau_f whose lower bound is above 0, are on a logarithmic scale. A tau_f that may be 0 is the
square of its coordinate, and every coordinate below 0 means tau_f = 0, argmax. The coordinate begins so far
below 0 that argmax takes a tenth of the range instead of a single point. Small temperatures, where a change
matters most, have more room than large ones.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tuner.errors import UserError
from tuner.ledger.methods import DECOUPLED, PLAIN, Variant
from tuner.ledger.rows import Proposal, Role
from tuner.spec.search import BoundedSearch
from tuner.spec.study import TRAINED, StudySpec
from tuner.spec.temperatures import Bounds, readable

ARGMAX_SHARE = 0.1  # of a tau_f that may be 0
_LEAST = 1e-3  # of the highest value: a tau_f below it samples as argmax does, and is taken for it
_VALUES = 4  # that the diagonal has for each of its trials


class SpaceExhaustedError(UserError):
    """A search wants more trials than there are configurations between its bounds."""

    def __init__(self, made: int, wanted: int) -> None:
        super().__init__(
            f"the search has made {made} of its {wanted} trials and finds no other configuration between its "
            "bounds; widen tau_f or tau_b, or lower trials"
        )


@dataclass(frozen=True)
class Axis:
    """One temperature between bounds, as a coordinate from `low` to `high`."""

    bounds: Bounds
    trials: int  # of the search; the axis has at least as many values

    @property
    def low(self) -> float:
        """The coordinate's lowest value."""
        return (
            math.log(self.bounds.low)
            if self.bounds.low > 0
            else -self.high * ARGMAX_SHARE / (1 - ARGMAX_SHARE)
        )

    @property
    def high(self) -> float:
        """The coordinate's highest value."""
        return math.log(self.bounds.high) if self.bounds.low > 0 else math.sqrt(self.bounds.high)

    def temperature(self, coordinate: float) -> float:
        """The temperature at a coordinate, rounded to what people can read, never outside the bounds."""
        if self.bounds.low > 0:
            raw = math.exp(coordinate)
        else:
            raw = max(coordinate, 0.0) ** 2
            raw = raw if raw >= _LEAST * self.bounds.high else 0.0
        return readable(raw, self.bounds.low, self.bounds.high, self.trials)

    def coordinate(self, temperature: float) -> float:
        """The coordinate of a temperature; of argmax the middle of its part."""
        if temperature == 0:
            return self.low / 2
        raw = math.log(temperature) if self.bounds.low > 0 else math.sqrt(temperature)
        return min(max(raw, self.low), self.high)


_SEARCHED = TRAINED | {"search", "learning_rates"}


def study_seed(spec: StudySpec, *purpose: object) -> int:
    """The seed of a study's random choices for a purpose, 32 bits: a function of what is searched.

    So the same search makes the same proposals, whenever and wherever it runs, whatever is done with its
    result, and in a later version whose spec has fields more.
    """
    text = spec.model_dump_json(include=set(_SEARCHED), exclude_defaults=True)
    digest = hashlib.blake2b(f"{text}{purpose}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little")


# --- where configurations are proposed ---


@dataclass(frozen=True)
class Space:
    """Where a search between bounds proposes configurations: the plane of both temperatures, or the diagonal
    in it, tau_f = tau_b, which is searched apart because the plane all but never meets it.

    Temperatures of the plane are (tau_f, tau_b), of the diagonal (tau,).
    """

    axes: tuple[Axis, ...]
    purpose: tuple[str, ...] = ()  # what tells its random choices from the other's

    @classmethod
    def plane(cls, search: BoundedSearch) -> "Space":
        """Both temperatures, each between its own bounds."""
        return cls((Axis(search.tau_f, search.trials), Axis(search.tau_b, search.trials)))

    @classmethod
    def diagonal(cls, search: BoundedSearch) -> "Space":
        """One temperature, from the lowest positive bound to the highest."""
        # Values for four times as many trials: on one axis a search would else run out of them.
        return cls((Axis(search.diagonal, _VALUES * search.trials),), ("diagonal",))

    @property
    def names(self) -> tuple[str, ...]:
        """What the temperatures are called."""
        return ("tau_f", "tau_b") if len(self.axes) == 2 else ("tau",)

    def proposal(self, coordinates: Sequence[float], lr: float, variant: Variant = PLAIN) -> Proposal:
        """The configuration at coordinates of the axes."""
        pairs = zip(self.axes, coordinates, strict=True)
        taus = [axis.temperature(coordinate) for axis, coordinate in pairs]
        return Proposal(Role.SEARCH, DECOUPLED, taus[0], taus[-1], lr, variant)

    def coordinates(self, tau_f: float | None, tau_b: float | None) -> list[float]:
        """The coordinates of a pair of temperatures."""
        assert tau_f is not None
        assert tau_b is not None
        taus = (tau_f, tau_b)[-len(self.axes) :]
        return [axis.coordinate(tau) for axis, tau in zip(self.axes, taus, strict=True)]

    def moved(self, coordinates: Sequence[float], step: Callable[[], float]) -> list[float]:
        """Coordinates with a step on each axis, in units of its range; they stay within it."""
        return [
            min(max(coordinate + step() * (axis.high - axis.low), axis.low), axis.high)
            for axis, coordinate in zip(self.axes, coordinates, strict=True)
        ]

    def holds(self, proposal: Proposal) -> bool:
        """Whether a configuration belongs here: a pair of the plane that lies on the diagonal does not."""
        return proposal.method.on_diagonal == (len(self.axes) == 1)
