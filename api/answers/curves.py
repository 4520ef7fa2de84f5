"""Trials while they run: what their last report says, and the learning curves of the best of each method."""

from dataclasses import replace
from typing import Any

from tuner.evidence.over_seeds import Summary
from tuner.evidence.selection import select
from tuner.ledger.pages import Pages
from tuner.ledger.rows import StudyRow, TrialRow
from tuner.ledger.store import Ledger


def so_far(trial: TrialRow, objective: str) -> TrialRow:
    """A running trial as if its last report were its outcome."""
    if trial.terminal or objective not in trial.metrics:
        return trial
    return replace(trial, objective=tuple(trial.metrics[objective]))


def brief_trial(objective: str, trial: TrialRow) -> dict[str, Any]:
    """A trial in few numbers: its objective's mean and standard error."""
    score = Summary.of(so_far(trial, objective).objective or ())
    fields = ("number", "role", "estimator", "tau_f", "tau_b", "lr", "state", "reason")
    found = {name: getattr(trial, name) for name in fields} | {"mean": score.mean, "sem": score.sem}
    return found | ({"variant": trial.variant.text} if trial.variant else {})


def curves(study: StudyRow, ledger: Ledger, pages: Pages) -> dict[str, Any]:
    """The learning curves of the best trial of every method, running ones by their last report."""
    chosen = select([so_far(t, study.objective.name) for t in ledger.trials(study.id)], study.objective)
    methods = {"off_diagonal": chosen.off_diagonal, "diagonal": chosen.diagonal, **chosen.baselines}
    best = {method: trial for method, trial in methods.items() if trial is not None}
    points = pages.curves(study.id, {trial.number for trial in best.values()})
    found = []
    for method, trial in best.items():
        reports = points.get(trial.number, [])
        scores = [(m.epoch, Summary.of(m.metrics.get(study.objective.name, []))) for m in reports]
        configuration = {name: getattr(trial, name) for name in ("estimator", "tau_f", "tau_b", "lr")}
        numbers = {
            "epoch": [epoch for epoch, _ in scores],
            "mean": [score.mean for _, score in scores],
            "sem": [score.sem for _, score in scores],
        }
        found.append({"method": method, "trial": trial.number} | configuration | numbers)
    return {"objective": study.objective.name, "curves": found}
