"""Measurements along the training, trial by trial."""

import math
from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tuner.evidence.over_seeds import Summary
from tuner.ledger.rows import Measurement, TrialRow


@dataclass(frozen=True)
class Curve:
    """A metric over the training: epochs [I], and the values [I][S] of the seeds, None where not finite."""

    epochs: tuple[float, ...]
    values: tuple[tuple[float | None, ...], ...]

    def mean_and_sem(self) -> tuple[list[float], list[float], list[float]]:
        """Epochs, means and standard errors over seeds, where every seed has a value."""
        points = [(epoch, Summary.of(v)) for epoch, v in zip(self.epochs, self.values, strict=True)]
        whole = [(epoch, s.mean, s.sem or 0.0) for epoch, s in points if s.mean is not None]
        epochs, means, errors = zip(*whole, strict=True) if whole else ((), (), ())
        return list(epochs), list(means), list(errors)


class _Column:
    """A metric's values of all measurements that have it, one after the other."""

    def __init__(self) -> None:
        self._starts = array("q")  # of each measurement up to the last one that has it; the others are empty
        self._values = array("d")  # NaN where not finite

    def put(self, place: int, values: Iterable[float | None]) -> None:
        """Takes the values per seed of a measurement, which comes after those that it has."""
        self._starts.extend([len(self._values)] * (place + 1 - len(self._starts)))
        self._values.extend(math.nan if v is None else v for v in values)

    def at(self, place: int) -> tuple[float | None, ...]:
        """The values of a measurement; none where it does not have the metric."""
        ends = self._starts[place + 1 : place + 2] or [len(self._values)]
        values = self._values[self._starts[place] : ends[0]] if place < len(self._starts) else ()
        return tuple(None if math.isnan(v) else v for v in values)


class Curves:
    """The measurements of a study by trial, as columns of plain numbers over all trials: a large study has
    millions of them, and an object for each trial and metric is larger than its numbers.
    """

    def __init__(self, measurements: Iterable[Measurement]) -> None:
        self._epochs = array("d")  # of each measurement, in the order in which they come
        self._places: dict[int, array[int]] = {}  # of its measurements, by a trial's id
        self._columns: dict[str, _Column] = defaultdict(_Column)  # by metric
        self._last: dict[int, float] = {}
        for place, m in enumerate(measurements):
            self._last[m.trial_id] = max(m.epoch, self._last.get(m.trial_id, m.epoch))
            self._epochs.append(m.epoch)
            if m.trial_id not in self._places:
                self._places[m.trial_id] = array("q")
            self._places[m.trial_id].append(place)
            for name, values in m.metrics.items():
                self._columns[name].put(place, values)

    @classmethod
    def gathered(cls, measurements: "Iterable[Measurement] | Curves") -> "Curves":
        """Those of measurements; what is gathered already is taken as it is."""
        return measurements if isinstance(measurements, Curves) else cls(measurements)

    def of(self, trial: TrialRow, metric: str) -> Curve | None:
        """A trial's metric over the training; None where it has none."""
        column = self._columns.get(metric)
        if column is None:
            return None
        rows = ((self._epochs[place], column.at(place)) for place in self._places.get(trial.id, ()))
        there = [(epoch, values) for epoch, values in rows if values]
        if not there:
            return None
        epochs, values = zip(*there, strict=True)
        return Curve(epochs, values)

    def last_epochs(self) -> dict[int, float]:
        """The last measured epoch of each trial, by its id."""
        return self._last


def largest_deviation(trial: TrialRow, other: TrialRow, curves: Curves, metric: str) -> float | None:
    """The largest relative deviation between the curves of two trials over the seeds and epochs that both
    have.
    """
    mine, theirs = curves.of(trial, metric), curves.of(other, metric)
    if mine is None or theirs is None:
        return None
    at: Mapping[float, tuple[float | None, ...]] = dict(zip(theirs.epochs, theirs.values, strict=True))
    pairs = (
        (value, dict(zip(other.seeds, at[epoch], strict=True)).get(seed))
        for epoch, values in zip(mine.epochs, mine.values, strict=True)
        if epoch in at
        for seed, value in zip(trial.seeds, values, strict=True)
    )
    return max((deviation(a, b) for a, b in pairs if a is not None and b is not None), default=None)


def deviation(a: float, b: float) -> float:
    """The relative deviation of two numbers: of their difference from the larger of them; 0 where they are
    equal.
    """
    return abs(a - b) / max(abs(a), abs(b)) if a != b else 0.0
