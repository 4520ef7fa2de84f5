"""The metrics of a trial, with a value per seed, as a mapping that takes a fifth of the memory of a
dictionary of lists. A driver holds them of all trials, and a study may have thousands of trials with dozens
of metrics.
"""

import math
import sys
from array import array
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

Values = list[float | None]


class SeedValues(Mapping[str, Values]):
    """{metric: value per seed}, with None for a value that is not finite. It never changes, and is equal to a
    dictionary with the same items.
    """

    __slots__ = ("_numbers", "_places")

    def __init__(self, metrics: Mapping[str, Sequence[float | None]]) -> None:
        self._places = _places(tuple((name, len(values)) for name, values in metrics.items()))
        self._numbers = array(
            "d", [math.nan if v is None else v for values in metrics.values() for v in values]
        )

    def __getitem__(self, metric: str) -> Values:
        return [None if math.isnan(v) else v for v in self._numbers[self._places[metric]]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, metric: object) -> bool:
        return metric in self._places

    def __repr__(self) -> str:
        return repr(dict(self))


@lru_cache(maxsize=256)
def _places(metrics: tuple[tuple[str, int], ...]) -> dict[str, slice]:
    """Where the numbers of each metric lie in the array, {metric: slice}, from (metric, how many seeds).
    Trials with the same metrics share one such dictionary.
    """
    places, start = {}, 0
    for name, length in metrics:
        places[sys.intern(name)] = slice(start, start + length)
        start += length
    return places
