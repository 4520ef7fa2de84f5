"""Runs or resumes one study on Ray: the driver. It holds the study's lease, and writes everything that happens to the ledger."""

import math
import os
import platform
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from trainables.data import DataError, load
from trainables.tasks import task_type
from tuner.cancelling import listening
from tuner.engine import devices, in_job, started
from tuner.errors import UserError
from tuner.evidence.report import write_report
from tuner.history import History
from tuner.ledger import LEASE_S, Lease, LeaseLostError, Ledger, LedgerError
from tuner.mlflow_server import MlflowServer
from tuner.placement import Placement, trials_per_population
from tuner.progress import Progress, ProgressLine
from tuner.queue import Queue
from tuner.rows import StudyRow, TrialRow
from tuner.settings import Settings
from tuner.spec import StudySpec, parse_spec
from tuner.strategies import Signal, strategy_for
from tuner.tracking import Projector

_MAX_FAILURES = 2  # times Ray restarts a population whose worker died
_MLFLOW_PATIENCE_S = 60.0  # for what is left to send when the training is over


@dataclass(frozen=True)
class Needs:
    """What the engine must know of a study's task before it trains."""

    bytes_per_member: int
    epochs: float  # length of one member's training


@dataclass(frozen=True)
class Outcome:
    """What a run made."""

    study: StudyRow
    files: list[Path]  # report, JSON, figures, the folder of their vector forms
    mlflow: str | None  # the study's run in the MLflow UI
    mlflow_problem: str | None  # why MLflow does not have everything


def check(spec: StudySpec, settings: Settings) -> Needs:
    """Looks whether a study can be trained at all: its data is there, its batch fits. Raises UserError."""
    try:
        dataset = load(spec.dataset, settings.data_folder, spec.dataset_options)
    except DataError as error:
        raise UserError(str(error)) from error
    if spec.batch_size > len(dataset.train):
        raise UserError(
            f"the spec is not valid: batch_size: must be at most {len(dataset.train)}, the training examples of {spec.dataset}, "
            f"got {spec.batch_size}"
        )
    cls = task_type(spec.task)
    try:
        task = cls(dataset, cls.options_type.parse(spec.options))
    except ValueError as error:  # options that do not fit the dataset
        raise UserError(f"the spec is not valid: options.{error}") from error
    if spec.control and not task.logit_parameters():
        raise UserError(
            f"the spec is not valid: control: task {spec.task} names no parameters that make its logits and nothing else "
            f"(Task.logit_parameters) with these options, so it cannot be rescaled; leave control out"
        )
    steps_per_epoch = len(dataset.train) // spec.batch_size
    epochs = spec.epochs if spec.epochs is not None else (spec.steps or 0) / steps_per_epoch
    return Needs(task.bytes_per_member(spec.batch_size), epochs)


def submit(ledger: Ledger, spec: StudySpec) -> str:
    """Adds a study to the ledger and returns its id."""
    objective = task_type(spec.task).objective
    return ledger.create_study(
        name=spec.name, task=spec.task, spec=spec.model_dump(mode="json"), objective=objective.name, direction=objective.direction
    )


def drive(ledger: Ledger, study: str, settings: Settings, *, mlflow: bool = True, say: Callable[[str], None]) -> Outcome:
    """Trains what the study lacks, to its end.

    Args:
        ledger: holds the study.
        study: its id.
        settings: where things are.
        mlflow: whether the study is shown in MLflow.
        say: prints a line for the user.

    Raises:
        UserError: it cannot be trained, or another driver has it.
        LeaseLostError: another driver took it over.
        KeyboardInterrupt: the user stopped it; it can be resumed.
        CancelledError: the user cancelled it, and that is done.
    """
    spec = parse_spec(ledger.study(study).spec)
    needs = check(spec, settings)
    ledger.patience_s = settings.ledger_patience_s
    lease = ledger.acquire(study, _host())
    with ExitStack() as stack:
        stack.enter_context(_interrupted_on_error(ledger, lease))
        stack.enter_context(_renewing(ledger, lease))
        projector = None
        if mlflow:
            uri = stack.enter_context(_mlflow(settings))
            projector = Projector(ledger, study, uri)
            projector.start()
            say(f"MLflow  {uri}")
        with _cancelled_when_asked(ledger, lease):
            _train(ledger, lease, spec, needs, settings, say)
        _settle(ledger, lease, spec)
        row = ledger.study(study)
        files = _report(ledger, row, settings)
        for leftover in ("checkpoints", "tune"):
            shutil.rmtree(settings.home_folder / leftover / study, ignore_errors=True)
        problem = _complete(projector, files, settings.artifacts_folder(study)) if projector else None
        return Outcome(row, files, projector.address if projector else None, problem)


