"""The space of a search between bounds, on scales where equal steps matter equally; and where its random
choices come from.

tau_b, and a tau_f that stays above 0, are on a logarithmic scale. A tau_f that may be 0 is the square of a
coordinate that begins a little below 0: what is below 0 is argmax, tau_f = 0. So argmax is a tenth of the
space and not a single point of it, and small temperatures, where a change shows most, have more room than
large ones.
"""

import hashlib
import math
from dataclasses import dataclass

from tuner.errors import UserError
from tuner.spec.study import TRAINED, StudySpec
from tuner.spec.temperatures import Bounds, readable

ARGMAX_SHARE = 0.1  # of a tau_f that may be 0
_LEAST = 1e-3  # of the highest value: a tau_f below it samples as argmax does, and is taken for it


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
