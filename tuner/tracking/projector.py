"""Sends a study from the ledger to MLflow: one parent run for the study, one child run for each trial.

A background thread sends the measurements; the ledger keeps how far it has come. A run is looked for by its
tags before it is created, and timestamps come from the ledger, so sending again after a failure creates no
duplicates. MLflow may be unreachable for any length of time: training does not wait for it.
"""

import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tuner.evidence.of_study import results_of
from tuner.evidence.results import Results
from tuner.ledger.projection import Projection
from tuner.ledger.rows import (
    TERMINAL_STUDY_STATES,
    Measurement,
    StudyRow,
    StudyState,
    TrialRow,
    TrialState,
)
from tuner.ledger.store import Ledger
from tuner.ledger.study_metrics import metrics_of
from tuner.tracking.content import (
    metrics,
    milliseconds,
    note,
    study_params,
    study_tags,
    trial_params,
    trial_tags,
)
from tuner.tracking.mlflow_private import (
    CLIENT_ENVIRONMENT,
    EXPERIMENT_TAGS,
    NOTE_TAG,
    SHARED_VIEW_TAG,
    run_address,
)
from tuner.tracking.optima import EXPERIMENT, optimum_runs, send_optima
from tuner.tracking.views import OPTIMA_KEY, optima_view, study_view

