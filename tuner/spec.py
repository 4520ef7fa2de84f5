"""StudySpec: what a user asks for, the same object in YAML, in Python, on the command line and in the API."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from trainables.data import DATASETS, check_options
from trainables.estimators import ESTIMATORS
from trainables.tasks import task_names, task_type
from tuner.errors import UserError

PRESETS = Path(__file__).parent / "presets"
MAX_POINTS = 1_000  # values of one temperature
MAX_TRIALS = 50_000  # of one study
BASELINES = tuple(sorted(ESTIMATORS.keys() - {"decoupled"}))


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, frozen=True)


class Range(_Strict):
    """Evenly spaced values low, low + step, ..., up to and including high."""

    low: float
    high: float
    step: float = Field(gt=0)

    @property
    def points(self) -> int:
        """How many values there are, without making them. The tolerance lets 0.0 .. 2.0 by 0.1 end at 2.0."""
        steps = min((self.high - self.low) / self.step, 1e18)  # an infinite quotient has no floor
        return max(0, math.floor(steps + 1e-9) + 1)

    def values(self) -> list[float]:
        """The values, rounded so that 3 * 0.1 is 0.3."""
        return [round(self.low + i * self.step, 10) for i in range(self.points)]


def _values(given: list[float] | Range) -> list[float]:
    """Ascending; rounded, so that 0.1 + 0.2 is 0.3 and lies on the diagonal with it."""
    return sorted(round(v, 10) for v in (given if isinstance(given, list) else given.values()))


def _countable(given: list[float] | Range) -> list[float] | Range:
    """Counts the values before they are made: a million points are refused, not expanded."""
    count = given.points if isinstance(given, Range) else len(given)
    if not 1 <= count <= MAX_POINTS:
        raise ValueError(f"must have from 1 to {MAX_POINTS} values, got {count}")
    if len(set(_values(given))) != count:
        raise ValueError("must not name a value twice")
    return given


def _at_least_zero(given: list[float] | Range) -> list[float] | Range:
    lowest = _values(given)[0]
    if lowest < 0:
        raise ValueError(f"must be 0 or more (0 is argmax), got {lowest:g}")
    return given


def _above_zero(given: list[float] | Range) -> list[float] | Range:
    lowest = _values(given)[0]
    if lowest <= 0:
        raise ValueError(f"must be greater than 0 (the backward pass divides by it), got {lowest:g}")
    return given


def _one_above_zero(given: float) -> float:
    return _values(_above_zero([given]))[0]


def _listed(given: Any) -> Any:
    return given if isinstance(given, list | dict | Range) else [given]


def _no_truth_value(given: Any) -> Any:
    if isinstance(given, bool):
        raise ValueError(f"must be a number, got {str(given).lower()}")  # noqa: TRY004  # pydantic collects ValueErrors
    return given


Number = Annotated[float, BeforeValidator(_no_truth_value)]
Count = Annotated[int, BeforeValidator(_no_truth_value)]
ForwardTemperatures = Annotated[
    list[Number] | Range, BeforeValidator(_listed), AfterValidator(_countable), AfterValidator(_at_least_zero)
]
BackwardTemperatures = Annotated[
    list[Number] | Range, BeforeValidator(_listed), AfterValidator(_countable), AfterValidator(_above_zero)
]
BackwardTemperature = Annotated[Number, AfterValidator(_one_above_zero)]


class GridSearch(_Strict):
    """Every pair (tau_f, tau_b). A temperature is a list of values, one value, or a Range."""

    strategy: Literal["grid"]
    tau_f: ForwardTemperatures
    tau_b: BackwardTemperatures

    @property
    def forward(self) -> list[float]:
        """Values of tau_f, ascending."""
        return _values(self.tau_f)

    @property
    def backward(self) -> list[float]:
        """Values of tau_b, ascending."""
        return _values(self.tau_b)

    @property
    def pairs_total(self) -> int:
        """How many pairs (tau_f, tau_b) are run."""
        return len(self.forward) * len(self.backward)


class SequentialSearch(_Strict):
    """First tau_f at tau_b_start, then tau_b at the best tau_f: O(n) pairs where a grid has O(n^2) (Shah et al., section 5.1)."""

    strategy: Literal["sequential"]
    tau_f: ForwardTemperatures
    tau_b: BackwardTemperatures
    tau_b_start: BackwardTemperature = 1.0

    @property
    def forward(self) -> list[float]:
        """Values of tau_f, ascending."""
        return _values(self.tau_f)

    @property
    def backward(self) -> list[float]:
        """Values of tau_b, ascending; tau_b_start is one of them, because the first stage runs it at every tau_f."""
        return sorted({*_values(self.tau_b), self.tau_b_start})

    @property
    def pairs_total(self) -> int:
        """How many pairs (tau_f, tau_b) are run: the stages share the one at tau_b_start and the best tau_f."""
        return len(self.forward) + len(self.backward) - 1


Search = Annotated[GridSearch | SequentialSearch, Field(discriminator="strategy")]
_SEARCHES: dict[str, type[_Strict]] = {"grid": GridSearch, "sequential": SequentialSearch}


def _known_baseline(name: str) -> str:
    if name not in BASELINES:
        raise ValueError(f"must be one of {', '.join(BASELINES)}, got {name!r}")
    return name


@contextmanager
def _named(prefix: str) -> Iterator[None]:
    """Puts the field's name before what a check of `trainables` says about its value."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{prefix}{error}") from error


