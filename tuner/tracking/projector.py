"""MLflow as a projection of the ledger: one parent run for a study, one child for a trial; the only file that
imports mlflow.

A background thread tails the ledger's measurements past a cursor that the ledger keeps. A run is found by its
tags before it is created, and timestamps come from the ledger, so sending again after a failure doubles
nothing. MLflow may be away for as long as it likes: training does not wait for it.
"""

import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from tuner.evidence.analysis import results
from tuner.evidence.over_seeds import Summary
from tuner.evidence.results import Results
from tuner.ledger.methods import DECOUPLED
from tuner.ledger.projection import Projection
from tuner.ledger.rows import (
    TERMINAL_STUDY_STATES,
    Measurement,
    Role,
    StudyRow,
    StudyState,
    TrialRow,
    TrialState,
)
from tuner.ledger.store import Ledger
from tuner.tracking.links import comparison

# Read by mlflow when a request is made. Its defaults wait for minutes on a server that is away; this thread
# just comes again.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")

_BATCH = 1000  # metrics in one request: MLflow's limit
_PASS = 5000  # measurements in one pass, so that the cursor moves
_EVERY_S = 3.0
_STUDY_STATUS = {
    StudyState.SUCCEEDED: "FINISHED",
    StudyState.FAILED: "FAILED",
    StudyState.CANCELLED: "KILLED",
}
_TRIAL_STATUS = {
    TrialState.SUCCEEDED: "FINISHED",
    TrialState.FAILED: "FAILED",
    TrialState.DIVERGED: "FAILED",
    TrialState.STOPPED: "KILLED",
}


