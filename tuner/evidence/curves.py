"""The measurements of trials over their training, kept as columns of numbers, which take little memory."""

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
        """Epochs, means and standard errors over seeds, [I] each, at the epochs at which every seed has a
        value. The standard errors are 0 with one seed.
        """
        points = [(epoch, Summary.of(v)) for epoch, v in zip(self.epochs, self.values, strict=True)]
        whole = [(epoch, s.mean, s.sem or 0.0) for epoch, s in points if s.mean is not None]
        epochs, means, errors = zip(*whole, strict=True) if whole else ((), (), ())
        return list(epochs), list(means), list(errors)


class _Column:
    """The values of one metric in all measurements that have it, in one array."""

    def __init__(self) -> None:
        # Where the values of each measurement begin, up to the last that has the metric. A measurement
        # without it begins where the next one does.
        self._starts = array("q")
        self._values = array("d")  # NaN where not finite

    def put(self, place: int, values: Iterable[float | None]) -> None:
        """Adds the values per seed of a measurement; `place` is its number among all, which must ascend."""
        self._starts.extend([len(self._values)] * (place + 1 - len(self._starts)))
        self._values.extend(math.nan if v is None else v for v in values)

    def at(self, place: int) -> tuple[float | None, ...]:
        """The values per seed of a measurement; an empty tuple where it does not have the metric."""
        ends = self._starts[place + 1 : place + 2] or [len(self._values)]
        values = self._values[self._starts[place] : ends[0]] if place < len(self._starts) else ()
        return tuple(None if math.isnan(v) else v for v in values)


class Curves:
    """The measurements of a study by trial. They are kept as columns of plain numbers over all trials,
    because a large study has millions of values, and an object for each trial and metric would be larger than
    its numbers.
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
        """The curves of measurements; curves are returned as they are."""
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
    """The largest relative deviation between two trials' curves of a metric, over the seeds and epochs that
    both have; None where they share none.
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
    """The relative deviation of two numbers: the size of their difference divided by the larger of their
    sizes; 0 where they are equal.
    """
    return abs(a - b) / max(abs(a), abs(b)) if a != b else 0.0
