"""What the studies of `make gpu-check` are, as specs, and the file that each of them is written to.

The file is what `tuner import` reads (tuner/driver/study_file.py says its fields): plain JSON with a version,
so that a machine with nothing but torch can train what another one analyses. Nothing here imports the search.
"""

import math
import secrets
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

from benchmarks.gpu import Study
from trainables.blocks import tables_on_host
from trainables.data import Dataset
from trainables.population import Configuration, Population
from trainables.tasks.base import Task
from trainables.tasks.catae import CatAE
from trainables.tasks.dln import DLN
from trainables.tasks.sbn import SBN

FORMAT, VERSION = "straight-through-tuner study", 1
REPORTS, TINY_REPORTS = 20, 4
ODD_TENTHS = tuple(round(0.1 * n, 1) for n in range(1, 20, 2))

Data: TypeAlias = tuple[str, dict[str, Any]]  # a dataset's name, and its options


@dataclass(frozen=True)
class Plan:
    """How one of the paper's studies is searched: its task, its data, its grid of temperatures."""

    name: str  # of the task, of the file, and in the study's name
    task: type[Task]
    data: tuple[Data, ...]  # of which the first is taken that is there
    small: dict[str, Any]  # the task's options where the check is tiny
    tau_f: tuple[float, ...]
    tau_b: tuple[float, ...]


PLANS = {
    "SBN grid": Plan(
        "sbn", SBN, (("fashion_mnist", {}),), {"units": [16, 12]},
        tuple(round(0.1 * n, 1) for n in range(21)), (*ODD_TENTHS, 2.0),
    ),
    "CatAE": Plan(
        "catae", CatAE, (("mnist", {}),), {"hidden": [24], "latents": 3, "classes": 5},
        # The diagonal goes as far as tau_f does: with 2.0 at its end, its best value was that.
        (0.0, 0.1, 0.3, 0.5, 1.0, 2.0, 3.0, 4.0), (0.3, 0.5, 1.0, 2.0, 3.0),
    ),
    "DLN, 16 members": Plan(
        "dln", DLN,
        # The original pixels, or JPEG copies of them where those are at hand: the study says which.
        (("cifar10", {}), ("image_folder", {"folder": "cifar10-jpeg", "size": 32})),
        {"widths": [60, 50]}, (0.0, 0.5, 1.0, 2.0), (0.3, 0.5, 1.0, 2.0),
    ),
}  # fmt: skip


def options_of(study: Study, *, tiny: bool) -> dict[str, Any]:
    """The task's own options: the paper's, which are the defaults, or those of a small model."""
    return PLANS[study.name].small if tiny else {}


def built(study: Study, dataset: Dataset, *, tiny: bool) -> Task:
    """The study's task on a dataset."""
    task = PLANS[study.name].task
    build: Any = task  # a task's constructor takes its own type of options
    made: Task = build(dataset, task.options_type.parse(options_of(study, tiny=tiny)))
    return made


def grid(study: Study, *, tiny: bool) -> list[Configuration]:
    """The study's trials, in the order in which a grid search has them; two of them where it is tiny."""
    tau_f, tau_b = _temperatures(study, tiny=tiny)
    return [Configuration("decoupled", f, b, study.lr) for f in tau_f for b in tau_b]


def _temperatures(study: Study, *, tiny: bool) -> tuple[tuple[float, ...], tuple[float, ...]]:
    plan = PLANS[study.name]
    return ((0.5, 1.0), (1.0,)) if tiny else (plan.tau_f, plan.tau_b)


def spec_of(
    study: Study, steps: int, batch_size: int, *, hours: float, tiny: bool,
    data: Data | None = None, precision: str = "float32",
) -> dict[str, Any]:  # fmt: skip
    """The study as somebody would submit it. It is searched and not confirmed, so it has no verdict.

    Args:
        study: which of the paper's.
        steps: of its training.
        batch_size: examples in a step.
        hours: that it may take.
        tiny: whether it is a small model on random data.
        data: what it learns from; by default the first of the plan's.
        precision: of matrix products.
    """
    plan = PLANS[study.name]
    tau_f, tau_b = _temperatures(study, tiny=tiny)
    dataset, dataset_options = data or plan.data[0]
    return {
        "name": f"gpu-check-{plan.name}{'-tiny' if tiny else ''}",
        "task": plan.name,
        "dataset": dataset,
        "dataset_options": dataset_options,
        "search": {"strategy": "grid", "tau_f": list(tau_f), "tau_b": list(tau_b)},
        "score": "last",
        "learning_rates": [study.lr],
        "seeds": study.seeds,
        "steps": steps,
        "batch_size": batch_size,
        "confirm_seeds": 0,
        "extend": False,
        "refine": False,
        "reports": TINY_REPORTS if tiny else REPORTS,
        "max_hours": hours,
        "precision": precision,
        "options": options_of(study, tiny=tiny),
    }


class StudyFile:
    """The content of a study's file as the training goes on: plain types.

    Args:
        study: which of the paper's.
        device: what it is trained on, as gpu_check.described tells.
        hours: that its part of the check may take.
        tiny: whether it is a small model on random data.
        precision: of matrix products.
    """

    def __init__(
        self, study: Study, device: dict[str, Any], *, hours: float, tiny: bool, precision: str
    ) -> None:
        self._study, self._tiny, self._precision = study, tiny, precision
        # What it learns from, once that is known: its name and options, and its examples' fingerprint.
        self.data: Data | None = None
        self.examples: str | None = None
        self._known = {
            "format": FORMAT,
            "version": VERSION,
            "run": secrets.token_hex(8),  # two imports of it are one study
            "device": {name: str(value) for name, value in device.items()},
            "random_data": tiny,
        }
        self._hours = hours
        self._reports: list[dict[str, Any]] = []

    @property
    def name(self) -> str:
        """The file's, without .json."""
        return f"paper-{PLANS[self._study.name].name}"

    def not_started(self, reason: str) -> dict[str, Any]:
        """The content where nothing was trained."""
        return self._known | {"state": "not started", "reason": reason}

    def report(self, models: Population, metrics: dict[str, Tensor], seconds: float) -> None:
        """Adds a report: metrics {name: [S, T]} after `seconds` of training."""
        self._reports.append(
            {
                "steps": models.steps,
                "epoch": models.steps / models.steps_per_epoch,
                "seconds": seconds,
                "metrics": {name: _plain(value) for name, value in tables_on_host(metrics).items()},
            }
        )

    def content(self, models: Population, state: str, steps: int) -> dict[str, Any]:
        """The content so far; state: training, succeeded, or out of time."""
        trials = [
            {"role": "search", "estimator": c.estimator, "tau_f": c.tau_f, "tau_b": c.tau_b, "lr": c.lr}
            for c in models.configurations
        ]
        spec = spec_of(
            self._study, steps, models.batch_size, hours=self._hours, tiny=self._tiny,
            data=self.data, precision=self._precision,
        )  # fmt: skip
        spec["seeds"] = len(models.seeds)
        found = {
            "examples": self.examples,
            "spec": spec,
            "seeds": list(models.seeds),
            "trials": trials,
            "reports": self._reports,
        }
        return self._known | {"state": state, "reason": None} | found


def _plain(values: Tensor) -> list[list[float | None]]:
    """[S, T] as a row for each trial; JSON has no NaN, so what is not finite is null."""
    # All that a number of its type has.
    digits = 9 if values.dtype == torch.float32 else 17
    return [
        [float(f"{v:.{digits}g}") if math.isfinite(v) else None for v in row] for row in values.T.tolist()
    ]
