"""Measurements along the training, trial by trial."""

import math
from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tuner.evidence.over_seeds import Difference, Summary
from tuner.evidence.paired import paired
from tuner.ledger.objective import Objective
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


def reached_at(
    epochs: Sequence[float], values: Sequence[float | None], target: float, objective: Objective
) -> float | None:
    """The epoch at which values first come as far as the target, on straight lines between reports; None if
    they never do.
    """
    before: tuple[float, float] | None = None
    for epoch, value in zip(epochs, values, strict=True):
        if value is None:
            before = None
            continue
        distance = objective.gain(target, value)  # 0 or less: it is there
        if distance <= 0:
            if before is None or before[1] <= 0:
                return epoch
            return before[0] + (epoch - before[0]) * before[1] / (before[1] - distance)
        before = (epoch, distance)
    return None


def epochs_saved(
    trial: TrialRow, rival: TrialRow, curves: Curves, objective: Objective
) -> tuple[Difference, float] | None:
    """How much sooner a trial is where its rival ends, paired over seeds, and the length of the training,
    both in epochs.

    For each seed: the epochs that are left when the trial has reached the rival's last value. Where it never
    does, the same with the roles exchanged, as a negative number. None without curves over the same epochs of
    the seeds that both have.
    """
    mine, theirs = curves.of(trial, objective.name), curves.of(rival, objective.name)
    if mine is None or theirs is None or mine.epochs[-1] != theirs.epochs[-1]:
        return None
    end = mine.epochs[-1]
    saved = []
    for seed in trial.seeds:
        if seed not in rival.seeds:
            continue
        ours, other = _of_seed(mine, trial, seed), _of_seed(theirs, rival, seed)
        if ours[-1] is None or other[-1] is None:
            return None  # a seed that diverged has no end to be reached
        if (at := reached_at(mine.epochs, ours, other[-1], objective)) is not None:
            saved.append(end - at)
        else:
            late = reached_at(theirs.epochs, other, ours[-1], objective)
            saved.append(-(end - late) if late is not None else 0.0)
    measured = paired(saved)
    return (measured, end) if measured else None


def _of_seed(curve: Curve, trial: TrialRow, seed: int) -> list[float | None]:
    place = trial.seeds.index(seed)
    return [values[place] for values in curve.values]


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