def drive_job(ledger: Ledger, study: str, settings: Settings, *, say: Callable[[str], None]) -> None:
    """Drives a study that the service has accepted. One that cannot be trained at all has failed; the sentence says why."""
    try:
        check(parse_spec(ledger.study(study).spec), settings)
    except UserError as error:
        ledger.release(ledger.acquire(study, _host()), "failed", str(error))
        raise
    try:
        outcome = drive(ledger, study, settings, mlflow=settings.mlflow_uri is not None, say=say)
    except CancelledError as end:
        say(str(end))
    else:
        say(f"{outcome.study.state}; report {outcome.files[0]}")


def resend(ledger: Ledger, study: str, settings: Settings) -> str | None:
    """Sends a study to MLflow from its beginning. Returns its address there; raises UserError where MLflow does not take it."""
    row = ledger.study(study)
    files = _report(ledger, row, settings)
    ledger.reset_projection(study)
    with _mlflow(settings, ready=True) as uri:
        projector = Projector(ledger, study, uri)
        projector.start()
        if problem := _complete(projector, files, settings.artifacts_folder(study)):
            raise UserError(f"MLflow at {uri} did not take study {study}: {problem}")
        return projector.address


@contextmanager
def _mlflow(settings: Settings, *, ready: bool = False) -> Iterator[str]:
    """The address of the MLflow server that the settings name, or of a private one, which need not be ready at once."""
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


def _train(ledger: Ledger, lease: Lease, spec: StudySpec, needs: Needs, settings: Settings, say: Callable[[str], None]) -> None:
    """Runs populations on Ray until the strategy is done."""
    history = History(ledger, lease.study)
    before = len(history.trials())
    progress = Progress.of(spec, needs.epochs, history.trials())
    with ProgressLine(progress), started(settings) as ray:
        from ray import tune
        from ray.tune.error import TuneError

        from tuner.searcher import PopulationSearcher, StopOnFatal
        from tuner.watchdog import Watchdog

        placement = devices(ray, settings, share=settings.max_running if in_job() else 1)
        progress.phase = "starting to train"

        def size(role: str) -> int:
            after = {"confirm": spec.confirm_total, "control": spec.control_total}
            return trials_per_population(
                placement,
                trials=after.get(role, spec.trials_total - before),
                seeds=len(spec.seeds_of(role)),
                bytes_per_member=needs.bytes_per_member,
                members=spec.population,
            )

        paused = PausedStates(settings.home_folder / "checkpoints" / lease.study)

        def configure(population: str, trials: Sequence[TrialRow], start: int, until: int | None) -> Any:
            paused.forget((t.number for t in trials), before=start)
            return population_config(spec, settings, placement, lease.study, population, trials, start, until)

        def keep(_population: str, report: Any) -> None:
            _keep(report.artifacts, settings.artifacts_folder(lease.study))

        def observe(population: str, report: Any) -> None:
            progress.observe(population, report, history.trials())

        searcher = PopulationSearcher(
            ledger=ledger,
            history=history,
            lease=lease,
            spec=spec,
            strategy=strategy_for(spec),
            trials_per_population=size,
            devices=placement.devices,
            forget=paused.forget,
            configure=configure,
            keep=keep,
            observe=observe,
        )
        # Each population by itself is spread over the nodes: Ray would fill one before it takes the next.
        resources = tune.PlacementGroupFactory([placement.resources], strategy="SPREAD")
        from trainables.ray_trainable import PopulationTrainable

        tuner = tune.Tuner(
            tune.with_resources(PopulationTrainable, resources),
            tune_config=tune.TuneConfig(
                search_alg=searcher,
                num_samples=-1,
                max_concurrent_trials=placement.devices,
                reuse_actors=True,
                trial_dirname_creator=lambda trial: str(trial.trial_id),  # else a folder name made of the whole config
            ),
            run_config=tune.RunConfig(
                name=lease.study,
                storage_path=str(settings.home_folder / "tune"),
                verbose=0,
                stop=StopOnFatal(searcher),
                failure_config=tune.FailureConfig(max_failures=_MAX_FAILURES),
                checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
                callbacks=[Watchdog(settings.hung_after_s, say)],
            ),
        )
        try:
            tuner.fit()
        except TuneError as error:
            raise UserError(f"Ray gave study {lease.study} up: {str(error).strip().splitlines()[-1]}") from error
        if searcher.fatal:
            raise searcher.fatal


