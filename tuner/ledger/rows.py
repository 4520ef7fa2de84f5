"""What the ledger holds, as frozen dataclasses, which strategies, evidence and projections work on. No SQL,
no I/O.

A study may have thousands of trials, so their dataclasses have slots, which take less memory; values that are
read again and again are computed once and kept in a slot (kept.py).
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from tuner.ledger.kept import kept, slot
from tuner.ledger.methods import DECOUPLED, PLAIN, SOFTMAX, Method, Segment, Variant
from tuner.ledger.objective import Objective

SCORE = "score"  # the metric that a trial's objective is read from, where its reports have it


class StudyState(StrEnum):
    """What has become of a study."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"  # nobody drives it, and it can be resumed


class TrialState(StrEnum):
    """What has become of a trial."""

    QUEUED = "queued"  # paused at a rung
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    DIVERGED = "diverged"  # its objective is not finite on some seed
    STOPPED = "stopped"  # dropped at a rung, or its study was cancelled


class Role(StrEnum):
    """What a trial is for."""

    SEARCH = "search"
    BASELINE = "baseline"
    EXTENSION = "extension"  # beyond a range at whose end an optimum lies
    REFINEMENT = "refinement"  # between the searched values beside an optimum
    CONFIRM = "confirm"  # a selected configuration once more, on fresh seeds
    CONTROL = "control"  # the rescaling control


# The roles of the search alone: the protocol "as printed" in the paper, without extension and refinement.
PRINTED = (Role.SEARCH, Role.BASELINE)
# The roles whose configurations compete to be selected.
COMPETING = (*PRINTED, Role.EXTENSION, Role.REFINEMENT)
TERMINAL_STUDY_STATES = (StudyState.SUCCEEDED, StudyState.FAILED, StudyState.CANCELLED)
TERMINAL_TRIAL_STATES = (TrialState.SUCCEEDED, TrialState.FAILED, TrialState.DIVERGED, TrialState.STOPPED)


# The reason of a study that was ended before its time, and of the trials that were stopped with it. A
# strategy that stops a trial at a rung gives another reason.
CANCELLED = "cancelled by the user"
TIME_OVER = "stopped after max_hours"
WITH_STUDY = (CANCELLED, TIME_OVER)


@dataclass(frozen=True)
class StudyRow:
    """A study as the ledger has it."""

    id: str
    name: str
    task: str
    state: StudyState
    reason: str | None
    spec: dict[str, Any]
    objective: Objective
    created_at: datetime  # UTC
    started_at: datetime | None
    finished_at: datetime | None
    training_s: float  # seconds that populations trained, summed over populations
    host: dict[str, Any]  # versions and device of the last driver
    owner: str | None = None  # whose API keys see it; None: only keys with the scope admin do
    job: str | None = None  # submission id of the Ray job that runs it or is about to; None: none does
    last_job: str | None = None  # submission id of the last Ray job that was named for it
    cancelling: bool = False  # a cancel was asked for
    revision: int = 0  # grows with every change of the study or its trials
    mlflow_run: str | None = None  # experiment/run of the study in MLflow, once it is there
    mlflow_optima: str | None = None  # MLflow experiment of all studies' optima, once this one's are there
    tags: tuple[str, ...] = ()  # words that users gave it
    comment: str = ""  # what users write beside it
    run_s: float = 0.0  # seconds for which drivers have held its lease
    # What its trials are made from (driver/material.py); None: there are none yet.
    material: dict[str, str] | None = None
    restarts: int = 0  # times that its trials were started anew
    outcome: dict[str, Any] | None = None  # what it has found, as lists show it, once a list has asked
    outcome_of: str | None = None  # hash of what that was computed from: the study's end, this version
    added_seeds: tuple[int, ...] = ()  # fresh seeds of each block added to its confirmation after its end
    # What its task declares of its metrics; None where an installed package brings the task.
    metrics: dict[str, Any] | None = None

    @property
    def strategy(self) -> str | None:
        """How it searches, as its spec names it."""
        name: str | None = self.spec.get("search", {}).get("strategy")
        return name


