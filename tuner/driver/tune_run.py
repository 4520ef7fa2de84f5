"""Whether a study can be trained (`check`), and the Ray Tune run that trains what it lacks (`train`)."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from trainables.data import OWN_DATA, DataError, Dataset, read
from trainables.errors import OptionError
from trainables.tasks import is_built_in, own, task_declaration, task_type
from trainables.tasks.own import OwnTask
from trainables.tasks.own_source import modules_of
from tuner.driver.heartbeat import Heartbeat
from tuner.driver.material import material_of
from tuner.driver.placement import Placement
from tuner.driver.populations import Populations
from tuner.driver.progress import Progress, ProgressLine
from tuner.driver.ray_cluster import connected, placement_on
from tuner.driver.ray_join import RayNotStartedError
from tuner.driver.ray_private import in_job, leave_environment_of_actors, spare_usage_statistics
from tuner.errors import FieldError, SpecError, UserError
from tuner.home import open_to_others
from tuner.ledger.history import History
from tuner.ledger.lease import Lease
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
    """What the driver must know of a study's task before training."""

    bytes_per_member: int
    epochs: float  # length of one member's training
    material: Mapping[str, str]  # what trials are made from, see material.py
    examples: str  # how many it learns from, in words
    own: OwnTask | None = None  # the task and its data, where workers cannot load them by name


def check(spec: StudySpec, settings: Settings) -> Needs:
    """Checks that a study can be trained at all: its data is there, the batch is not larger than the data,
    the options fit the dataset. Raises UserError; SpecError, which is one, names the field.
    """
    carried = _carried(spec)
    dataset = carried.dataset if carried is not None else None
    if dataset is None:
        dataset = _loaded(spec, settings)
    if spec.batch_size > len(dataset.train):
        data = "the task's own data" if spec.dataset == OWN_DATA else spec.dataset
        message = f"must be at most {len(dataset.train)}, the training examples of {data}"
        raise SpecError([FieldError("batch_size", message, str(spec.batch_size))])
    declared = task_declaration(spec.task)
    try:
        prepared = declared.prepared(dataset)
    except DataError as error:
        raise SpecError([FieldError("dataset_options", str(error))]) from error
    try:
        task = declared(prepared, declared.options_type.parse(spec.options))
    except ValueError as error:  # options that do not fit the dataset, or a module that cannot be trained
        ones_own = own.registered(spec.task) is not None and not isinstance(error, OptionError)
        raise SpecError([option_error("task" if ones_own else "options", error)]) from error
    if spec.control and not task.logit_parameters():
        message = (
            f"task {spec.task} names no parameters that make its logits and nothing else "
            "(Task.logit_parameters) with these options, so it cannot be rescaled; leave control out"
        )
        raise SpecError([FieldError("control", message)])
    steps_per_epoch = len(dataset.train) // spec.batch_size
    epochs = spec.epochs if spec.epochs is not None else (spec.steps or 0) / steps_per_epoch
    splits = {
        "for training": dataset.train,
        "for validation": dataset.validation,
        "for the test": dataset.test,
    }
    examples = ", ".join(f"{len(split):,} {purpose}" for purpose, split in splits.items())
    return Needs(
        task.bytes_per_member(spec.batch_size), epochs, material_of(spec, dataset), examples, carried
    )


def _carried(spec: StudySpec) -> OwnTask | None:
    """What workers must be sent, because they cannot load it by name: a registered task, and data that a task
    itself provides. None where they can load both.
    """
    registered = own.registered(spec.task)
    if spec.dataset != OWN_DATA:
        return None if registered is None else replace(registered, dataset=None, files={})
    if registered is not None and registered.dataset is not None:
        return replace(registered, files={})
    try:
        cls = task_type(spec.task)
        return OwnTask(cls, cls.own_dataset())
    except DataError as error:
        raise UserError(str(error)) from error


def _loaded(spec: StudySpec, settings: Settings) -> Dataset:
    """The dataset that a study names."""
    ours = settings.data_folder.is_relative_to(settings.home_folder)
    try:
        # A data folder outside of the state folder may be shared: what is downloaded there is readable by
        # others.
        with nullcontext() if ours else open_to_others():
            dataset = read(spec.dataset, settings.data_folder, spec.dataset_options)
    except DataError as error:
        raise UserError(str(error)) from error
    # Declarations of built-in tasks take numpy arrays. A user's task has no separate declaration, and takes
    # tensors.
    return dataset if is_built_in(spec.task) else dataset.to("cpu")


