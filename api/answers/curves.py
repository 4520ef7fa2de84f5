"""The learning curves of the best trial of every method."""

from typing import Any

from api.answers.so_far import so_far
from tuner.evidence.over_seeds import Summary
from tuner.evidence.selection import select
from tuner.ledger.pages import Pages
from tuner.ledger.rows import StudyRow
from tuner.ledger.store import Ledger


def curves(study: StudyRow, ledger: Ledger, pages: Pages) -> dict[str, Any]:
    """The learning curves of the best trial of every method, those that have not ended by their last
    report.
    """
    chosen = select([so_far(t, study.objective.name) for t in ledger.trials(study.id)], study.objective)
    best = chosen.named()
    points = pages.curves(study.id, {trial.number for trial in best.values()})
    found = []
    for method, trial in best.items():
        reports = points.get(trial.number, [])
        scores = [(m.epoch, Summary.of(m.metrics.get(study.objective.name, []))) for m in reports]
        configuration = {name: getattr(trial, name) for name in ("estimator", "tau_f", "tau_b", "lr")}
        numbers = {
            "seeds": list(trial.seeds),
            "epoch": [epoch for epoch, _ in scores],
            "mean": [score.mean for _, score in scores],
            "sem": [score.sem for _, score in scores],
        }
        found.append({"method": method, "trial": trial.number} | configuration | numbers)
    return {"objective": study.objective.name, "curves": found}