class Projector:
    """Sends one study to MLflow."""

    def __init__(self, ledger: Ledger, study_id: str, uri: str) -> None:
        self._ledger, self._study_id, self._uri = ledger, study_id, uri
        self._projection = Projection(ledger)
        self._runs: dict[int, str] | None = None  # trial number -> run id, once looked up
        self._parent = ""
        self.experiment = ""
        self.problem: str | None = None  # why the last pass failed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="mlflow-projector", daemon=True)

    @property
    def address(self) -> str | None:
        """The study's parent run in the MLflow UI, once it exists."""
        page = (
            f"{self._uri}/#/experiments/{self.experiment}/runs/{self._parent}?workflowType=machine_learning"
        )
        return page if self._parent else None

    def start(self) -> None:
        """Begins to send in the background."""
        self._thread.start()

    def finish(self, timeout_s: float) -> bool:
        """Ends the background thread and sends the rest. Returns whether MLflow now has everything; `problem`
        says why not.
        """
        self._stop.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive() and self._attempt()

    def sync(self) -> bool:
        """Sends what the ledger has and MLflow lacks. Returns whether that was all of it. Raises what MLflow
        raises.
        """
        from mlflow import MlflowClient  # takes seconds to import, and not every command needs it

        client = MlflowClient(tracking_uri=self._uri)
        study = self._ledger.study(self._study_id)
        if self._runs is None:
            self._runs = self._find_runs(client, study)
        # Asked for before the measurements: a trial that has ended by now has all of its measurements.
        cursor, ended = self._projection.sent(self._study_id)
        new = self._ledger.measurements(self._study_id, after=cursor, limit=_PASS)
        by_trial = defaultdict(list)
        for measurement in new:
            by_trial[measurement.trial_id].append(measurement)
        # Only these: a pass must not cost more the more trials are done.
        trials = self._ledger.trials(self._study_id, ids={*by_trial, *sorted(ended)[:_PASS]})
        for trial in trials:
            run = self._runs.get(trial.number) or self._create_run(client, study, trial)
            self._send(client, run, study, by_trial[trial.id])
        if new:
            self._projection.note(self._study_id, cursor=new[-1].id)
        if len(new) == _PASS:
            return False
        self._close(client, [t for t in trials if t.id in ended])
        return len(ended) <= _PASS

    def publish(self, files: Iterable[Path], artifacts: Path) -> None:
        """Attaches files, and the folder of the trials' artifacts if any, to the study's run, and ends it if
        it has ended.

        Where MLflow does not take them, `problem` says why.
        """
        self._reaching(lambda: self._publish(files, artifacts))

    def _publish(self, files: Iterable[Path], artifacts: Path) -> None:
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=self._uri)
        study = self._ledger.study(self._study_id)
        found = results(study, self._ledger.trials(self._study_id), self._ledger.stream(self._study_id))
        if found.gain:
            client.log_metric(self._parent, "gain", found.gain.mean, timestamp=_ms(study.finished_at), step=0)
        client.set_tag(self._parent, "verdict", found.verdict)
        client.set_tag(self._parent, "mlflow.note.content", _note(self.experiment, study, found))
        client.log_text(self._parent, yaml.safe_dump(study.spec, sort_keys=False), "spec.yaml")
        for file in files:
            if file.is_dir():
                client.log_artifacts(self._parent, str(file), file.name)
            else:
                client.log_artifact(self._parent, str(file))
        if artifacts.is_dir():
            client.log_artifacts(self._parent, str(artifacts), "confirmed")
        if study.state in TERMINAL_STUDY_STATES:
            client.set_terminated(self._parent, _STUDY_STATUS[study.state], end_time=_ms(study.finished_at))

    def _loop(self) -> None:
        while not self._stop.is_set():
            self._attempt()
            self._stop.wait(_EVERY_S)

    def _attempt(self) -> bool:
        """sync until all is sent; False where MLflow does not answer, with the reason in `problem`."""

        def all_of_it() -> None:
            while not self.sync():
                pass

        return self._reaching(all_of_it)

    def _reaching(self, send: Callable[[], None]) -> bool:
        """Does something with MLflow, which may be away: whether it worked; `problem` says why not."""
        from mlflow.exceptions import MlflowException
        from requests.exceptions import RequestException

        try:
            send()
        except (MlflowException, RequestException, OSError) as error:
            self.problem = str(error).strip().splitlines()[0]
            self._runs = None  # a run may have been created without our hearing of it: look again
            return False
        self.problem = None
        return True

    def _find_runs(self, client: Any, study: StudyRow) -> dict[int, str]:
        """The runs of this study that MLflow already has; makes the experiment and the parent run where they
        are missing.
        """
        found = client.get_experiment_by_name(study.name)
        # The tag makes the UI open on a table of runs; without it, it guesses that this is about language
        # models.
        kind = {"mlflow.experimentKind": "custom_model_development"}
        self.experiment = found.experiment_id if found else client.create_experiment(study.name, tags=kind)
        parents = client.search_runs(
            [self.experiment], f"tags.study = '{study.id}' and tags.role = 'study'", max_results=1
        )
        if parents:
            self._parent = parents[0].info.run_id
        else:
            tags = {
                "mlflow.runName": f"{study.name} {study.id}",
                "study": study.id,
                "role": "study",
                "task": study.task,
            }
            run = client.create_run(self.experiment, start_time=_ms(study.created_at), tags=tags)
            self._parent = run.info.run_id
            for name in ("dataset", "seeds", "epochs", "steps", "batch_size", "confirm_seeds"):
                if study.spec.get(name) is not None:
                    client.log_param(self._parent, name, study.spec[name])
        self._projection.note(study.id, run=f"{self.experiment}/{self._parent}")
        runs: dict[int, str] = {}
        token = None
        while True:
            page = client.search_runs(
                [self.experiment], f"tags.`mlflow.parentRunId` = '{self._parent}'", page_token=token
            )
            runs |= {int(run.data.tags["trial"]): run.info.run_id for run in page}
            token = page.token
            if not token:
                return runs

    def _create_run(self, client: Any, study: StudyRow, trial: TrialRow) -> str:
        from mlflow.entities import Param

        tags = {
            "mlflow.parentRunId": self._parent,
            "mlflow.runName": _run_name(trial),
            "study": study.id,
            "trial": str(trial.number),
            "role": trial.role,
            "estimator": trial.estimator,
            "off_diagonal": str(trial.off_diagonal).lower(),
        }
        started = trial.started_at or study.created_at
        run_id: str = client.create_run(self.experiment, start_time=_ms(started), tags=tags).info.run_id
        params = {
            "estimator": trial.estimator,
            "tau_f": trial.tau_f,
            "tau_b": trial.tau_b,
            "lr": trial.lr,
            "role": trial.role,
        }
        params |= {"variant": trial.variant.text or None, "seeds": len(trial.seeds)}
        params |= {"task": study.task, "dataset": study.spec.get("dataset")}
        client.log_batch(
            run_id, params=[Param(name, str(value)) for name, value in params.items() if value is not None]
        )
        assert self._runs is not None
        self._runs[trial.number] = run_id
        return run_id

    def _send(self, client: Any, run: str, study: StudyRow, new: list[Measurement]) -> None:
        from mlflow.entities import Metric

        # Reports come at most once an epoch, so epochs can be the steps of the UI's curves; else the number
        # of the report is.
        in_epochs = study.spec.get("epochs") is not None
        metrics = [
            Metric(name, value, _ms(m.recorded_at), round(m.epoch) if in_epochs else m.interval)
            for m in new
            for name, value in _means(m)
        ]
        for start in range(0, len(metrics), _BATCH):
            client.log_batch(run, metrics=metrics[start : start + _BATCH])

    def _close(self, client: Any, trials: list[TrialRow]) -> None:
        """Ends the runs of trials that have ended."""
        assert self._runs is not None
        for trial in trials:
            run = self._runs[trial.number]
            client.set_tag(run, "state", trial.state)
            client.set_terminated(run, _TRIAL_STATUS[trial.state], end_time=_ms(trial.finished_at))
        self._projection.note(self._study_id, closed=[t.id for t in trials])


