"""`tuner.search`: a study of a torch module from Python or a notebook, by the driver of `tuner run`.

study = tuner.search(Autoencoder, loss=loss, data=x, tau_f=[0, 0.5, 1], tau_b=[0.5, 1], epochs=20)
study.verdict
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from trainables.data import OWN_DATA, DataError
from trainables.modules import ModuleTask
from trainables.tasks import own, task_type
from trainables.tasks.base import Task
from trainables.tasks.own import OwnTask
from tuner.driver.drive import submit
from tuner.driver.tune_run import check
from tuner.errors import FieldError, SpecError, UserError
from tuner.interface.folder import private_folder
from tuner.interface.study import Study
from tuner.ledger.store import Ledger
from tuner.settings import Settings
from tuner.spec.search import SEARCHES
from tuner.spec.study import StudySpec, parse_spec

_OF_A_MODULE = (
    "loss", "metrics", "target", "validation", "test", "objective", "maximize", "units", "stack", "samples",
    "chunk", "logit_parameters",
)  # fmt: skip
_BATCH_SIZE = 128  # and for small data a quarter of it, so that an epoch has some steps


def search(
    model: Any,
    *,
    tau_f: Any,
    tau_b: Any,
    data: Any = None,
    epochs: int | None = None,
    steps: int | None = None,
    strategy: str = "grid",
    learning_rates: Sequence[float] | float = (0.001,),
    seeds: int = 3,
    baselines: Sequence[str] = (),
    confirm_seeds: int | Mapping[str, Any] = 5,
    batch_size: int | None = None,
    options: Mapping[str, Any] | None = None,
    name: str | None = None,
    background: bool = False,
    mlflow: bool = True,
    study: str | None = None,
    **more: Any,
) -> Study:
    """Searches the temperatures of a model, and says whether the optimum lies off the diagonal.

    Shows a progress bar. Ctrl-C stops the study: what had finished is kept, and `Study.resume` goes on.

    Args:
        model: a torch.nn.Module class with a StraightThrough layer, or a function that builds one; or a task:
            what ModuleTask.from_module returns, a subclass of Task, or a name such as "sbn".
        tau_f, tau_b: temperatures to try: lists, or what the strategy takes, {"low": 0.1, "high": 2}.
        data: what a module learns from, as ModuleTask.from_module takes it; or a dataset's name.
        epochs, steps: length of training; one of the two.
        strategy: grid, sequential, halving, tpe, gp or pbt.
        learning_rates, seeds, baselines, confirm_seeds: as in a spec.
        batch_size: 128, or less where the data is small.
        options: the keywords of the module, or the task's options.
        name: of the study; the model's.
        background: returns at once; `Study.wait` waits.
        mlflow: whether the study is shown in MLflow.
        study: the id of a study that was begun with the same arguments, to go on with.
        more: for a module: loss (needed), metrics, maximize, units, objective, target, validation, test,
            stack, samples, chunk, logit_parameters, see ModuleTask.from_module. Of the strategy: trials,
            batch, eta, rungs, rounds, tau_b_start. And every other field of a spec: score, margin, extend,
            refine, optimizer, reports, diagnostics, control, precision, compile, max_hours,
            members_per_population.

    Raises:
        UserError: something is wrong with an argument, which the sentence names; or the study has failed.
        ValueError: the module cannot be trained; the sentence names the layer.
    """
    of_module = {key: more.pop(key) for key in _OF_A_MODULE if key in more}
    task_name, task, dataset_name = _task(model, data, of_module)
    settings = Settings.from_environment()
    spec = _spec(
        more,
        name=name or _label(task.__name__),
        task=task_name,
        dataset=dataset_name,
        search=_search(strategy, tau_f, tau_b, more),
        learning_rates=learning_rates,
        seeds=seeds,
        epochs=epochs,
        steps=steps,
        batch_size=_fitting(batch_size, own.registered(task_name)),
        baselines=baselines,
        confirm_seeds=confirm_seeds,
        options=options or {},
    )
    with private_folder(settings.home_folder):
        needs = check(spec, settings)
        with closing(Ledger(settings.ledger_address)) as ledger:
            study_id = submit(ledger, spec) if study is None else _same(ledger, study, spec)
    return Study(study_id, spec, needs.epochs, settings, mlflow=mlflow).resume(background=background)


def _task(model: Any, data: Any, of_module: Mapping[str, Any]) -> tuple[str, type[Task], str]:
    """The name of the model's task, the task, and the name of its dataset; registers what has no name yet."""
    dataset = data if isinstance(data, str) else OWN_DATA
    if isinstance(model, str) or (isinstance(model, type) and issubclass(model, Task)):
        if of_module or not (data is None or isinstance(data, str)):
            given = ", ".join([*of_module, *(["data"] if data is not None else [])])
            raise UserError(f"a task has its own {given}; give a module, or leave that out")
        if isinstance(model, str):
            return model, _named(model), dataset
        task = model
    else:
        if "loss" not in of_module:
            raise UserError("loss is missing: a function (output, target) -> scalar, the mean over the batch")
        task = ModuleTask.from_module(model, data=None if isinstance(data, str) else data, **of_module)
    try:
        brought = task.own_dataset() if dataset == OWN_DATA else None
    except DataError as error:
        raise UserError(str(error)) from error
    if dataset == OWN_DATA and brought is None:
        raise UserError(f"data is missing: examples, or the name of a dataset ({', '.join(task.datasets)})")
    task_name = f"{own.GIVEN}{task.__name__}"
    own.register(task_name, OwnTask.of(task, brought))
    return task_name, task, dataset


def _named(name: str) -> type[Task]:
    try:
        return task_type(name)
    except ValueError as error:
        raise SpecError([FieldError("task", str(error))]) from error


def _search(strategy: str, tau_f: Any, tau_b: Any, more: dict[str, Any]) -> dict[str, Any]:
    """The field `search` of the spec; takes the strategy's own fields out of `more`."""
    fields = SEARCHES[strategy].model_fields if strategy in SEARCHES else {}
    own_fields = {key: more.pop(key) for key in [*more] if key in fields}
    return {"strategy": strategy, "tau_f": tau_f, "tau_b": tau_b} | own_fields


def _spec(more: dict[str, Any], /, **fields: Any) -> StudySpec:
    """The spec of these fields and of more; what is None has a spec's default. Raises SpecError."""
    return parse_spec(_plain({key: value for key, value in (fields | more).items() if value is not None}))


def _fitting(batch_size: int | None, given: OwnTask | None) -> int | None:
    """The batch size that was asked for, or one that fits the data; None where a spec's default does."""
    if batch_size is not None or given is None or given.dataset is None:
        return batch_size
    return min(_BATCH_SIZE, max(1, len(given.dataset.train) // 4))


def _same(ledger: Ledger, study: str, spec: StudySpec) -> str:
    """The id of a study, which must be of this spec. Raises UserError."""
    row = ledger.find_study(study)
    mine = spec.model_dump(mode="json")
    other = sorted(key for key in {*mine, *row.spec} if mine.get(key) != row.spec.get(key))
    if other:
        raise UserError(
            f"study {row.id} was begun with another {', '.join(other)}; give the same arguments, or begin a "
            "study by leaving study out"
        )
    return row.id


def _label(name: str) -> str:
    """A study's name made of a model's."""
    return re.sub(r"[^A-Za-z0-9._ -]", "", name).lstrip("._ -")[:64] or "model"


def _plain(value: Any) -> Any:
    """Values as JSON has them: numpy's and torch's numbers and arrays, tuples and ranges too."""
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, list | tuple | range):
        return [_plain(one) for one in value]
    return value
