"""The driver: runs or resumes one study on Ray. It holds the study's lease, and writes to the ledger whatever
happens.
"""

import gc
import os
import platform
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from trainables.data import DataError
from trainables.declared import as_json
from trainables.tasks import own, task_declaration, task_metrics
from tuner.driver.cancellation import CancelledError, TimeLimit, cancelled_when_asked
from tuner.driver.heartbeat import Heartbeat
from tuner.driver.lease_keeping import give_back, given_back_on_error, renewing
from tuner.driver.material import keep_code, noted, refuse_other_material
from tuner.driver.ray_private import in_job
from tuner.driver.signals import stopping_on_signals
from tuner.driver.tune_run import check, train
from tuner.errors import UserError
from tuner.evidence.report import write_report
from tuner.home import open_home
from tuner.ledger.added_seeds import add_seeds
from tuner.ledger.lease import Lease
from tuner.ledger.projection import Projection
from tuner.ledger.rows import StudyRow, StudyState, TrialRow, TrialState
from tuner.ledger.store import Ledger
from tuner.ledger.study_metrics import metrics_of
from tuner.network import reach_loopback_directly
from tuner.settings import Settings
from tuner.spec.study import StudySpec, parse_spec
from tuner.strategies import Signal, strategy_for
from tuner.tracking.projector import Projector
from tuner.tracking.server import MlflowServer

# For what is left to send to MLflow when the training is over. A job of the service holds a place meanwhile,
# and leaves what MLflow does not take at once to the service (api/studies/completer.py).
_MLFLOW_PATIENCE_S = 60.0
_JOBS_MLFLOW_PATIENCE_S = 5.0


@dataclass(frozen=True)
class Outcome:
    """What a driver has made of a study."""

    study: StudyRow
    files: list[Path]  # report, JSON, figures, the folder of their vector forms
    mlflow: str | None  # the study's run in the MLflow UI
    mlflow_problem: str | None  # why MLflow does not have everything


def submit(ledger: Ledger, spec: StudySpec) -> str:
    """Adds a study to the ledger and returns its id."""
    objective = task_declaration(spec.task).objective
    return ledger.create_study(
        name=spec.name,
        task=spec.task,
        spec=spec.model_dump(mode="json"),
        objective=objective.name,
        direction=objective.direction,
        metrics=as_json(task_metrics(spec.task)) if own.registered(spec.task) is not None else None,
    )


def add_fresh_seeds(ledger: Ledger, study: StudyRow, settings: Settings, seeds: int) -> None:
    """Adds a block of fresh seeds to a study that has succeeded, to be trained by a driver on this machine.
    Raises UserError, and adds nothing, where they could not be trained.
    """
    spec = parse_spec(study.spec)
    refuse_other_material(study, check(spec, settings).material)
    add_seeds(ledger, study.id, seeds, room=spec.room_for_seeds, service=False)


def drive(
    ledger: Ledger,
    study_id: str,
    settings: Settings,
    *,
    mlflow: bool = True,
    job: str | None = None,
    say: Callable[[str], None],
) -> Outcome:
    """Trains what the ledger lacks of a study, and writes its report. A new study lacks everything; one that
    was interrupted, also by a kill, goes on from the trials and checkpoints that it has.

    Args:
        ledger: holds the study.
        study_id: the study.
        settings: folders, addresses and devices.
        mlflow: whether the study is sent to MLflow.
        job: submission id of the Ray job that this driver is; None for a driver that is no Ray job.
        say: prints a line for the user.

    Raises:
        UserError: the study cannot be trained, or another driver has it.
        LeaseLostError: another driver took it over.
        KeyboardInterrupt: the user stopped it, by Ctrl-C or a signal (StoppedBySignal); it can be resumed.
        CancelledError: the user cancelled it; the ledger says so already.
    """
    reach_loopback_directly()
    open_home(settings.home_folder)
    row = ledger.study(study_id)
    if job is None:
        _register_file(row.task)
    spec = parse_spec(row.spec).with_added(row.added_seeds)
    needs = check(spec, settings)
    refuse_other_material(row, needs.material)
    ledger.patience_s = settings.ledger_patience_s
    lease = ledger.acquire(study_id, {"examples": needs.examples} | this_host(), job=job)
    heartbeat = Heartbeat()
    with ExitStack() as stack:
        stack.enter_context(given_back_on_error(ledger, lease))
        stack.enter_context(renewing(ledger, lease, heartbeat))
        ledger.note_material(lease, noted(row, needs.material))
        keep_code(spec, settings.code_folder(study_id))
        stack.enter_context(stopping_on_signals())
        projector = None
        if mlflow:
            uri = stack.enter_context(_mlflow(settings))
            projector = Projector(ledger, study_id, uri)
            projector.start()
            say(f"MLflow  {uri}")
        limit = TimeLimit(spec.max_hours, row.run_s) if spec.max_hours is not None else None
        orphaned = _end_with_ray(ledger, lease)
        with cancelled_when_asked(ledger, lease, time_limit=limit, when_orphaned=orphaned):
            train(ledger, lease, spec, needs, settings, say, heartbeat)
        gc.collect()  # Tune's objects hold each other; the analysis needs the memory
        heartbeat.beat()
        _settle(ledger, lease, spec)
        row = ledger.study(study_id)
        files = report_files(ledger, row, settings)
        heartbeat.beat()
        for leftover in ("checkpoints", "tune"):
            shutil.rmtree(settings.home_folder / leftover / study_id, ignore_errors=True)
        patience_s = _MLFLOW_PATIENCE_S if job is None else _JOBS_MLFLOW_PATIENCE_S
        artifacts = settings.artifacts_folder(study_id)
        problem = _complete(projector, files, artifacts, patience_s) if projector else None
        return Outcome(row, files, projector.address if projector else None, problem)


