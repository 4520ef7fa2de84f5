"""What the API answers of trials and files, for its description."""

from typing import Literal

from pydantic import Field

from api.application.schemas import Answer
from tuner.evidence.results import TrialResult
from tuner.ledger.rows import Role, TrialState


class Compared(Answer):
    """A trial's objective where all of the search have been."""

    mean: float | None
    sem: float | None


class BriefTrial(Answer):
    """A trial in few numbers, as last reported where it has not ended."""

    number: int
    role: Role
    estimator: str
    tau_f: float | None
    tau_b: float | None
    lr: float
    state: TrialState
    reason: str | None
    epoch: float = Field(description="Of the last report.")
    mean: float | None = Field(description="Of the objective over seeds, then.")
    sem: float | None
    compared: Compared | None = Field(description="The same at `compared_at`; null where it was not there.")
    variant: str | None = Field(default=None, description="What else it is trained with, as JSON.")


class Trials(Answer):
    """A page of trials by number: whole ones, or with brief=true brief ones."""

    items: list[BriefTrial | TrialResult]
    next: str | None
    compared_at: float | None = Field(
        default=None,
        description="With brief=true, of a study that has not succeeded: the epoch that all trials of its "
        "search have reached which are under way. At different ones they cannot be compared.",
    )


class SearchStep(Answer):
    """A trial of the search that was trained to its end."""

    trial: int
    mean: float = Field(description="Of the objective over seeds.")
    best: float = Field(description="Of the trials up to it.")


class SearchPath(Answer):
    """The temperatures of a trial over its training."""

    trial: int
    source: int | None = Field(description="Number of the trial whose state it went on from last.")
    segments: list[list[float]] = Field(description="From an epoch on: [epoch, tau_f, tau_b, lr].")
    mean: float | None = Field(description="Of the objective over seeds, at the end.")


class SearchCourse(Answer):
    """How a search went."""

    steps: list[SearchStep] = Field(description="In the order in which they were proposed.")
    importance: dict[str, float] | None = Field(
        examples=[{"tau_f": 0.1, "tau_b": 0.8, "interaction": 0.1}],
        description="The share of the variance of a surface through all trials that is a function of tau_f, "
        "of tau_b, of lr alone, and the rest; null with too few trials.",
    )
    paths: list[SearchPath] = Field(description="Empty where no trial changes its temperatures.")


class StudyFile(Answer):
    """A file that may be had of a study."""

    name: str = Field(examples=["report.html", "figures/landscape.svg", "trials/12/model.pt"])
    kind: Literal["report", "table", "spec", "code", "figure", "trial"]
    about: str
    media_type: str
    trial: int | None = Field(description="Number of the trial that has left it.")
    bytes: int | None = Field(description="Null where it is made when asked for.")


class Files(Answer):
    """The files of a study."""

    items: list[StudyFile]
    next: None = None


class TrialCurve(Answer):
    """A metric over the training; a list is as long as there are reports."""

    mean: list[float | None]
    sem: list[float | None]
    seeds: list[list[float | None]] = Field(description="A list for each seed.")


class TrialCurves(Answer):
    """All metrics of a trial over its training."""

    epoch: list[float]
    metrics: dict[str, TrialCurve]


class SameTrial(Answer):
    """A trial of the same configuration in another role."""

    number: int
    role: Role
    seeds: list[int]


class TrialDetail(TrialResult):
    """A trial with all that is known of it."""

    seeds: list[int]
    epoch: float = Field(description="Of the last report.")
    attempts: int = Field(description="How often its training was started.")
    started_at: str | None
    finished_at: str | None
    curves: TrialCurves
    same: list[SameTrial]
    trials: int = Field(description="How many its study has.")
    files: list[StudyFile]
    mlflow: str | None = Field(description="Its run in MLflow; null until MLflow has the study.")


class Curve(Answer):
    """The objective of one trial over its training."""

    method: str = Field(examples=["off_diagonal", "diagonal", "identity"])
    trial: int
    estimator: str
    tau_f: float | None
    tau_b: float | None
    lr: float
    seeds: list[int]
    epoch: list[float]
    mean: list[float | None]
    sem: list[float | None]


class Curves(Answer):
    """Learning curves of the best trial of every method."""

    objective: str
    curves: list[Curve]
