"""What the API answers of studies, tasks and presets, and takes beside a study, as pydantic models: for its
description, and for the check of what users write. trial_schemas.py has trials and files.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from tuner.evidence.families import Correction
from tuner.ledger.objective import Direction
from tuner.ledger.rows import Role, StudyState

EXAMPLE_SPEC = {
    "name": "sbn-small",
    "task": "sbn",
    "dataset": "digits",
    "search": {"strategy": "grid", "tau_f": [0.0, 0.5, 1.0], "tau_b": [0.5, 1.0]},
    "learning_rates": [0.001],
    "seeds": 3,
    "epochs": 20,
    "baselines": ["identity", "softmax"],
    "confirm_seeds": 3,
}

Tag = Annotated[str, Field(pattern=r"^[^\s,][^,\x00-\x1f\x7f]{0,39}$", examples=["baseline", "paper"])]
_NOTES = "What the service accepts in the spec and should be written otherwise: a field's old name."


class Answer(BaseModel):
    """What is answered; later versions may add fields."""

    model_config = ConfigDict(extra="allow")


class FieldError(Answer):
    """One wrong field."""

    field: str = Field(examples=["search.tau_b"])
    message: str = Field(examples=["must be greater than 0 (the backward pass divides by it)"])


class ProblemDetails(Answer):
    """RFC 9457. What came in is never repeated."""

    title: str
    status: int
    detail: str
    errors: list[FieldError] = []


class LabelledObjective(Answer):
    """The metric by which configurations are selected, with its names for readers."""

    name: str = Field(examples=["val_loss"])
    direction: Direction
    label: str = Field(examples=["validation loss"], description="For a sentence.")
    title: str = Field(examples=["validation loss (nats)"], description="With the unit.")


class TrialCounts(Answer):
    """Trials by what has become of them."""

    done: int = Field(description="Ended, one way or another.")
    running: int
    failed: int = Field(description="Of those that are done: failed or diverged.")
    total: int | None = Field(
        description="Confirmation and control included; null where the task is not installed here."
    )


class MemberCounts(Answer):
    """Models: one for each trial and seed."""

    done: int
    total: int | None


class PopulationTraining(Answer):
    """A population that is training."""

    roles: list[Role] = Field(description="Of its trials.")
    trials: int
    first: int = Field(description="Lowest number among its trials.")
    last: int = Field(description="Highest.")
    fraction: float | None = Field(description="Of its training, 0 to 1, as of its last report.")
    epoch: float | None = Field(description="The same in epochs; null where the spec counts steps.")
    epochs: int | None


class Progress(Answer):
    """How far a study is."""

    trials: TrialCounts
    members: MemberCounts
    fraction: float | None = Field(
        description="Of the training, 0 to 1; trials that are running count by their reports."
    )
    eta_s: float | None = Field(
        description="Seconds left, as of the last report; null while that is not known."
    )
    training: list[PopulationTraining] = Field(description="The populations that train now.")


class BestPair(Answer):
    """The best trial of a search."""

    number: int
    tau_f: float | None
    tau_b: float | None
    lr: float


class GainInBrief(Answer):
    """The gain of the best off the diagonal over the best on it."""

    mean: float | None
    ci95: list[float] | None
    seeds: int
    confirmed: bool = Field(description="Measured on fresh seeds.")


class StudySummary(Answer):
    """A study in a list."""

    id: str = Field(examples=["0123abcdef"])
    name: str
    task: str
    dataset: str | None
    strategy: str | None
    state: StudyState
    reason: str | None
    cancelling: bool = Field(description="A cancel was asked for and is being carried out.")
    created_at: str
    started_at: str | None
    finished_at: str | None
    objective: LabelledObjective
    progress: Progress
    links: dict[str, str | None] = Field(
        description="self, page, trials, results, events, job (Ray), mlflow (its run), comparison (its "
        "trials in MLflow), optima (those of all studies in MLflow)"
    )
    revision: int = Field(description="Grows with every change.")
    tags: list[str] = Field(description="Words that users gave it.")
    comment: str = Field(description="What users write beside it.")
    verdict: str | None = Field(default=None, description="In a list, of a study that has ended.")
    headline: str | None = Field(
        default=None, description="In a list: the verdict in one line; where there is none, why."
    )
    best: BestPair | None = Field(default=None, description="In a list, of a study that has ended.")
    gain: GainInBrief | None = Field(default=None, description="Likewise.")
    correction: Correction | None = Field(default=None, description="In a list that is corrected.")


class Metric(Answer):
    """What is measured of every member of a task."""

    name: str = Field(examples=["val_loss"], description="Its key in a trial's `metrics`.")
    label: str = Field(examples=["validation loss"], description="For readers, in a sentence.")
    title: str = Field(examples=["validation loss (nats)"], description="The same with the unit.")
    unit: str | None = Field(examples=["nats"])
    direction: Direction | None = Field(description="Which values are better; null: neither.")
    measured: Literal["evaluation", "training", "diagnosis"] = Field(
        description="By the task's evaluation, in training, or by what the spec's `diagnostics` asks for."
    )
    second_verdict: bool = Field(description="Its comparison is shown beside the objective's.")


class Study(StudySummary):
    """A study."""

    spec: dict[str, Any] = Field(examples=[EXAMPLE_SPEC])
    metrics: list[Metric] = Field(
        description="What its task declares of them; of a task that is not known here, what it declared when "
        "the study was submitted."
    )
    host: dict[str, Any] = Field(description="Versions and device of the last driver.")
    training_s: float = Field(description="Seconds that populations trained, summed.")
    position: int | None = Field(description="Place in the queue, from 1; null where it is not queued.")
    figures: list[str] = Field(
        description="Names, once it has ended, that may be had from /studies/{study_id}/figures/{name}.png."
    )
    notes: list[str] | None = Field(default=None, description=f"Of a submission. {_NOTES}")


class Annotation(BaseModel):
    """What users write beside a study; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid", strict=True)

    tags: Annotated[list[Tag], Field(max_length=20)] | None = None
    comment: Annotated[str, Field(max_length=2000)] | None = None


