"""Trials that are still training: the numbers of their last report, and the epoch at which all of them can be
compared fairly.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tuner.evidence.over_seeds import Summary
from tuner.ledger.pages import Pages
from tuner.ledger.rows import StudyRow, StudyState, TrialRow, TrialState

_JOINS_FROM = 0.1  # of a training: what is less far would take everybody's comparison back to its beginning


def so_far(trial: TrialRow, objective: str) -> TrialRow:
    """A trial that runs, or that was stopped with its study, as if its last report were its outcome."""
    unfinished = not trial.terminal or trial.stopped_with_study
    if not unfinished or objective not in trial.metrics:
        return trial
    return replace(trial, objective=tuple(trial.metrics[objective]), state=TrialState.RUNNING)


class EqualEpochs:
    """The objective of a study's trials where the furthest interval is that all of them have reached.

    Trials at different epochs cannot be compared: a colour would show who is further, not who is better.
    """

    def __init__(self, study: StudyRow, intervals: int, pages: Pages) -> None:
        """`intervals` is how many reports a whole training has."""
        interval = None
        if study.state is not StudyState.SUCCEEDED:
            interval = pages.common_interval(study.id, round(intervals * _JOINS_FROM))
        measured = pages.at_interval(study.id, interval) if interval else {}
        self._values: Mapping[int, list[float | None]] = {
            trial: m.metrics.get(study.objective.name, []) for trial, m in measured.items()
        }
        self.epoch = next((m.epoch for m in measured.values()), None)

    def of(self, trial: TrialRow) -> dict[str, Any] | None:
        """Mean and standard error of a trial there; None where it has not been."""
        if trial.id not in self._values:
            return None
        score = Summary.of(self._values[trial.id])
        return {"mean": score.mean, "sem": score.sem}


def brief_trial(objective: str, trial: TrialRow, equal: EqualEpochs) -> dict[str, Any]:
    """A trial in few numbers: its objective's mean and standard error, as last reported where it has not
    ended, and after how many epochs.
    """
    values = trial.objective if trial.objective is not None else trial.metrics.get(objective, ())
    score = Summary.of(values if trial.state is not TrialState.FAILED else ())
    fields = ("number", "role", "estimator", "tau_f", "tau_b", "lr", "state", "reason", "epoch")
    found = {name: getattr(trial, name) for name in fields} | {"mean": score.mean, "sem": score.sem}
    found["compared"] = equal.of(trial)
    return found | ({"variant": trial.variant.text} if trial.variant else {})
