"""Training what a study lacks, on Ray: whether it can be trained, what a population is told, and what it
leaves on the disk.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainables.data import DataError, load
from trainables.tasks import task_type
from tuner.driver.placement import Placement, trials_per_population
from tuner.driver.progress import Progress, ProgressLine
from tuner.driver.ray_cluster import devices, in_job, started
from tuner.errors import FieldError, SpecError, UserError
from tuner.ledger.history import History
from tuner.ledger.lease import Lease
from tuner.ledger.rows import Role, TrialRow
from tuner.ledger.store import Ledger
from tuner.settings import Settings
from tuner.spec.invalid import option_error
from tuner.spec.study import StudySpec
from tuner.strategies import strategy_for

if TYPE_CHECKING:
    from tuner.driver.tune_searcher import PopulationSearcher

_MAX_FAILURES = 2  # times Ray restarts a population whose worker died


@dataclass(frozen=True)
class Needs:
    """What the engine must know of a study's task before it trains."""

    bytes_per_member: int
    epochs: float  # length of one member's training


def check(spec: StudySpec, settings: Settings) -> Needs:
    """Looks whether a study can be trained at all: its data is there, its batch fits. Raises UserError."""
    try:
        dataset = load(spec.dataset, settings.data_folder, spec.dataset_options)
    except DataError as error:
        raise UserError(str(error)) from error
    if spec.batch_size > len(dataset.train):
        message = f"must be at most {len(dataset.train)}, the training examples of {spec.dataset}"
        raise SpecError([FieldError("batch_size", message, str(spec.batch_size))])
    cls = task_type(spec.task)
    try:
        task = cls(dataset, cls.options_type.parse(spec.options))
    except ValueError as error:  # options that do not fit the dataset
        raise SpecError([option_error("options", error)]) from error
    if spec.control and not task.logit_parameters():
        message = (
            f"task {spec.task} names no parameters that make its logits and nothing else "
            "(Task.logit_parameters) with these options, so it cannot be rescaled; leave control out"
        )
        raise SpecError([FieldError("control", message)])
    steps_per_epoch = len(dataset.train) // spec.batch_size
    epochs = spec.epochs if spec.epochs is not None else (spec.steps or 0) / steps_per_epoch
    return Needs(task.bytes_per_member(spec.batch_size), epochs)


def train(
    ledger: Ledger,
    lease: Lease,
    spec: StudySpec,
    needs: Needs,
    settings: Settings,
    say: Callable[[str], None],
) -> None:
    """Runs populations on Ray until the strategy is done.

    Raises:
        UserError: Ray gave up, or what was trained cannot be written down.
        LeaseLostError: another driver took the study over.
    """
    history = History(ledger, lease.study_id)
    progress = Progress.of(spec, needs.epochs, history.trials())
    with ProgressLine(progress), started(settings) as ray:
        from ray.tune.error import TuneError

        placement = devices(ray, settings, share=settings.max_running if in_job() else 1)
        progress.phase = "starting to train"
        searcher = _searcher(ledger, lease, spec, needs, settings, history, placement, progress)
        try:
            _tuner(searcher, placement, settings, lease.study_id, say).fit()
        except TuneError as error:
            raise UserError(
                f"Ray gave study {lease.study_id} up: {str(error).strip().splitlines()[-1]}"
            ) from error
        if searcher.fatal:
            raise searcher.fatal