# Read by mlflow when a request is made. Its defaults wait for minutes on a server that is away; the projector
# tries again a few seconds later anyway.
_ENVIRONMENT = CLIENT_ENVIRONMENT | {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
for _name, _value in _ENVIRONMENT.items():
    os.environ.setdefault(_name, _value)

_BATCH = 1000  # metrics in one request: MLflow's limit
_PASS = 5000  # measurements in one pass, so that the cursor moves
_EVERY_S = 3.0
_NO_NUMBER = 2**31 - 1  # of a trial: none is above
_MOST_EXPERIMENTS = 100  # of one name, all but one of them deleted
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
        return f"{self._uri}/{run_address(self.experiment, self._parent)}" if self._parent else None

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
        found = results_of(study, self._ledger, artifacts)
        finished = milliseconds(study.finished_at)
        if found.gain:
            client.log_metric(self._parent, "gain", found.gain.mean, timestamp=finished, step=0)
        client.set_tag(self._parent, "verdict", found.verdict)
        client.set_tag(self._parent, NOTE_TAG, note(self.experiment, study, found))
        client.log_text(self._parent, yaml.safe_dump(study.spec, sort_keys=False), "spec.yaml")
        for file in files:
            if file.is_dir():
                client.log_artifacts(self._parent, str(file), file.name)
            else:
                client.log_artifact(self._parent, str(file))
        if artifacts.is_dir():
            client.log_artifacts(self._parent, str(artifacts), "confirmed")
        if study.state in TERMINAL_STUDY_STATES:
            client.set_terminated(self._parent, _STUDY_STATUS[study.state], end_time=finished)
            self._publish_optima(client, study, found)

    def _publish_optima(self, client: Any, study: StudyRow, found: Results) -> None:
        """Sends what the study confirmed to the experiment of all studies' optima."""
        runs = optimum_runs(study, found)
        if not runs and study.mlflow_optima is None:
            return
        experiment = _find_experiment(client, EXPERIMENT)
        client.set_experiment_tag(experiment, f"{SHARED_VIEW_TAG}{OPTIMA_KEY}", optima_view())
        send_optima(client, experiment, study, runs, milliseconds(study.finished_at) or 0)
        self._projection.note(study.id, optima=experiment)

    def _loop(self) -> None:
        while not self._stop.is_set():
            self._attempt()
            self._stop.wait(_EVERY_S)

    def _attempt(self) -> bool:
        """Sends until all is sent; False where MLflow does not answer, with the reason in `problem`."""

        def send_all() -> None:
            while not self.sync():
                pass

        return self._reaching(send_all)

    def _reaching(self, send: Callable[[], None]) -> bool:
        """Calls `send`, which speaks with MLflow. Returns whether it worked; `problem` says why not."""
        from mlflow.exceptions import MlflowException
        from requests.exceptions import RequestException

        try:
            send()
        except (MlflowException, RequestException, OSError) as error:
            self.problem = str(error).strip().splitlines()[0]
            self._runs = None  # a run may have been created and its id lost with the answer: look again
            return False
        self.problem = None
        return True

    def _find_runs(self, client: Any, study: StudyRow) -> dict[int, str]:
        """The runs of this study that MLflow already has; makes the experiment and the parent run where they
        are missing.
        """
        # The name of all studies' optima is no study's.
        name = f"study {EXPERIMENT}" if study.name == EXPERIMENT else study.name
        self.experiment = _find_experiment(client, name)
        self._parent = self._find_parent(client, study)
        view = study_view(study, metrics_of(study))
        client.set_experiment_tag(self.experiment, f"{SHARED_VIEW_TAG}{study.id}", view)
        run = f"{self.experiment}/{self._parent}"
        if study.mlflow_run not in (None, run):  # the one of before was deleted in MLflow, with all in it
            self._projection.reset(study.id)
        self._projection.note(study.id, run=run)
        runs: dict[int, str] = {}
        bare: list[int] = []  # whoever made the run was killed, or lost MLflow, before it had its parameters
        token = None
        while True:
            page = client.search_runs(
                [self.experiment], f"tags.`mlflow.parentRunId` = '{self._parent}'", page_token=token
            )
            runs |= {int(run.data.tags["trial"]): run.info.run_id for run in page}
            bare += [int(run.data.tags["trial"]) for run in page if not run.data.params]
            token = page.token
            if not token:
                break
        for trial in self._ledger.trials(study.id, numbers=bare, above=_NO_NUMBER) if bare else ():
            _log_params(client, runs[trial.number], trial_params(study, trial))
        return runs

    def _find_parent(self, client: Any, study: StudyRow) -> str:
        """The id of the study's run, which is made where it is missing."""
        condition = f"tags.study = '{study.id}' and tags.role = 'study'"
        if study.restarts:  # the run of before has trials that there are no more
            condition += f" and tags.restart = '{study.restarts}'"
        if runs := client.search_runs([self.experiment], condition, max_results=1):
            known: str = runs[0].info.run_id
            if not runs[0].data.params:
                _log_params(client, known, study_params(study))
            return known
        created, tags = milliseconds(study.created_at), study_tags(study)
        run_id: str = client.create_run(self.experiment, start_time=created, tags=tags).info.run_id
        _log_params(client, run_id, study_params(study))
        return run_id

    def _create_run(self, client: Any, study: StudyRow, trial: TrialRow) -> str:
        started = milliseconds(trial.started_at or study.created_at)
        tags = trial_tags(study, trial, self._parent)
        run_id: str = client.create_run(self.experiment, start_time=started, tags=tags).info.run_id
        _log_params(client, run_id, trial_params(study, trial))
        assert self._runs is not None
        self._runs[trial.number] = run_id
        return run_id

    def _send(self, client: Any, run: str, study: StudyRow, new: list[Measurement]) -> None:
        from mlflow.entities import Metric

        sent = [Metric(*metric) for m in new for metric in metrics(study, m)]
        for start in range(0, len(sent), _BATCH):
            client.log_batch(run, metrics=sent[start : start + _BATCH])

    def _close(self, client: Any, trials: list[TrialRow]) -> None:
        """Ends the runs of trials that have ended."""
        assert self._runs is not None
        for trial in trials:
            run = self._runs[trial.number]
            client.set_tag(run, "state", trial.state)
            client.set_terminated(run, _TRIAL_STATUS[trial.state], end_time=milliseconds(trial.finished_at))
        self._projection.note(self._study_id, closed=[t.id for t in trials])


def _log_params(client: Any, run_id: str, params: Mapping[str, Any]) -> None:
    """Writes all of a run's parameters, or none."""
    from mlflow.entities import Param

    client.log_batch(run_id, params=[Param(name, str(value)) for name, value in params.items()])


def _find_experiment(client: Any, name: str) -> str:
    """The id of the experiment of that name, which is made where it is missing. One that was deleted in
    MLflow keeps its name there, and is left as its user wanted it: then "NAME (2)", and so on.
    """
    for number in range(1, _MOST_EXPERIMENTS + 1):
        numbered = name if number == 1 else f"{name} ({number})"
        found = client.get_experiment_by_name(numbered)
        if found is None:
            made: str = client.create_experiment(numbered, tags=EXPERIMENT_TAGS)
            return made
        if found.lifecycle_stage == "active":
            return str(found.experiment_id)
    raise OSError(
        f"MLflow has {_MOST_EXPERIMENTS} deleted experiments {name!r}; remove them for good (mlflow gc)"
    )
