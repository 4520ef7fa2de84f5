"""Temperatures between bounds as coordinates in which equal steps matter about equally; and the seeds of a
search's random choices.

The coordinate of tau_b, and of a tau_f whose lower bound is above 0, is its logarithm. That of a tau_f that
may be 0 is its square root, and every coordinate below 0 means tau_f = 0, argmax: the range begins so far
below 0 that argmax takes a tenth of it instead of a single point. Both give small temperatures, where a
change matters most, more room than large ones.
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

ARGMAX_SHARE = 0.1  # share of the range that means argmax, for a tau_f that may be 0
_LEAST = 1e-3  # a tau_f below this share of the upper bound samples as argmax does, and becomes 0
_VALUES = 4  # times as many values as trials: what the diagonal's axis has at least


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
    trials: int  # the axis has at least so many different values

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
        """The temperature at a coordinate, rounded to few digits for people, but never outside the bounds."""
        if self.bounds.low > 0:
            raw = math.exp(coordinate)
        else:
            raw = max(coordinate, 0.0) ** 2
            raw = raw if raw >= _LEAST * self.bounds.high else 0.0
        return readable(raw, self.bounds.low, self.bounds.high, self.trials)

    def coordinate(self, temperature: float) -> float:
        """The coordinate of a temperature; for argmax the middle of the part of the range that means it."""
        if temperature == 0:
            return self.low / 2
        raw = math.log(temperature) if self.bounds.low > 0 else math.sqrt(temperature)
        return min(max(raw, self.low), self.high)


_SEARCHED = TRAINED | {"search", "learning_rates"}


def study_seed(spec: StudySpec, *purpose: object) -> int:
    """The seed, of 32 bits, of a study's random choices for one purpose: a hash of the spec's searched
    fields.

    So the same search makes the same proposals whenever and wherever it runs. Fields that say what is done
    with its result do not matter, nor do fields with their default value, among them those that a later
    version adds.
    """
    text = spec.model_dump_json(include=set(_SEARCHED), exclude_defaults=True)
    digest = hashlib.blake2b(f"{text}{purpose}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little")


# --- where configurations are proposed ---


@dataclass(frozen=True)
class Space:
    """Where a search between bounds proposes configurations: the plane of both temperatures, or the diagonal
    in it, tau_f = tau_b. The diagonal is searched separately because a search in the plane hardly ever
    proposes a point on it.

    Coordinates of the plane are those of (tau_f, tau_b), coordinates of the diagonal that of (tau,).
    """

    axes: tuple[Axis, ...]  # 2 of the plane, 1 of the diagonal
    purpose: tuple[str, ...] = ()  # makes its random choices different from those of the other space

    @classmethod
    def plane(cls, search: BoundedSearch) -> "Space":
        """Both temperatures, each between its own bounds."""
        return cls((Axis(search.tau_f, search.trials), Axis(search.tau_b, search.trials)))

    @classmethod
    def diagonal(cls, search: BoundedSearch) -> "Space":
        """One temperature, from the lowest positive bound to the highest."""
        # On one axis a search with as many values as trials could run out of new ones.
        return cls((Axis(search.diagonal, _VALUES * search.trials),), ("diagonal",))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the axes."""
        return ("tau_f", "tau_b") if len(self.axes) == 2 else ("tau",)

    def proposal(self, coordinates: Sequence[float], lr: float, variant: Variant = PLAIN) -> Proposal:
        """The configuration at coordinates of the axes."""
        pairs = zip(self.axes, coordinates, strict=True)
        taus = [axis.temperature(coordinate) for axis, coordinate in pairs]
        return Proposal(Role.SEARCH, DECOUPLED, taus[0], taus[-1], lr, variant)

    def coordinates(self, tau_f: float | None, tau_b: float | None) -> list[float]:
        """The coordinates of a pair of temperatures, one for each axis."""
        assert tau_f is not None
        assert tau_b is not None
        taus = (tau_f, tau_b)[-len(self.axes) :]
        return [axis.coordinate(tau) for axis, tau in zip(self.axes, taus, strict=True)]

    def moved(self, coordinates: Sequence[float], step: Callable[[], float]) -> list[float]:
        """The coordinates after a step on each axis, kept within its range; `step` gives each step as a share
        of the range.
        """
        return [
            min(max(coordinate + step() * (axis.high - axis.low), axis.low), axis.high)
            for axis, coordinate in zip(self.axes, coordinates, strict=True)
        ]

    def holds(self, proposal: Proposal) -> bool:
        """Whether a configuration belongs to this space: the plane does not hold those on the diagonal."""
        return proposal.method.on_diagonal == (len(self.axes) == 1)
