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


class Curves:
    """The measurements of a study by trial, as columns of plain numbers: a large study has millions of
    them.
    """

    def __init__(self, measurements: Iterable[Measurement]) -> None:
        # trial id -> metric -> (epochs [I], values [I * S], NaN where not finite); not every metric is in
        # every report
        self._columns: dict[int, dict[str, tuple[array[float], array[float]]]] = defaultdict(dict)
        self._last: dict[int, float] = {}
        for m in measurements:
            self._last[m.trial_id] = max(m.epoch, self._last.get(m.trial_id, m.epoch))
            mine = self._columns[m.trial_id]
            for name, values in m.metrics.items():
                if name not in mine:
                    mine[name] = array("d"), array("d")
                epochs, numbers = mine[name]
                epochs.append(m.epoch)
                numbers.extend(math.nan if v is None else v for v in values)

    @classmethod
    def gathered(cls, measurements: "Iterable[Measurement] | Curves") -> "Curves":
        """Those of measurements; what is gathered already is taken as it is."""
        return measurements if isinstance(measurements, Curves) else cls(measurements)

    def of(self, trial: TrialRow, metric: str) -> Curve | None:
        """A trial's metric over the training; None where it has none."""
        epochs, numbers = self._columns.get(trial.id, {}).get(metric, ((), ()))
        if not epochs:
            return None
        seeds = len(numbers) // len(epochs)
        values = [None if math.isnan(v) else v for v in numbers]
        return Curve(tuple(epochs), tuple(tuple(values[i : i + seeds]) for i in range(0, len(values), seeds)))

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
