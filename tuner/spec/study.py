"""StudySpec: what a user asks for, the same object in YAML, in Python, on the command line and in the API."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from trainables.data import OWN_DATA, DataError, check_options, dataset_names
from trainables.estimator_names import TEMPERATURES
from trainables.tasks import own, task_declaration, task_names
from tuner.errors import FieldError, SpecError, UserError, shown
from tuner.spec.bounds import too_large
from tuner.spec.counts import Counted
from tuner.spec.invalid import InvalidError, option_error, wrong
from tuner.spec.judging import AtEpoch, Looks, Margin
from tuner.spec.messages import spec_error
from tuner.spec.optimizer import OptimizerSpec
from tuner.spec.search import MAX_TRIALS, Search, WithRungs
from tuner.spec.temperatures import Count, Number, listed
from tuner.spec.yaml_reader import YamlError, read_yaml

PRESETS = Path(__file__).parent / "presets"
RENAMED = {"population": "members_per_population"}  # old name -> new name; read for one more version
BASELINES = tuple(sorted(TEMPERATURES.keys() - {"decoupled"}))
_ACCEPTED = "accepted"


def _accepted(info: ValidationInfo) -> bool:
    """Whether a spec was accepted once and is only read: see read_spec."""
    return bool(info.context and info.context[_ACCEPTED])


def _known_baseline(name: str) -> str:
    if name not in BASELINES:
        raise wrong(f"must be one of {', '.join(BASELINES)}", name)
    return name


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """Options must be expressible in JSON, because specs are stored as JSON."""
    for name, value in options.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            message = "must be made of text, finite numbers, true, false, null, lists and mappings"
            raise InvalidError([FieldError(name, message)]) from error
    return options


LearningRate = Annotated[Number, Field(gt=0, le=10)]
_Listed = BeforeValidator(listed, json_schema_input_type=list[LearningRate] | LearningRate)
Hours = Annotated[Number, Field(gt=0, le=100_000)]
Baseline = Annotated[str, AfterValidator(_known_baseline)]
PlainOptions = Annotated[dict[str, Any], AfterValidator(_plain)]


# The fields that have an influence on a training, beside its configuration and its seed. Two studies that
# agree in them train the same configuration and seed to the same result.
TRAINED = frozenset(
    {
        "task",
        "options",
        "dataset",
        "dataset_options",
        "epochs",
        "steps",
        "batch_size",
        "optimizer",
        "precision",
    }
)


class StudySpec(Counted):
    """One study. docs/reference/spec.md explains every field."""

    name: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]{0,63}$",
        description="A label; it need not be unique, the study's id is made by the ledger.",
    )
    task: str = Field(description="What is trained: model, loss and metrics.")
    dataset: str = Field(default=OWN_DATA, description="What it learns from; a task may bring its own data.")
    search: Search = Field(description="The strategy and the temperatures it may try.")
    score: Literal["best", "last"] | AtEpoch = Field(
        default="best",
        description="The report of a training that is its score. best: chosen on one half of the validation "
        "examples, and on fresh seeds measured on the other half.",
    )
    learning_rates: Annotated[list[LearningRate], _Listed] = Field(
        default=[0.001],
        min_length=1,
        max_length=100,
        description="Every configuration is tuned over these; a single number is a list of one.",
    )
    seeds: Count = Field(
        default=5, ge=1, le=1000, description="How many seeds configurations are selected on."
    )
    epochs: Count | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="Length of training in passes over the data; give this or steps.",
    )
    steps: Count | None = Field(
        default=None,
        ge=1,
        le=1_000_000_000,
        description="Length of training in steps of the optimiser; give this or epochs.",
    )
    optimizer: OptimizerSpec | None = Field(
        default=None,
        description="What Adam is given beside the learning rate: weight_decay, betas, clip_norm, schedule, "
        "warmup.",
    )
    batch_size: Count = Field(default=128, ge=1, le=1_000_000, description="Examples in a training step.")
    baselines: list[Baseline] = Field(
        default=[],
        max_length=100,
        description="The rival estimators, each tuned over its own temperature.",
    )
    confirm_seeds: Annotated[Count, Field(ge=0, le=1000)] | Looks = Field(
        default=5,
        description="Fresh seeds on which the best of every method is trained again; with looks they are "
        "added, block by block, until the interval decides. 0: no confirmation, and so no verdict.",
    )
    vary_split: bool = Field(
        default=False,
        description="Whether each fresh seed also draws training and validation examples anew from both "
        "together, so that the interval includes the choice of the split.",
    )
    margin: Margin = Field(
        default="1 %",
        description="A gain below it is of no interest: in units of the objective, or as a share of the "
        "diagonal's objective.",
    )
    extend: bool = Field(
        default=True,
        description="Whether ranges at whose end an optimum lies are extended before the confirmation.",
    )
    refine: bool = Field(
        default=True,
        description="Whether more is tried between the searched values beside an optimum, before the "
        "confirmation.",
    )
    control: Literal["rescaled"] | None = Field(
        default=None,
        description="rescaled: the best pair once more, with the logit layer scaled instead of the noise.",
    )
    diagnostics: Count = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Passes by which a gradient's noise is measured: 0 for none, or 2 or more.",
    )
    reports: Count = Field(
        default=20,
        ge=1,
        le=10_000,
        description="Evaluations along the training, at most one an epoch.",
    )
    precision: Literal["float32", "tf32", "bfloat16"] = Field(
        default="float32",
        description="What the factors of matrix products are rounded to, in training and evaluation. tf32 is "
        "for GPUs of CUDA.",
    )
    compile: Literal["auto", "off"] = Field(
        default="auto",
        description="auto: on a GPU of CUDA, training steps are recorded once and replayed. It has no "
        "influence on what is found.",
    )
    members_per_population: Count | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="Models trained together; by default by trials, devices and memory. It has no influence "
        "on what is found.",
    )
    max_hours: Hours | None = Field(
        default=None,
        description="Hours that the study may run in all; then it ends as cancelled, and what it had "
        "finished is kept.",
    )
    options: PlainOptions = Field(default={}, description="The task's own options.")
    dataset_options: PlainOptions = Field(default={}, description="The dataset's own options.")

    @field_validator("task")
    @classmethod
    def _known_task(cls, name: str, info: ValidationInfo) -> str:
        if not _accepted(info) and name not in task_names() and own.registered(name) is None:
            names = f"must be one of {', '.join(task_names())}"
            if name.endswith(".py"):
                names += f"; a task in a file is named with what it is called there, like {name}:Task"
            if own.is_file(name):
                names += "; a file's task is for `tuner run` on the machine of the file, and an installed "
                names += "package brings one everywhere"
            if name.startswith(own.GIVEN):
                names += "; this one was given from Python, where tuner.search with the same arguments and "
                names += "study='ID' knows it again"
            raise wrong(names, name)
        return name

    @field_validator("dataset")
    @classmethod
    def _known_dataset(cls, name: str, info: ValidationInfo) -> str:
        if not _accepted(info) and name not in (OWN_DATA, *dataset_names()):
            raise wrong(f"must be one of {', '.join(dataset_names())}", name)
        return name

    @field_validator("diagnostics")
    @classmethod
    def _enough_to_vary(cls, passes: int) -> int:
        if passes == 1:
            raise wrong("must be 0 for none, or 2 or more, because a single pass has no spread", passes)
        return passes

    @field_validator("learning_rates", "baselines")
    @classmethod
    def _distinct(cls, values: list[Any]) -> list[Any]:
        if len(set(values)) != len(values):
            raise wrong("must not name a value twice")
        return values

    @model_validator(mode="after")
    def _together(self, info: ValidationInfo) -> "StudySpec":
        """Checks that involve several fields. All errors are reported at once."""
        for_the_task = [] if _accepted(info) else self._wrong_for_the_task()
        errors = [*self._wrong_length(), *for_the_task, *self._wrong_size()]
        if errors:
            raise InvalidError(errors)
        return self

    def _wrong_length(self) -> Iterator[FieldError]:
        if self.control and self.optimizer is not None and self.optimizer.clips:
            message = "must be left out with control, because a gradient's norm depends on the logits' scale"
            yield FieldError("optimizer.clip_norm", message)
        if self.vary_split and not self.looks:
            message = "needs confirm_seeds: only fresh seeds have splits of their own"
            yield FieldError("vary_split", message)
        if (self.epochs is None) == (self.steps is None):
            yield FieldError("epochs", "give either epochs or steps, one of the two")

    def _wrong_for_the_task(self) -> Iterator[FieldError]:
        try:
            task = task_declaration(self.task)
        except ValueError as error:  # a user's own may not be importable
            yield FieldError("task", str(error))
            return
        if isinstance(self.score, AtEpoch) and self.epochs is not None and self.score.epoch > self.epochs:
            yield FieldError(
                "score.epoch", f"must be at most {self.epochs}, the epochs", str(self.score.epoch)
            )
        if self.dataset not in task.datasets:
            learns = f"task {self.task} learns from {', '.join(task.datasets)}"
            if self.dataset == OWN_DATA:
                yield FieldError("dataset", f"is missing; {learns}, and brings no data of its own")
            else:
                yield FieldError("dataset", learns, shown(self.dataset))
        there = [name for name in BASELINES if name in task.estimators]
        for name in self.baselines:
            if name not in there:
                message = f"task {self.task} has {', '.join(there)}"
                yield FieldError("baselines", message, shown(name))
        checks: dict[str, Callable[[], object]] = {
            "dataset_options": lambda: check_options(self.dataset, self.dataset_options),
            "options": lambda: task.options_type.parse(self.options),
        }
        for field, check in checks.items():
            try:
                check()
            except (ValueError, TypeError) as error:
                yield option_error(field, error)

    def _wrong_size(self) -> Iterator[FieldError]:
        if isinstance(self.search, WithRungs):
            field = self.search.rungs_field
            ladder = self.search.ladder(self.intervals)
            if len({*ladder}) < len(ladder):
                yield FieldError(
                    f"search.{field}",
                    f"each of the {len(ladder)} must end with a report of its own, and the training has "
                    f"{self.intervals} reports; raise reports, or lower {field}",
                )
                return
        if self.trials_total > MAX_TRIALS:
            yield FieldError("search", f"must have at most {MAX_TRIALS} trials", str(self.trials_total))

    @property
    def score_at(self) -> str | float:
        """At which report a trial's score is taken: "best", "last", or the epoch."""
        return float(self.score.epoch) if isinstance(self.score, AtEpoch) else self.score


