"""A study that was trained elsewhere, as a file of JSON: `make gpu-check` writes it, `tuner import` reads it.

The file is written by a program that needs torch alone, and may have been cut off or edited; so all of it is
looked at before anything is written to the ledger. What is wrong is one sentence that names file and field.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trainables.configuration import Configuration
from trainables.tasks import task_declaration
from tuner.errors import SpecError, UserError
from tuner.ledger.rows import Proposal, Role
from tuner.spec.study import StudySpec, parse_spec

FORMAT, VERSION = "straight-through-tuner study", 1
PATTERN = "paper-*.json"
Table = list[list[float | None]]  # [T][S]; null where it was not finite


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class _Head(BaseModel):
    """What every version of the file has."""

    format: str
    version: int


class Trial(_Part):
    """A configuration and what it is for."""

    role: Role
    estimator: str
    tau_f: float | None
    tau_b: float | None
    lr: float

    @property
    def proposal(self) -> Proposal:
        """As the ledger takes it."""
        return Proposal(self.role, self.estimator, self.tau_f, self.tau_b, self.lr)


class Report(_Part):
    """What was measured at one point of the training."""

    steps: int = Field(ge=1)
    epoch: float = Field(gt=0)
    seconds: float = Field(ge=0)  # since the training began
    metrics: dict[str, Table]


class StudyFile(_Part):
    """A whole file. The last four fields are empty where nothing was trained."""

    format: Literal["straight-through-tuner study"]
    version: Literal[1]
    run: str = Field(pattern=r"^[0-9a-f]{16}$")  # two files of one run are one study
    device: dict[str, str]  # what it was trained on
    random_data: bool  # whether it learned from random numbers: then it measures nothing
    state: Literal["succeeded", "out of time", "training", "not started"]
    reason: str | None  # why nothing was trained
    examples: str | None = None  # the fingerprint of its dataset, with which its confirmation can go on here
    spec: dict[str, object] = {}
    seeds: list[int] = []
    trials: list[Trial] = []
    reports: list[Report] = []

    @property
    def study_spec(self) -> StudySpec:
        """The spec, checked. Raises SpecError."""
        return parse_spec(self.spec)


def read_folder(folder: Path) -> list[tuple[Path, StudyFile]]:
    """The study files of a folder by name. Raises UserError where there is none, or one is not valid."""
    paths = sorted(folder.glob(PATTERN))
    if not paths:
        raise UserError(
            f"{folder} has no file {PATTERN}; name the folder that `make gpu-check` wrote its results to"
        )
    return [(path, read(path)) for path in paths]


def read(path: Path) -> StudyFile:
    """One file, all of it checked. Raises UserError: a sentence that names file and field."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise UserError(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from error
    try:
        head = _Head.model_validate_json(text)
        if (head.format, head.version) != (FORMAT, VERSION):
            field = "format" if head.format != FORMAT else "version"
            came, wanted = (head.format, FORMAT) if field == "format" else (head.version, VERSION)
            raise UserError(
                f"{path}: {field}: must be {wanted}, got {came}; run this version's `make gpu-check` again"
            )
        file = StudyFile.model_validate_json(text)
    except ValidationError as error:
        raise UserError(f"{path}: {_sentence(error)}") from error
    if file.state != "not started" and (wrong := next(_wrong(file), None)):
        raise UserError(f"{path}: {wrong}")
    return file


def _sentence(error: ValidationError) -> str:
    """The first of pydantic's complaints: FIELD: what is wrong."""
    first = error.errors(include_url=False)[0]
    field = ".".join(map(str, first["loc"]))
    if first["type"] == "json_invalid":
        return f"is not whole JSON ({first['ctx']['error']}); copy the file again"
    if first["type"] == "missing":
        return f"{field}: is missing"
    said = (first["msg"][0].lower() + first["msg"][1:]).replace("input should be", "must be")
    return f"{field}: {said}" if field else said.replace("must be", "the file must be")


def _wrong(file: StudyFile) -> Iterator[str]:
    """What no field can know of itself, in the order of the fields."""
    try:
        spec = file.study_spec
    except SpecError as error:
        yield f"spec: {error}"
        return
    for name, values in (("seeds", file.seeds), ("trials", [t.proposal.key for t in file.trials])):
        if not values or len(set(values)) != len(values):
            yield f"{name}: must name at least one, and none twice"
    known = task_declaration(spec.task).estimators
    for n, trial in enumerate(file.trials):
        if trial.estimator not in known:
            yield f"trials.{n}.estimator: must be one of {', '.join(known)}, got {trial.estimator}"
        try:
            Configuration(trial.estimator, trial.tau_f, trial.tau_b, trial.lr)
        except ValueError as error:
            yield f"trials.{n}: {error}"
    yield from _wrong_reports(file, spec)


def _wrong_reports(file: StudyFile, spec: StudySpec) -> Iterator[str]:
    if not file.reports:
        yield "reports: must have at least one"
        return
    objective, before = task_declaration(spec.task).objective.name, 0
    shape = f"{len(file.trials)} rows, one a trial, of {len(file.seeds)} values, one a seed"
    for n, report in enumerate(file.reports):
        if report.steps <= before:
            yield f"reports.{n}.steps: must be more than {before}, those of the report before it"
        if objective not in report.metrics:
            yield f"reports.{n}.metrics.{objective}: is missing; it is what the study's task is judged by"
        for name, table in report.metrics.items():
            if [len(row) for row in table] != [len(file.seeds)] * len(file.trials):
                yield f"reports.{n}.metrics.{name}: must have {shape}"
        before = report.steps
    if file.state == "succeeded" and spec.steps is not None and before != spec.steps:
        yield f"reports: must end at the spec's step {spec.steps} where state is succeeded, got {before}"
