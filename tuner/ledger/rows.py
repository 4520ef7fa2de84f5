"""What the ledger holds, as frozen dataclasses: what strategies, evidence and projections work on. No SQL, no
I/O.
"""

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

TERMINAL_TRIAL_STATES = ("succeeded", "failed", "diverged", "stopped")
Segment = tuple[float, float, float, float]  # of a schedule, from an epoch on: (epoch, tau_f, tau_b, lr)
TERMINAL_STUDY_STATES = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True)
class StudyRow:
    """A study as the ledger has it."""

    id: str
    name: str
    task: str
    state: str  # queued | running | succeeded | failed | cancelled | interrupted
    reason: str | None
    spec: dict[str, Any]
    objective: str
    direction: str
    created_at: datetime  # UTC
    started_at: datetime | None
    finished_at: datetime | None
    training_s: float  # wall time that populations trained, summed
    host: dict[str, Any]  # versions and device of the last driver
    owner: str | None = None  # id of the API key that it belongs to
    job: str | None = None  # submission id of the Ray job that has it, or is about to
    last_job: str | None = None  # of the last one that was named for it
    cancelling: bool = False  # a cancel was asked for
    revision: int = 0  # grows with every change
    mlflow_run: str | None = None  # experiment/run of the study in MLflow, once it is there


@dataclass(frozen=True)
class Proposal:
    """A configuration that a strategy wants scored."""

    role: str  # search | baseline | confirm | control
    estimator: str
    tau_f: float | None
    tau_b: float | None
    lr: float
    variant: str = (
        ""  # what else it is trained with, as a JSON object with sorted keys; "" where that is nothing
    )

    @cached_property
    def key(self) -> str:
        """What makes it the same trial as another: unique within a study."""
        numbers = ("-" if v is None else repr(float(v)) for v in (self.tau_f, self.tau_b, self.lr))
        variant = [hashlib.blake2b(self.variant.encode(), digest_size=8).hexdigest()] if self.variant else []
        return "|".join([self.role, self.estimator, *numbers, *variant])


@dataclass(frozen=True)
class TrialRow:
    """A trial as the ledger has it: a configuration and what came out, per seed."""

    id: int
    number: int
    role: str
    estimator: str
    tau_f: float | None
    tau_b: float | None
    lr: float
    # running | queued (paused at a rung) | succeeded | failed | diverged | stopped (dropped at a rung)
    state: str
    reason: str | None
    population: str
    attempts: int  # times it was started
    seeds: tuple[int, ...]
    metrics: dict[
        str, list[float | None]
    ]  # of the last report: metric -> value per seed, None where not finite
    objective: tuple[float | None, ...] | None  # per seed; None until terminal
    started_at: datetime | None
    finished_at: datetime | None
    variant: str = ""  # as Proposal's
    intervals: int = 0  # report intervals that it was trained for
    epoch: float = 0.0  # the same in epochs
    source: int | None = (
        None  # number of the trial whose state it goes on from; None while nothing is decided
    )

    @property
    def schedule(self) -> tuple[Segment, ...]:
        """(epoch, tau_f, tau_b, lr) from each epoch on, where they change during training; the first is the
        trial's own.
        """
        given = json.loads(self.variant).get("schedule", []) if self.variant else []
        return tuple((epoch, tau_f, tau_b, lr) for epoch, tau_f, tau_b, lr in given)

    @property
    def description(self) -> str:
        """The estimator with its temperatures, for a line of text."""
        taus = [
            f"{name} {value:g}"
            for name, value in (("tau_f", self.tau_f), ("tau_b", self.tau_b))
            if value is not None
        ]
        return ", ".join([self.estimator, *taus, *(["then scheduled"] if self.schedule else [])])

    @property
    def terminal(self) -> bool:
        """Whether the trial has ended, one way or another."""
        return self.state in TERMINAL_TRIAL_STATES

    @cached_property
    def proposal(self) -> Proposal:
        """The configuration with its role."""
        return Proposal(self.role, self.estimator, self.tau_f, self.tau_b, self.lr, self.variant)

    @property
    def method(self) -> tuple[str, float | None, float | None, float, str]:
        """What was trained, whatever its role. Softmax ST at tau is decoupled ST at (tau, tau): one method,
        not two.
        """
        estimator = "decoupled" if self.estimator == "softmax" else self.estimator
        return (estimator, self.tau_f, self.tau_b, self.lr, self.variant)

    @cached_property
    def mean(self) -> float | None:
        """Mean objective over seeds; None unless every seed has a finite one."""
        values = [v for v in self.objective or () if v is not None]
        return math.fsum(values) / len(values) if values and len(values) == len(self.seeds) else None

    @property
    def off_diagonal(self) -> bool:
        """Whether it is decoupled ST with tau_f != tau_b, at some time of its training."""
        pairs = [(self.tau_f, self.tau_b), *((tau_f, tau_b) for _, tau_f, tau_b, _ in self.schedule)]
        return self.estimator == "decoupled" and any(tau_f != tau_b for tau_f, tau_b in pairs)


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
    """A queued trial that is to go on."""

    number: int
    source: int  # number of the trial whose state it goes on from, at the same rung: its own, mostly
    proposal: Proposal  # what it is from now on: as it was, or with the source's past and a future of its own

    @classmethod
    def unchanged(cls, trial: TrialRow) -> "Continuation":
        """The trial goes on as it was."""
        return cls(trial.number, trial.number, trial.proposal)


def scheduled(segments: Sequence[Segment]) -> str:
    """The variant of trials whose temperatures change during training."""
    return json.dumps({"schedule": [list(segment) for segment in segments]}, sort_keys=True)
