"""Runs or resumes one study on Ray: the driver. It holds the study's lease, and writes everything that
happens to the ledger.
"""

import gc
import os
import platform
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from trainables.tasks import task_metrics, task_type
from tuner.driver.cancellation import listening
from tuner.driver.ray_private import in_job
from tuner.driver.tune_run import check, train
from tuner.errors import LeaseLostError, LedgerError, UserError
from tuner.evidence.report import write_report
from tuner.ledger.lease import LEASE_S, Lease
from tuner.ledger.projection import Projection
from tuner.ledger.rows import StudyRow, StudyState, TrialState
from tuner.ledger.store import Ledger
from tuner.ledger.study_queue import StudyQueue
from tuner.network import reach_loopback_directly
from tuner.settings import Settings
from tuner.spec.study import StudySpec, parse_spec
from tuner.strategies import Signal, strategy_for
from tuner.tracking.projector import Projector
from tuner.tracking.server import MlflowServer

_MLFLOW_PATIENCE_S = 60.0  # for what is left to send when the training is over


@dataclass(frozen=True)
class Outcome:
    """What a run made."""

    study: StudyRow
    files: list[Path]  # report, JSON, figures, the folder of their vector forms
    mlflow: str | None  # the study's run in the MLflow UI
    mlflow_problem: str | None  # why MLflow does not have everything


def submit(ledger: Ledger, spec: StudySpec) -> str:
    """Adds a study to the ledger and returns its id."""
    objective = task_type(spec.task).objective
    return ledger.create_study(
        name=spec.name,
        task=spec.task,
        spec=spec.model_dump(mode="json"),
        objective=objective.name,
        direction=objective.direction,
    )


def drive(
    ledger: Ledger, study_id: str, settings: Settings, *, mlflow: bool = True, say: Callable[[str], None]
) -> Outcome:
    """Trains what the study lacks, to its end.

    Args:
        ledger: holds the study.
        study_id: the study.
        settings: where things are.
        mlflow: whether the study is shown in MLflow.
        say: prints a line for the user.

    Raises:
        UserError: it cannot be trained, or another driver has it.
        LeaseLostError: another driver took it over.
        KeyboardInterrupt: the user stopped it; it can be resumed.
        CancelledError: the user cancelled it, and that is done.
    """
    reach_loopback_directly()
    spec = parse_spec(ledger.study(study_id).spec)
    needs = check(spec, settings)
    ledger.patience_s = settings.ledger_patience_s
    lease = ledger.acquire(study_id, _host())
    with ExitStack() as stack:
        stack.enter_context(_interrupted_on_error(ledger, lease))
        stack.enter_context(_renewing(ledger, lease))
        projector = None
        if mlflow:
            uri = stack.enter_context(_mlflow(settings))
            projector = Projector(ledger, study_id, uri)
            projector.start()
            say(f"MLflow  {uri}")
        with _cancelled_when_asked(ledger, lease):
            train(ledger, lease, spec, needs, settings, say)
        gc.collect()  # Tune's objects hold each other; the analysis needs the memory
        _settle(ledger, lease, spec)
        row = ledger.study(study_id)
        files = _report(ledger, row, settings)
        for leftover in ("checkpoints", "tune"):
            shutil.rmtree(settings.home_folder / leftover / study_id, ignore_errors=True)
        problem = _complete(projector, files, settings.artifacts_folder(study_id)) if projector else None
        return Outcome(row, files, projector.address if projector else None, problem)


def drive_job(ledger: Ledger, study_id: str, settings: Settings, *, say: Callable[[str], None]) -> None:
    """Drives a study that the service has accepted. One that cannot be trained at all has failed; the
    sentence says why.
    """
    try:
        check(parse_spec(ledger.study(study_id).spec), settings)
    except UserError as error:
        ledger.release(ledger.acquire(study_id, _host()), StudyState.FAILED, str(error))
        raise
    try:
        outcome = drive(ledger, study_id, settings, mlflow=settings.mlflow_uri is not None, say=say)
    except CancelledError as end:
        say(str(end))
    else:
        say(f"{outcome.study.state}; report {outcome.files[0]}")


def resend(ledger: Ledger, study_id: str, settings: Settings) -> str | None:
    """Sends a study to MLflow from its beginning. Returns its address there; raises UserError where MLflow
    does not take it.
    """
    row = ledger.study(study_id)
    files = _report(ledger, row, settings)
    Projection(ledger).reset(study_id)
    with _mlflow(settings, ready=True) as uri:
        projector = Projector(ledger, study_id, uri)
        projector.start()
        if problem := _complete(projector, files, settings.artifacts_folder(study_id)):
            raise UserError(f"MLflow at {uri} did not take study {study_id}: {problem}")
        return projector.address


