"""Everything about one trial: each metric over its training, seed by seed, its files, and other trials with
the same configuration.
"""

from collections.abc import Sequence
from typing import Any

from api.answers.files import StudyFile
from tuner.evidence.over_seeds import Summary
from tuner.evidence.results import TrialResult
from tuner.ledger.rows import Measurement, StudyRow, TrialRow
from tuner.tracking.links import trial_page


def trial_detail(
    study: StudyRow,
    trial: TrialRow,
    same: Sequence[TrialRow],
    trials: int,
    measured: Sequence[Measurement],
    files: Sequence[StudyFile],
    mlflow: str | None,
) -> dict[str, Any]:
    """A trial's JSON; `same` are the study's other trials of its method, `trials` counts them all, `measured`
    are its reports, `mlflow` is MLflow's address.
    """
    return TrialResult.of(trial).plain() | {
        "seeds": list(trial.seeds),
        "epoch": trial.epoch,
        "attempts": trial.attempts,
        "started_at": trial.started_at.isoformat() if trial.started_at else None,
        "finished_at": trial.finished_at.isoformat() if trial.finished_at else None,
        "curves": {"epoch": [m.epoch for m in measured], "metrics": _curves(measured)},
        "same": [{"number": t.number, "role": t.role, "seeds": list(t.seeds)} for t in same],
        "trials": trials,
        "files": [file.plain() for file in files],
        "mlflow": trial_page(mlflow, study, trial.number) if mlflow else None,
    }


def _curves(measured: Sequence[Measurement]) -> dict[str, Any]:
    """{metric: mean, sem and each seed's values over the reports}; None where a report has no such value."""
    names = list(dict.fromkeys(name for m in measured for name in m.metrics))
    return {name: _curve([m.metrics.get(name, []) for m in measured]) for name in names}


def _curve(values: Sequence[Sequence[float | None]]) -> dict[str, Any]:
    scores = [Summary.of(report) for report in values]
    seeds = range(max(map(len, values), default=0))
    return {
        "mean": [score.mean for score in scores],
        "sem": [score.sem for score in scores],
        "seeds": [[report[s] if s < len(report) else None for report in values] for s in seeds],
    }
