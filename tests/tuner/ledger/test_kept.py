"""Properties that dataclasses with slots compute once."""

import copy
import pickle
from dataclasses import dataclass, replace

from tuner.ledger.kept import kept, slot

asked = []


@dataclass(frozen=True, slots=True)
class Square:
    side: float
    _area: float | None = slot()

    @kept
    def area(self):
        """None of what has no side."""
        asked.append(self.side)
        return self.side**2 if self.side else None


def test_a_value_is_computed_when_it_is_asked_for_and_only_then():
    asked.clear()
    square, empty = Square(3.0), Square(0.0)
    assert asked == []
    assert (square.area, square.area, empty.area, empty.area) == (9.0, 9.0, None, None)
    assert asked == [3.0, 0.0]
    assert Square.area.__doc__ == "None of what has no side."


def test_what_is_kept_is_no_part_of_the_object():
    asked.clear()
    square = Square(3.0)
    for same in (copy.deepcopy(square), pickle.loads(pickle.dumps(square))):
        assert (same.area, same == square, hash(same) == hash(square)) == (9.0, True, True)
    assert square.area == 9.0
    assert repr(square) == "Square(side=3.0)"
    assert not hasattr(square, "__dict__")
    assert replace(square, side=2.0).area == 4.0