def read_spec(given: object) -> StudySpec:
    """The spec of a study in the ledger, for reading only: it was accepted before, so its task and its
    dataset need not be installed here.

    Raises SpecError: it is from another version of this program.
    """
    return parse_spec(given, accepted=True)


def parse_spec(
    given: object, note: Callable[[str], None] | None = None, *, accepted: bool = False
) -> StudySpec:
    """Builds a spec from a mapping. `note` is called with a sentence about everything that is accepted but
    should be written differently. With `accepted` the task and dataset need not be known, as in read_spec.

    Raises SpecError: one sentence that names each wrong field and what it may be.
    """
    if errors := too_large(given):
        raise SpecError(errors)
    try:
        named = with_new_names(given, note) if isinstance(given, Mapping) else given
        return StudySpec.model_validate(named, context={_ACCEPTED: accepted})
    except ValidationError as error:
        raise spec_error(error, list(StudySpec.model_fields)) from error


def with_new_names(given: Mapping[str, Any], note: Callable[[str], None] | None) -> dict[str, Any]:
    """The mapping with old names of fields replaced by the new. Raises SpecError where both are given."""
    renamed = dict(given)
    for old, new in RENAMED.items():
        if old not in renamed:
            continue
        value = renamed.pop(old)
        if value is None:
            continue
        if renamed.get(new) is not None:
            raise SpecError([FieldError(old, f"is the old name of {new}; give {new} alone")])
        renamed[new] = value
        if note:
            note(f"{old} is called {new} now; the next version will not know the old name")
    return renamed