def _run_name(trial: TrialRow) -> str:
    """Short enough for the UI's narrow column: "f0.1 b0.7", "softmax 0.5", "confirm f0.1 b0.7", "control f1
    b7".
    """
    if trial.estimator == DECOUPLED:
        name = f"f{trial.tau_f:g} b{trial.tau_b:g}"
    else:
        name = trial.estimator if trial.tau_b is None else f"{trial.estimator} {trial.tau_b:g}"
    return f"{trial.role} {name}" if trial.role in (Role.CONFIRM, Role.CONTROL) else name


def _note(experiment: str, study: StudyRow, found: Results) -> str:
    """The text of the study's run in the UI: the verdict, and links to comparisons of its trials."""

    def link(text: str, condition: str) -> str:
        return f"[{text}]({comparison(experiment, study, condition)})"

    links = [
        link("the search", "tags.role = 'search'"),
        link("off the diagonal", "tags.off_diagonal = 'true' and tags.role = 'search'"),
        link("baselines", "tags.role = 'baseline'"),
        link("fresh seeds", "tags.role = 'confirm'"),
    ]
    heading = f"**{_sentence(found.verdict)}** {_sentence(found.verdict_reason)}"
    return f"{heading}\n\nCompare: {' · '.join(links)}. Landscape and report are among the artifacts."


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _means(measurement: Measurement) -> Iterable[tuple[str, float]]:
    """Mean over seeds and its standard error for each metric; a mean over seeds of which one diverged would
    mislead: none.
    """
    for name, values in measurement.metrics.items():
        over_seeds = Summary.of(values)
        if over_seeds.mean is not None:
            yield name, over_seeds.mean
        if over_seeds.sem is not None:
            yield f"{name}_sem", over_seeds.sem


def _ms(time: datetime | None) -> int | None:
    return None if time is None else int(time.timestamp() * 1000)