def population_config(
    spec: StudySpec,
    settings: Settings,
    placement: Placement,
    study: str,
    population: str,
    trials: Sequence[TrialRow],
    start: int,
    until: int | None,
) -> Any:
    """The PopulationConfig of trials that are trained from one interval to another."""
    from trainables.ray_trainable import PopulationConfig

    return PopulationConfig(
        task=spec.task,
        options=spec.options,
        dataset=spec.dataset,
        dataset_options=spec.dataset_options,
        data_folder=str(settings.data_folder),
        trials=tuple(
            {name: getattr(t, name) for name in ("number", "estimator", "tau_f", "tau_b", "lr", "variant")}
            | {"source": t.number if t.source is None else t.source}
            for t in trials
        ),
        seeds=trials[0].seeds,
        batch_size=spec.batch_size,
        epochs=spec.epochs,
        steps=spec.steps,
        intervals=spec.intervals,
        evaluate_test=trials[0].role == "confirm",
        device=placement.device,
        threads=placement.cpus,
        checkpoint=str(settings.home_folder / "checkpoints" / study / f"{population}.pt"),
        diagnosis=spec.diagnosis,
        start=start,
        until=until,
    )


@dataclass(frozen=True)
class PausedStates:
    """The files that paused trials leave in a study's folder, trial-NUMBER-INTERVAL.pt; see trainables/ray_trainable.py."""

    folder: Path

    def forget(self, numbers: Iterable[int], before: float = math.inf) -> None:
        """Deletes those of some trials, from earlier intervals than `before`."""
        for number in numbers:
            for file in self.folder.glob(f"trial-{number}-*.pt"):
                if int(file.stem.rpartition("-")[2]) < before:
                    file.unlink(missing_ok=True)


def _keep(artifacts: Mapping[int, Mapping[str, bytes]], folder: Path) -> None:
    """Writes the files of trials, {trial number: {file name: content}}, to a folder for each trial. Raises UserError."""
    try:
        for number, files in artifacts.items():
            for name, content in files.items():
                target = folder / f"trial-{number}" / Path(name).name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
    except OSError as error:
        raise UserError(f"the files of trained models cannot be written to {folder}: {error.strerror}") from error


def _settle(ledger: Ledger, lease: Lease, spec: StudySpec) -> None:
    """Ends the study in the state that its trials say."""
    trials = ledger.trials(lease.study)
    if not all(t.terminal for t in trials) or strategy_for(spec).suggest(trials, 1) is not Signal.DONE:
        raise UserError(f"study {lease.study} stopped before its end; `tuner resume {lease.study}` continues it")
    failed = [t for t in trials if t.state == "failed"]
    if len(failed) == len(trials):
        ledger.release(lease, "failed", f"every trial failed: {failed[0].reason}")
    else:
        ledger.release(lease, "succeeded", f"{len(failed)} of {len(trials)} trials failed" if failed else None)


def _report(ledger: Ledger, study: StudyRow, settings: Settings) -> list[Path]:
    folder = settings.report_folder(study.id)
    try:
        return write_report(
            study,
            ledger.trials(study.id),
            ledger.stream(study.id),
            folder,
            artifacts=settings.artifacts_folder(study.id),
        )
    except OSError as error:
        raise UserError(
            f"study {study.id} has {study.state}, but its report cannot be written to {folder}: {error.strerror}; "
            f"`tuner report {study.id}` writes it when that is put right"
        ) from error


def _complete(projector: Projector, files: Sequence[Path], artifacts: Path) -> str | None:
    """Sends the rest to MLflow, artifacts included. Returns what went wrong; the study is safe in the ledger either way."""
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
    """Stops a block, which trains, when a cancel is asked for, and says so in the ledger once it has stopped."""

    def orphaned() -> None:
        ledger.patience_s = 0.0  # as below
        with suppress(LeaseLostError, LedgerError):
            ledger.release(lease, "interrupted", "the Ray that ran it has ended")
        os._exit(1)  # the main thread waits for Ray

    with listening(ledger, lease.study, orphaned=orphaned if in_job() else None) as cancellation:
        try:
            yield
        except KeyboardInterrupt:
            if not cancellation.heard:
                raise
            Queue(ledger).cancelled(lease.study, lease.fence)
            raise CancelledError(f"study {lease.study} was cancelled; what it had finished is kept") from None


@contextmanager
def _interrupted_on_error(ledger: Ledger, lease: Lease) -> Iterator[None]:
    """Gives the lease back when a run ends early, so that it can be resumed at once."""
    try:
        yield
    except (LeaseLostError, CancelledError):
        raise
    except BaseException as error:
        reason = "stopped by the user" if isinstance(error, KeyboardInterrupt) else f"{type(error).__name__}: {error}"
        ledger.patience_s = 0.0  # without it the study counts as interrupted, too, once we have ended
        with suppress(LeaseLostError, LedgerError):  # it had been given back (the study had ended), or the ledger is away
            ledger.release(lease, "interrupted", reason.splitlines()[0])
        raise


def _host() -> dict[str, str]:
    """What a study ran on."""
    packages = {"tuner": "straight-through-tuner", "torch": "torch", "ray": "ray"}
    return {
        "python": platform.python_version(),
        **{name: version(package) for name, package in packages.items()},
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs",
    }
