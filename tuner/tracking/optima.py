"""The optima of all studies in one experiment of MLflow: a run for each study and confirmed method, so that
the optima off the diagonal can be compared across studies.

It is made from the ledger. A run carries a hash of its content, and is replaced when the content has changed.
So sending it again creates no duplicates.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tuner.evidence.over_seeds import Gain
from tuner.evidence.results import Results, TrialResult
from tuner.evidence.selection import ARGMAX, OFF, ON
from tuner.ledger.methods import setting_text
from tuner.ledger.rows import TERMINAL_STUDY_STATES, StudyRow
from tuner.tracking.mlflow_private import COLOUR_TAG

EXPERIMENT = "optima"
_SPEC_PARAMS = ("dataset", "epochs", "steps", "batch_size")
_MOST_TEXT = 500  # characters of a parameter
# Okabe & Ito's palette, as in the figures. The three tasks of the paper have the first three.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_PAPER = ("sbn", "catae", "dln")


@dataclass(frozen=True)
class OptimumRun:
    """A run of the experiment: a confirmed method of a study."""

    tags: dict[str, str]
    params: dict[str, str]
    metrics: dict[str, float]

    @property
    def fingerprint(self) -> str:
        """Changes with what the run says."""
        content = json.dumps([self.tags, self.params, self.metrics], sort_keys=True)
        return hashlib.blake2b(content.encode(), digest_size=8).hexdigest()


def optimum_runs(study: StudyRow, found: Results) -> list[OptimumRun]:
    """The runs of a study; none before its end."""
    if study.state not in TERMINAL_STUDY_STATES:
        return []
    return [
        OptimumRun(
            tags=_tags(study, found, method),
            params=dict(_params(study, method, trial)),
            metrics=dict(_metrics(found, method, trial)),
        )
        for method, trial in found.confirmed.items()
    ]


def _tags(study: StudyRow, found: Results, method: str) -> dict[str, str]:
    return {
        "mlflow.runName": f"{study.name} {method}",
        "study": study.id,
        "method": method,
        "task": study.task,
        "verdict": found.verdict,
        COLOUR_TAG: _colour(study.task),
    }


def _colour(task: str) -> str:
    """Of a task: a task of a user's own has one of those that are left."""
    if task in _PAPER:
        return _COLOURS[_PAPER.index(task)]
    left = _COLOURS[len(_PAPER) :]
    return left[hashlib.blake2b(task.encode(), digest_size=1).digest()[0] % len(left)]


def _params(study: StudyRow, method: str, trial: TrialResult) -> Iterator[tuple[str, str]]:
    named: dict[str, Any] = {
        "task": study.task,
        "study": study.id,
        "method": method,
        "estimator": trial.estimator,
        "tau_f": trial.tau_f,
        "tau_b": trial.tau_b,
        "lr": trial.lr,
        **{name: setting_text(value) for name, value in trial.settings.items()},
        "objective": study.objective.name,
        "strategy": study.strategy,
        **{name: study.spec.get(name) for name in _SPEC_PARAMS},
        **{f"options.{name}": value for name, value in study.spec.get("options", {}).items()},
    }
    for name, value in named.items():
        if value is not None:
            yield name, str(value)[:_MOST_TEXT]


def _metrics(found: Results, method: str, trial: TrialResult) -> Iterator[tuple[str, float]]:
    """The objective on fresh seeds, as `objective` and by its own name; how much the method gains over the
    diagonal, and how much off the diagonal gains over it, each with the ends of its 95 % interval; and the
    temperatures once more, which MLflow plots against each other only where they are metrics.
    """
    for name, value in (("tau_f", trial.tau_f), ("tau_b", trial.tau_b)):
        if value is not None:
            yield name, value
    if trial.objective.mean is not None:
        yield "objective", trial.objective.mean
        yield found.objective.name, trial.objective.mean
    if trial.objective.sem is not None:
        yield "objective_sem", trial.objective.sem
    over_diagonal = {OFF: found.gain, ARGMAX: found.argmax.gain if found.argmax else None}
    yield from _gain("gain", over_diagonal.get(method))
    yield from _gain("off_diagonal_gain", found.gain if method == ON else found.gains.get(method))


def _gain(name: str, gain: Gain | None) -> Iterator[tuple[str, float]]:
    if gain is None or not gain.confirmed or gain.mean is None:
        return
    yield name, gain.mean
    if gain.ci95 is not None:
        for end, value in zip(("low", "high"), gain.ci95, strict=True):
            yield f"{name}_{end}", value


def send_optima(client: Any, experiment: str, study: StudyRow, runs: list[OptimumRun], ended_ms: int) -> None:
    """Makes the experiment have exactly these runs of the study.

    Args:
        client: MLflow's.
        experiment: id of the experiment.
        study: whose they are.
        runs: what `optimum_runs` made.
        ended_ms: when the study ended, in ms since 1970.
    """
    from mlflow.entities import Metric, Param

    wanted = {run.fingerprint: run for run in runs}
    there = client.search_runs([experiment], f"tags.study = '{study.id}'", max_results=1000)
    for old in there:
        whole = old.info.status == "FINISHED"  # else its sending was cut short
        if not whole or wanted.pop(old.data.tags.get("content", ""), None) is None:
            client.delete_run(old.info.run_id)
    for fingerprint, run in wanted.items():
        tags = run.tags | {"content": fingerprint}
        run_id = client.create_run(experiment, start_time=ended_ms, tags=tags).info.run_id
        client.log_batch(
            run_id,
            metrics=[Metric(name, value, ended_ms, 0) for name, value in run.metrics.items()],
            params=[Param(name, value) for name, value in run.params.items()],
        )
        client.set_terminated(run_id, "FINISHED", end_time=ended_ms)