LearningRate = Annotated[Number, Field(gt=0, le=10)]
Baseline = Annotated[str, AfterValidator(_known_baseline)]


class StudySpec(_Strict):
    """One study. README.md and DESIGN's contract show it as YAML."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._ -]{0,63}$")
    task: str
    dataset: str
    search: Search
    learning_rates: Annotated[list[LearningRate], BeforeValidator(_listed), Field(min_length=1, max_length=100)] = [0.001]
    seeds: Count = Field(default=5, ge=1, le=1000)
    epochs: Count | None = Field(default=None, ge=1, le=1_000_000)
    steps: Count | None = Field(default=None, ge=1, le=1_000_000_000)
    batch_size: Count = Field(default=128, ge=1, le=1_000_000)
    baselines: list[Baseline] = []
    confirm_seeds: Count = Field(default=0, ge=0, le=1000)
    reports: Count = Field(default=20, ge=1, le=10_000)  # evaluations along the training; at most one an epoch
    population: Count | None = Field(default=None, ge=1, le=1_000_000)  # members trained together; default: by the memory
    options: dict[str, Any] = {}  # the task's own
    dataset_options: dict[str, Any] = {}  # the dataset's own

    @field_validator("task")
    @classmethod
    def _known_task(cls, name: str) -> str:
        if name not in task_names():
            raise ValueError(f"must be one of {', '.join(task_names())}, got {name!r}")
        return name

    @field_validator("dataset")
    @classmethod
    def _known_dataset(cls, name: str) -> str:
        if name not in DATASETS:
            raise ValueError(f"must be one of {', '.join(sorted(DATASETS))}, got {name!r}")
        return name

    @field_validator("learning_rates", "baselines")
    @classmethod
    def _distinct(cls, values: list[Any]) -> list[Any]:
        if len(set(values)) != len(values):
            raise ValueError("must not name a value twice")
        return values

    @model_validator(mode="after")
    def _together(self) -> "StudySpec":
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("epochs: give either epochs or steps, one of the two")
        with _named("task: "):  # a user's own may not be importable
            task = task_type(self.task)
        if self.dataset not in task.datasets:
            raise ValueError(f"dataset: task {self.task} learns from {', '.join(task.datasets)}, got {self.dataset!r}")
        known = [name for name in BASELINES if name in task.estimators]
        for name in self.baselines:
            if name not in known:
                raise ValueError(f"baselines: task {self.task} has {', '.join(known)}, got {name!r}")
        with _named("dataset_options."):
            check_options(self.dataset, self.dataset_options)
        with _named("options."):
            task.options_type.parse(self.options)
        if self.trials_total > MAX_TRIALS:
            raise ValueError(f"search: must have at most {MAX_TRIALS} trials, got {self.trials_total}")
        return self

    @property
    def baseline_temperatures(self) -> list[float]:
        """The one-temperature baselines are tuned over every positive value that either temperature of the search takes."""
        return sorted({tau for tau in (*self.search.forward, *self.search.backward) if tau > 0})

    @property
    def trials_total(self) -> int:
        """Trials of the search and its baselines; confirmation comes on top."""
        baseline = sum(len(self.baseline_temperatures) if ESTIMATORS[b].temperatures else 1 for b in self.baselines)
        return (self.search.pairs_total + baseline) * len(self.learning_rates)

    @property
    def confirm_total(self) -> int:
        """Trials of the confirmation, if every method has a best one: off the diagonal, on it, every other baseline."""
        if not self.confirm_seeds:
            return 0
        forward, backward, others = {*self.search.forward}, {*self.search.backward}, {*self.baselines} - {"softmax"}
        off = len(forward | backward) > 1
        on = bool(forward & backward) or "softmax" in self.baselines  # which is the diagonal
        return off + on + len(others)

    @property
    def search_seeds(self) -> tuple[int, ...]:
        """Seeds that configurations are selected on."""
        return tuple(range(self.seeds))

    @property
    def fresh_seeds(self) -> tuple[int, ...]:
        """Seeds of the confirmation: none of them was used to select."""
        return tuple(range(self.seeds, self.seeds + self.confirm_seeds))


def parse_spec(given: Mapping[str, Any]) -> StudySpec:
    """Builds a spec from a mapping. Raises UserError: one sentence naming each wrong field and what it may be."""
    try:
        return StudySpec.model_validate(given)
    except ValidationError as error:
        raise SpecError(_sentences(error)) from error


class SpecError(UserError):
    """A spec that is not valid."""

    def __init__(self, clauses: list[str]) -> None:
        """Takes a clause for each wrong field: "FIELD: what it must be, got what came"."""
        super().__init__("the spec is not valid: " + "; ".join(clauses))
        self.clauses = clauses


def load_spec(source: str) -> StudySpec:
    """Reads a spec from a YAML file, or from a preset's name. Raises UserError."""
    path = Path(source)
    if path.suffix not in (".yaml", ".yml"):
        if source not in preset_names():
            raise UserError(f"there is no preset {source!r}: use one of {', '.join(preset_names())}, or a file ending in .yaml")
        path = PRESETS / f"{source}.yaml"
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"the spec {path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # yaml's own, and those of the values it makes
        raise UserError(f"the spec {path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(given, dict):
        raise UserError(f"the spec {path} must be a mapping of fields, got {type(given).__name__}")
    return parse_spec(given)


def preset_names() -> list[str]:
    """The presets that come with the package."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def _sentences(error: ValidationError) -> list[str]:
    """One clause for each error: the field, what it must be, what came. A union's branches are told as one."""
    clauses: dict[str, str] = {}
    for e in error.errors(include_url=False):
        # pydantic puts the branch of a union into the path ("list[constrained-float]", "Range"); users know fields only.
        unknown = e["loc"][-1:] if e["type"] == "extra_forbidden" else ()
        known = e["loc"][: len(e["loc"]) - len(unknown)]
        untold = ("strategy",) if e["type"].startswith("union_tag") else ()  # pydantic stops at the union: search
        location = [str(p) for p in (*(p for p in known if isinstance(p, int) or p in _FIELDS), *untold, *unknown)]
        text = _clause(e)
        name = ".".join(location)
        # Of a union's two complaints the more specific one (the longer path) is the user's.
        clauses.setdefault(name or text.split(":")[0], f"{name}: {text}" if name else text)
    names = list(clauses)
    return [clauses[n] for n in names if not any(other != n and other.startswith(n + ".") for other in names)]


def _clause(e: Any) -> str:
    message: str = e["msg"].removeprefix("Value error, ")
    if e["type"] == "extra_forbidden":
        *place, _ = e["loc"]
        owner = Range if "Range" in place else _SEARCHES[place[1]] if place else StudySpec
        return f"is not a field; there are {', '.join(owner.model_fields)}"
    if e["type"] == "union_tag_not_found":
        return f"is missing; it must be one of {', '.join(_SEARCHES)}"
    if e["type"] == "union_tag_invalid":
        return f"must be one of {', '.join(_SEARCHES)}, got {e['ctx']['tag'][:80]!r}"
    if e["type"] == "missing":
        return "is missing"
    if e["type"] == "string_pattern_mismatch":
        return "must be 1 to 64 letters, digits, spaces, '.', '_' or '-', and begin with a letter or digit"
    if e["type"] in ("model_type", "model_attributes_type", "dict_type"):
        message = "must be a mapping of fields"
    if e["type"] == "too_short":
        message = f"must have at least {e['ctx']['min_length']} values, got {e['ctx']['actual_length']}"
    given = e.get("input")
    shown = f", got {str(given)[:80]!r}" if isinstance(given, str) else f", got {given}" if _printable(given) else ""
    shown = "" if "got " in message else shown
    return (message[0].lower() + message[1:]).replace("input should be", "must be") + shown


def _printable(given: Any) -> bool:
    """Python refuses to print whole numbers of thousands of digits."""
    return isinstance(given, float) or (isinstance(given, int) and abs(given) < 10**20)


_FIELDS = {*StudySpec.model_fields, *Range.model_fields, *(name for s in _SEARCHES.values() for name in s.model_fields)}