def load_spec(source: str, note: Callable[[str], None] | None = None) -> StudySpec:
    """Reads a spec from a YAML file, or from a preset's name; `note` as in parse_spec. Raises UserError.

    If its task is a class in a file, `my_model.py:Task`, that file is run. The path is relative to the spec.
    """
    path = Path(source)
    if path.suffix not in (".yaml", ".yml"):
        if source not in preset_names():
            raise UserError(
                f"there is no preset {source!r}: use one of {', '.join(preset_names())}, or a file ending in "
                ".yaml"
            )
        path = PRESETS / f"{source}.yaml"
    try:
        given = read_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"the spec {path} cannot be read: {error.strerror}") from error
    except UnicodeError as error:
        raise UserError(f"the spec {path} must be text in UTF-8") from error
    except YamlError as error:
        raise UserError(f"the spec {path} {error}") from error
    if given is None:
        raise UserError(f"the spec {path} is empty; it must be a mapping of fields, like `task: sbn`")
    if not isinstance(given, dict):
        raise UserError(f"the spec {path} must be a mapping of fields, got {shown(given)}")
    return parse_spec(_with_files_task(given, path.parent), note)


def _with_files_task(given: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The mapping with the path of a task in a file made absolute, and the task registered."""
    name = given.get("task")
    if not isinstance(name, str) or not own.is_file(name):
        return given
    name = own.absolute(name, folder)
    try:
        own.register_file(name)
    except (ValueError, DataError) as error:
        raise SpecError([FieldError("task", " ".join(str(error).split()))]) from error
    return given | {"task": name}


def preset_names() -> list[str]:
    """The presets that come with the package."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))