def train(
    ledger: Ledger,
    lease: Lease,
    spec: StudySpec,
    needs: Needs,
    settings: Settings,
    say: Callable[[str], None],
    heartbeat: Heartbeat,
) -> None:
    """Runs populations on Ray until the strategy is done.

    Args:
        ledger: holds the study.
        lease: the study's.
        spec: the study's.
        needs: what `check` found.
        settings: folders, addresses and devices.
        say: prints a line for the user.
        heartbeat: is told at every turn of Tune's loop that the driver makes progress.

    Raises:
        UserError: Ray does not start, or gave up, or the results cannot be written to the ledger.
        LeaseLostError: another driver took the study over.
    """
    history = History(ledger, lease.study_id)
    progress = Progress.of(spec, needs.epochs, history.trials())
    with ProgressLine(progress), _ray_for(lease, settings) as ray:
        from ray.tune.error import TuneError

        from tuner.driver.tune_searcher import PopulationSearcher

        progress.phase = "waiting for a device"
        at_once = settings.max_running if in_job() else 1
        placement = placement_on(ray, settings, studies_at_once=at_once, waiting=heartbeat.beat)
        populations = Populations(
            study_id=lease.study_id,
            spec=spec,
            settings=settings,
            placement=placement,
            bytes_per_member=needs.bytes_per_member,
            trials_before=len(history.trials()),
            progress=progress,
            announce=say if in_job() else None,  # for the job's log; a terminal has its progress line
        )
        progress.phase = "starting to train"
        searcher = PopulationSearcher(ledger, lease, history, strategy_for(spec), populations)
        try:
            _tuner(searcher, placement, settings, lease.study_id, say, heartbeat, needs.own).fit()
        except TuneError as error:
            raise UserError(
                f"Ray gave study {lease.study_id} up: {str(error).strip().splitlines()[-1]}"
            ) from error
        if searcher.fatal:
            raise searcher.fatal


@contextmanager
def _ray_for(lease: Lease, settings: Settings) -> Iterator[Any]:
    """The module ray, connected. If Ray does not start, the error says how to resume the study."""
    with ExitStack() as stack:
        try:
            ray = stack.enter_context(connected(settings))
        except RayNotStartedError as error:
            raise UserError(f"{error}; `tuner resume {lease.study_id}` tries again") from error
        yield ray


def _tuner(
    searcher: "PopulationSearcher",
    placement: Placement,
    settings: Settings,
    study_id: str,
    say: Callable[[str], None],
    heartbeat: Heartbeat,
    own_task: OwnTask | None,
) -> Any:
    """The Tune experiment, in which a Tune trial is a population. What Tune itself would write to files or
    print is switched off.
    """
    from ray import tune

    from trainables.ray_trainable import PopulationTrainable
    from tuner.driver.tune_searcher import StopOnFatal
    from tuner.driver.watchdog import Watchdog

    spare_usage_statistics()
    leave_environment_of_actors()
    # Populations are spread over the nodes; by default Ray would fill one node before it uses the next.
    trainable = PopulationTrainable if own_task is None else _carrying(own_task)
    resources = tune.PlacementGroupFactory([placement.resources], strategy="SPREAD")
    return tune.Tuner(
        tune.with_resources(trainable, resources),
        tune_config=tune.TuneConfig(
            search_alg=searcher,
            num_samples=-1,
            max_concurrent_trials=placement.devices,
            reuse_actors=True,
            # By default Tune would put the whole config into the folder's name.
            trial_dirname_creator=lambda trial: str(trial.trial_id),
        ),
        run_config=tune.RunConfig(
            name=study_id,
            storage_path=str(settings.home_folder / "tune"),
            verbose=0,
            stop=StopOnFatal(searcher),
            failure_config=tune.FailureConfig(max_failures=_MAX_FAILURES),
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
            callbacks=[Watchdog(settings.hung_after_s, say, heartbeat.beat)],
        ),
    )


def _carrying(task: OwnTask) -> Any:
    """The Trainable with a user's task sent along: its code by value, so that no machine of a cluster needs
    the files, and its data once for all populations.
    """
    from ray import cloudpickle, tune

    from trainables.ray_trainable import PopulationTrainable

    for module in modules_of(task.task):
        cloudpickle.register_pickle_by_value(module)
    try:
        own.check_sendable(task.task, cloudpickle.dumps)
    except ValueError as error:
        raise UserError(str(error)) from error
    return tune.with_parameters(PopulationTrainable, own=task)