class Studies(Answer):
    """A page of studies, newest first."""

    items: list[StudySummary]
    next: str | None = Field(description="The cursor of the next page; null on the last one.")


class Estimate(Answer):
    """How long a study would train, by what earlier ones took."""

    seconds: float = Field(description="Of training, on one device like theirs.")
    studies: int = Field(description="From how many that is known.")


class Planned(Answer):
    """What a study would train."""

    estimate: Estimate | None = Field(
        description="Null where no study of the same task, dataset, options and batch size has succeeded."
    )
    missing_data: str | None = Field(description="That its data is not there, and what follows.")

    trials: int = Field(description="All, confirmation and control included.")
    search_trials: int = Field(description="Of the search and its baselines.")
    confirm_trials: int = Field(description="If every method has a best one.")
    control_trials: int = Field(description="If the best pair off the diagonal has tau_f > 0.")
    further_trials: int = Field(
        description="At most, beside these: where ranges are extended, optima refined, and at further looks."
    )
    members: int = Field(description="Models that would be trained in all.")
    trainings: float = Field(
        description="The same in units of one model trained to its end: halving stops most before."
    )
    objective: LabelledObjective
    spec: dict[str, Any] = Field(description="With every default filled in.")
    notes: list[str] = Field(description=_NOTES)


class Option(Answer):
    """An option of a task."""

    name: str
    default: Any


class Labels(Answer):
    """What the keys in other answers are called for readers."""

    methods: dict[str, str] = Field(
        examples=[{"off_diagonal": "off the diagonal", "gumbel": "ST-GS"}],
        description="Of methods in results and curves, and of estimators.",
    )
    states: dict[str, str] = Field(
        examples=[{"succeeded": "succeeded"}], description="Of studies and of trials."
    )


class Task(Answer):
    """What can be trained."""

    name: str
    datasets: list[str]
    baselines: list[str] = Field(description="Estimators that a spec may name as baselines.")
    objective: LabelledObjective | None
    options: list[Option]
    metrics: list[Metric]
    problem: str | None = Field(default=None, description="Why a plugged-in task cannot be used.")


class Tasks(Answer):
    """All tasks, and what methods and states are called."""

    items: list[Task]
    labels: Labels
    next: None = None


class Preset(Answer):
    """A study that comes with the package."""

    name: str
    description: str
    spec: dict[str, Any]
    trials: int
    members: int


class Presets(Answer):
    """All presets."""

    items: list[Preset]
    next: None = None


class Readiness(Answer):
    """Whether each part answers."""

    ready: bool
    parts: dict[str, str] = Field(examples=[{"ledger": "ok", "ray": "ok", "mlflow": "ok"}])