@contextmanager
def _mlflow(settings: Settings, *, ready: bool = False) -> Iterator[str]:
    """The address of the MLflow server that the settings name, or of a private one, which need not be ready
    at once.
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
    """Ends the study in the state that its trials say."""
    trials = ledger.trials(lease.study_id)
    if not all(t.terminal for t in trials) or strategy_for(spec).suggest(trials, 1) is not Signal.DONE:
        raise UserError(
            f"study {lease.study_id} stopped before its end; `tuner resume {lease.study_id}` continues it"
        )
    failed = [t for t in trials if t.state is TrialState.FAILED]
    if len(failed) == len(trials):
        ledger.release(lease, StudyState.FAILED, f"every trial failed: {failed[0].reason}")
    else:
        ledger.release(
            lease, StudyState.SUCCEEDED, f"{len(failed)} of {len(trials)} trials failed" if failed else None
        )


def _report(ledger: Ledger, study: StudyRow, settings: Settings) -> list[Path]:
    folder = settings.report_folder(study.id)
    try:
        return write_report(
            study,
            ledger.trials(study.id),
            ledger.stream(study.id),
            folder,
            artifacts=settings.artifacts_folder(study.id),
            metrics=task_metrics(study.task),
        )
    except OSError as error:
        raise UserError(
            f"study {study.id} has {study.state}, but its report cannot be written to {folder}: "
            f"{error.strerror}; "
            f"`tuner report {study.id}` writes it when that is put right"
        ) from error


def _complete(projector: Projector, files: Sequence[Path], artifacts: Path) -> str | None:
    """Sends the rest to MLflow, artifacts included. Returns what went wrong; the study is safe in the ledger
    either way.
    """
    if not projector.finish(_MLFLOW_PATIENCE_S):
        return projector.problem or f"it did not take everything within {_MLFLOW_PATIENCE_S:.0f} s"
    projector.publish(files, artifacts)
    return projector.problem


@contextmanager
def _renewing(ledger: Ledger, lease: Lease) -> Iterator[None]:
    """Keeps the lease while a block runs. A lease that is lost shows at the next write, which raises."""
    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(LEASE_S / 3):
            try:
                ledger.renew(lease)
            except LeaseLostError:
                return
            except LedgerError:
                continue  # the next report that cannot be written says so

    thread = threading.Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


class CancelledError(UserError):
    """The study was cancelled while it ran."""


@contextmanager
def _cancelled_when_asked(ledger: Ledger, lease: Lease) -> Iterator[None]:
    """Stops a block, which trains, when a cancel is asked for, and says so in the ledger once it has
    stopped.
    """

    def orphaned() -> None:
        ledger.patience_s = 0.0  # as below
        with suppress(LeaseLostError, LedgerError):
            ledger.release(lease, StudyState.INTERRUPTED, "the Ray that ran it has ended")
        os._exit(1)  # the main thread waits for Ray

    with listening(ledger, lease.study_id, orphaned=orphaned if in_job() else None) as cancellation:
        try:
            yield
        except KeyboardInterrupt:
            if not cancellation.heard:
                raise
            StudyQueue(ledger).end_cancelled(lease)
            raise CancelledError(
                f"study {lease.study_id} was cancelled; what it had finished is kept"
            ) from None


@contextmanager
def _interrupted_on_error(ledger: Ledger, lease: Lease) -> Iterator[None]:
    """Gives the lease back when a run ends early, so that it can be resumed at once."""
    try:
        yield
    except (LeaseLostError, CancelledError):
        raise
    except BaseException as error:
        reason = (
            "stopped by the user"
            if isinstance(error, KeyboardInterrupt)
            else f"{type(error).__name__}: {error}"
        )
        ledger.patience_s = 0.0  # without it the study counts as interrupted, too, once we have ended
        with suppress(
            LeaseLostError, LedgerError
        ):  # it had been given back (the study had ended), or the ledger is away
            ledger.release(lease, StudyState.INTERRUPTED, reason.splitlines()[0])
        raise


def _host() -> dict[str, str]:
    """What a study ran on."""
    packages = {"tuner": "straight-through-tuner", "torch": "torch", "ray": "ray"}
    return {
        "python": platform.python_version(),
        **{name: version(package) for name, package in packages.items()},
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
    }