@dataclass(frozen=True, slots=True)
class Proposal:
    """A configuration that a strategy wants scored."""

    role: Role
    estimator: str
    tau_f: float | None
    tau_b: float | None
    lr: float
    variant: Variant = PLAIN
    look: int = 0  # of a confirmation: which block of fresh seeds it is trained on, 0 is the first
    _key: str = slot()
    _method: Method = slot()

    @kept
    def key(self) -> str:
        """Role and configuration as one text. A study has one trial of a key."""
        numbers = ("-" if v is None else repr(float(v)) for v in (self.tau_f, self.tau_b, self.lr))
        text = self.variant.text
        variant = [hashlib.blake2b(text.encode(), digest_size=8).hexdigest()] if text else []
        look = [f"look {self.look}"] if self.look else []
        return "|".join([self.role, self.estimator, *numbers, *variant, *look])

    @kept
    def method(self) -> Method:
        """The configuration without its role."""
        estimator = DECOUPLED if self.estimator == SOFTMAX else self.estimator
        return Method(estimator, self.tau_f, self.tau_b, self.lr, self.variant)


@dataclass(frozen=True, slots=True)
class TrialRow:
    """A trial as the ledger has it: a configuration, and what came out on each seed."""

    id: int
    number: int
    role: Role
    estimator: str
    tau_f: float | None
    tau_b: float | None
    lr: float
    state: TrialState
    reason: str | None
    population: str
    attempts: int  # times it was started
    seeds: tuple[int, ...]
    # Of the last report: {metric: value per seed}, None where it is not finite.
    metrics: Mapping[str, list[float | None]]
    objective: tuple[float | None, ...] | None  # [S], None where not finite; None as a whole until its end
    started_at: datetime | None
    finished_at: datetime | None
    variant: Variant = PLAIN
    intervals: int = 0  # report intervals that it was trained for
    epoch: float = 0.0  # the same in epochs
    # Number of the trial from whose state it goes on after a pause, or went on last; None: not decided, or it
    # has not paused.
    source: int | None = None
    look: int = 0  # as in Proposal
    _proposal: Proposal = slot()
    _mean: float | None = slot()

    @property
    def schedule(self) -> tuple[Segment, ...]:
        """The temperatures from each epoch on, where they change during training; the first is the trial's
        own.
        """
        return self.variant.schedule

    @property
    def description(self) -> str:
        """The estimator with its temperatures, for a line of text."""
        taus = [
            f"{name} {value:g}"
            for name, value in (("tau_f", self.tau_f), ("tau_b", self.tau_b))
            if value is not None
        ]
        scheduled = ["then scheduled"] if self.schedule else []
        return ", ".join([self.estimator, *taus, *scheduled, *self.variant.optimizer_words])

    @property
    def terminal(self) -> bool:
        """Whether the trial has ended, one way or another."""
        return self.state in TERMINAL_TRIAL_STATES

    @kept
    def proposal(self) -> Proposal:
        """The configuration with its role."""
        return Proposal(self.role, self.estimator, self.tau_f, self.tau_b, self.lr, self.variant, self.look)

    @property
    def method(self) -> Method:
        """The configuration without its role."""
        return self.proposal.method

    @kept
    def mean(self) -> float | None:
        """Mean objective over seeds; None unless every seed has a finite one."""
        values = [v for v in self.objective or () if v is not None]
        return math.fsum(values) / len(values) if values and len(values) == len(self.seeds) else None

    @property
    def off_diagonal(self) -> bool:
        """Whether it is decoupled ST with tau_f != tau_b for at least a part of its training."""
        return self.method.off_diagonal

    @property
    def stopped_with_study(self) -> bool:
        """Whether it was stopped because its study was, and not by the strategy."""
        return self.state is TrialState.STOPPED and self.reason in WITH_STUDY


@dataclass(frozen=True)
class Measurement:
    """One trial at one report interval."""

    id: int
    trial_id: int
    interval: int
    epoch: float
    recorded_at: datetime
    metrics: dict[str, list[float | None]]  # metric -> value per seed


@dataclass(frozen=True)
class Continuation:
    """A strategy's decision that a queued trial is trained further."""

    number: int
    source: int  # number of the trial, at the same rung, from whose state it goes on: mostly its own
    # What it is from now on: unchanged, or the schedule of the source so far followed by temperatures of its
    # own.
    proposal: Proposal

    @classmethod
    def unchanged(cls, trial: TrialRow) -> "Continuation":
        """The trial goes on as it was."""
        return cls(trial.number, trial.number, trial.proposal)