def _searcher(
    ledger: Ledger,
    lease: Lease,
    spec: StudySpec,
    needs: Needs,
    settings: Settings,
    history: History,
    placement: Placement,
    progress: Progress,
) -> "PopulationSearcher":
    """What Tune asks for populations and tells of their reports."""
    from tuner.driver.tune_searcher import PopulationSearcher

    before = len(history.trials())
    paused = PausedStates(settings.home_folder / "checkpoints" / lease.study_id)

    def size(role: Role) -> int:
        after = {Role.CONFIRM: spec.confirm_total, Role.CONTROL: spec.control_total}
        return trials_per_population(
            placement,
            trials=after.get(role, spec.trials_total - before),
            seeds=len(spec.seeds_of(role)),
            bytes_per_member=needs.bytes_per_member,
            members=spec.members_per_population,
        )

    def configure(population: str, trials: Sequence[TrialRow], start: int, until: int | None) -> Any:
        paused.forget((t.number for t in trials), before=start)
        return population_config(spec, settings, placement, lease.study_id, population, trials, start, until)

    def keep(_population: str, report: Any) -> None:
        keep_artifacts(report.artifacts, settings.artifacts_folder(lease.study_id))

    def observe(population: str, report: Any) -> None:
        progress.observe(population, report, history.trials())

    return PopulationSearcher(
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


def _tuner(
    searcher: "PopulationSearcher",
    placement: Placement,
    settings: Settings,
    study_id: str,
    say: Callable[[str], None],
) -> Any:
    """The Tune experiment: a Tune trial is a population. What Tune would write or print beside the ledger is
    off.
    """
    from ray import tune

    from trainables.ray_trainable import PopulationTrainable
    from tuner.driver.tune_searcher import StopOnFatal
    from tuner.driver.watchdog import Watchdog

    # Each population by itself is spread over the nodes: Ray would fill one before it takes the next.
    resources = tune.PlacementGroupFactory([placement.resources], strategy="SPREAD")
    return tune.Tuner(
        tune.with_resources(PopulationTrainable, resources),
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            num_samples=-1,
            max_concurrent_trials=placement.devices,
            reuse_actors=True,
            trial_dirname_creator=lambda trial: str(
                trial.trial_id
            ),  # else a folder name made of the whole config
        ),
        run_config=tune.RunConfig(
            name=study_id,
            storage_path=str(settings.home_folder / "tune"),
            verbose=0,
            stop=StopOnFatal(searcher),
            failure_config=tune.FailureConfig(max_failures=_MAX_FAILURES),
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
            callbacks=[Watchdog(settings.hung_after_s, say)],
        ),
    )


def population_config(
    spec: StudySpec,
    settings: Settings,
    placement: Placement,
    study_id: str,
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
            {name: getattr(t, name) for name in ("number", "estimator", "tau_f", "tau_b", "lr")}
            | {"variant": t.variant.text, "source": t.number if t.source is None else t.source}
            for t in trials
        ),
        seeds=trials[0].seeds,
        batch_size=spec.batch_size,
        epochs=spec.epochs,
        steps=spec.steps,
        intervals=spec.intervals,
        evaluate_test=trials[0].role is Role.CONFIRM,
        device=placement.device,
        threads=placement.cpus,
        checkpoint=str(settings.home_folder / "checkpoints" / study_id / f"{population}.pt"),
        diagnosis=spec.diagnosis,
        start=start,
        until=until,
    )


@dataclass(frozen=True)
class PausedStates:
    """The files that paused trials leave in a study's folder, trial-NUMBER-INTERVAL.pt; see
    trainables/ray_trainable.py.
    """

    folder: Path

    def forget(self, numbers: Iterable[int], before: float = math.inf) -> None:
        """Deletes those of some trials, from earlier intervals than `before`."""
        for number in numbers:
            for file in self.folder.glob(f"trial-{number}-*.pt"):
                if int(file.stem.rpartition("-")[2]) < before:
                    file.unlink(missing_ok=True)


def keep_artifacts(artifacts: Mapping[int, Mapping[str, bytes]], folder: Path) -> None:
    """Writes the files of trials, {trial number: {file name: content}}, to a folder for each trial. Raises
    UserError.
    """
    try:
        for number, files in artifacts.items():
            for name, content in files.items():
                target = folder / f"trial-{number}" / Path(name).name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
    except OSError as error:
        raise UserError(
            f"the files of trained models cannot be written to {folder}: {error.strerror}"
        ) from error