def _register_file(task: str) -> None:
    """Loads the task if its name is that of a file (my_model.py:Task). Jobs of the service run no files.
    Raises UserError.
    """
    if own.is_file(task) and own.registered(task) is None:
        try:
            own.register_file(task)
        except (ValueError, DataError) as error:
            raise UserError(str(error)) from error


def _end_with_ray(ledger: Ledger, lease: Lease) -> Callable[[], None] | None:
    """What this driver does, if it is a Ray job, when its Ray has ended; None if it is no Ray job."""
    if not in_job():
        return None

    def end() -> None:
        give_back(ledger, lease, "the Ray that ran it has ended")
        os._exit(1)  # the main thread waits for Ray

    return end


def drive_job(
    ledger: Ledger, study_id: str, settings: Settings, *, job: str | None, say: Callable[[str], None]
) -> None:
    """Drives a study that the service has accepted. If it cannot be trained at all, it ends in the state
    failed, with the error as its reason.
    """
    study = ledger.study(study_id)
    try:
        refuse_other_material(study, check(parse_spec(study.spec), settings).material)
    except UserError as error:
        # A study to which seeds were added has succeeded before, and its earlier results stand.
        state, what = (
            (StudyState.SUCCEEDED, "fresh seeds were added and are not trained: ")
            if study.added_seeds
            else (StudyState.FAILED, "")
        )
        ledger.release(ledger.acquire(study_id, this_host(), job=job), state, f"{what}{error}")
        raise
    try:
        outcome = drive(ledger, study_id, settings, mlflow=settings.mlflow_uri is not None, job=job, say=say)
    except CancelledError as end:
        say(str(end))
    else:
        say(f"{outcome.study.state}; report {outcome.files[0]}")


def resend(ledger: Ledger, study_ids: Sequence[str], settings: Settings) -> Iterator[tuple[str, str | None]]:
    """Sends studies to MLflow from the beginning, one after the other. Yields each id with the address of its
    run; raises UserError where MLflow does not accept a study.
    """
    with _mlflow(settings, ready=True) as uri:
        for study_id in study_ids:
            files = report_files(ledger, ledger.study(study_id), settings)
            Projection(ledger).reset(study_id)
            projector = Projector(ledger, study_id, uri)
            projector.start()
            artifacts = settings.artifacts_folder(study_id)
            if problem := _complete(projector, files, artifacts, _MLFLOW_PATIENCE_S):
                raise UserError(f"MLflow at {uri} did not take study {study_id}: {problem}")
            yield study_id, projector.address


@contextmanager
def _mlflow(settings: Settings, *, ready: bool = False) -> Iterator[str]:
    """The address of the MLflow server that the settings name, or of a private one that is started here.
    Waits until a private one answers only if `ready`.
    """
    if settings.mlflow_uri:
        yield settings.mlflow_uri
        return
    server = MlflowServer(settings.home_folder)
    try:
        if ready:
            server.wait_until_ready()
        yield server.uri
    finally:
        server.stop()


def _settle(ledger: Ledger, lease: Lease, spec: StudySpec) -> None:
    """Ends the study, as failed if no trial succeeded. Raises UserError if trials are lacking."""
    trials = ledger.trials(lease.study_id)
    if not all(t.terminal for t in trials) or strategy_for(spec).suggest(trials, 1) is not Signal.DONE:
        raise UserError(
            f"study {lease.study_id} stopped before its end; `tuner resume {lease.study_id}` continues it"
        )
    if any(t.state is TrialState.SUCCEEDED for t in trials):
        ledger.release(lease, StudyState.SUCCEEDED, what_went_wrong(trials))
    else:
        ledger.release(lease, StudyState.FAILED, f"no trial succeeded: {what_went_wrong(trials)}")


def what_went_wrong(trials: Sequence[TrialRow]) -> str | None:
    """How many trials failed and diverged, and why the first of each did; None where none did."""
    parts = []
    for state in (TrialState.FAILED, TrialState.DIVERGED):
        if bad := [t for t in trials if t.state is state]:
            first = bad[0]
            parts.append(
                f"{len(bad)} of {len(trials)} trials {state} (trial {first.number}, {first.description}, "
                f"lr {first.lr:g}: {first.reason})"
            )
    return "; ".join(parts) or None


def report_files(ledger: Ledger, study: StudyRow, settings: Settings) -> list[Path]:
    """Writes a study's report into its folder, and returns the files. Raises UserError where it cannot be
    written.
    """
    folder = settings.report_folder(study.id)
    try:
        return write_report(
            study,
            ledger.trials(study.id),
            ledger.stream(study.id),
            folder,
            artifacts=settings.artifacts_folder(study.id),
            metrics=metrics_of(study),
        )
    except OSError as error:
        raise UserError(
            f"study {study.id} has {study.state}, but its report cannot be written to {folder}: "
            f"{error.strerror}; "
            f"`tuner report {study.id}` writes it when that is put right"
        ) from error


def _complete(projector: Projector, files: Sequence[Path], artifacts: Path, patience_s: float) -> str | None:
    """Sends the rest to MLflow, artifacts included. Returns what went wrong, or None; the study is complete
    in the ledger either way.
    """
    if not projector.finish(patience_s):
        return projector.problem or f"it did not take everything within {patience_s:.0f} s"
    projector.publish(files, artifacts)
    return projector.problem


def this_host() -> dict[str, str]:
    """Versions of the packages, and the machine, that a study runs on."""
    packages = {"tuner": "straight-through-tuner", "torch": "torch", "ray": "ray"}
    return {
        "python": platform.python_version(),
        **{name: version(package) for name, package in packages.items()},
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
    }
