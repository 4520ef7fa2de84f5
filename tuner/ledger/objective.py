"""The metric by which configurations are selected, and which way is better.

Code that compares two values of an objective uses this class, so that it need not know of the two directions.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """Which way an objective is better."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


@dataclass(frozen=True)
class Objective:
    """The metric by which configurations are selected."""

    name: str
    direction: Direction

    @classmethod
    def of(cls, name: str, direction: str) -> "Objective":
        """The objective of a name and a direction, as a task declares them and the database keeps them.
        Raises ValueError for an unknown direction.
        """
        return cls(name, Direction(direction))

    @property
    def minimize(self) -> bool:
        """Whether a low value is good."""
        return self.direction is Direction.MINIMIZE

    @property
    def sign(self) -> int:
        """1 where a low value is good, -1 where a high one is. So sign * value is lower for a better
        value.
        """
        return 1 if self.minimize else -1

    def gain(self, mine: float, other: float) -> float:
        """By how much one value is better than another; negative where it is worse."""
        return self.sign * (other - mine)

    def better(self, a: float, b: float) -> bool:
        """Whether a is better than b."""
        return self.gain(a, b) > 0

    def worst(self, values: Iterable[float], default: float) -> float:
        """The worst of values; `default` where there are none."""
        return max(values, key=lambda value: self.sign * value, default=default)
