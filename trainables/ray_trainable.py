"""A population as one Ray Tune trial: the only file here that imports ray.

A step is one report interval: train, evaluate, checkpoint, report a row per trial. Checkpoints are ours, one file per population,
replaced atomically after an interval, and found again by whoever trains that population next: the actor that Ray restarts, or
a driver that resumes the study. (Tune's own checkpoints belong to one Tune experiment, which a killed driver leaves behind.)
"""

import logging
import os
import time
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from ray import tune

from trainables.data import Dataset, load
from trainables.population import Configuration, Population
from trainables.tasks import task_type

_log = logging.getLogger(__name__)
_CHECKPOINT_EVERY_S = 5.0  # intervals shorter than this do not each write a checkpoint


@dataclass(frozen=True)
class PopulationConfig:
    """What a Tune trial is told: one population and how to train it. Plain types only, so that Tune can write it down."""

    task: str
    options: dict[str, Any]
    dataset: str
    data_folder: str
    trials: tuple[dict[str, Any], ...]  # of {"number", "estimator", "tau_f", "tau_b", "lr"}
    seeds: tuple[int, ...]
    batch_size: int
    epochs: int | None  # length of training: either in epochs
    steps: int | None  # or in steps
    intervals: int  # number of reports the training is divided into
    evaluate_test: bool  # whether the last report includes the test set
    device: str  # "cpu" or "cuda"
    threads: int  # CPU threads
    checkpoint: str  # file

    def to_tune(self) -> dict[str, Any]:
        """The config dictionary of the Tune trial."""
        return {"population": asdict(self)}

    @classmethod
    def from_tune(cls, config: dict[str, Any]) -> "PopulationConfig":
        """The reverse of to_tune."""
        return cls(**config["population"])


@dataclass(frozen=True)
class Report:
    """One interval of a population, as it travels to the driver."""

    interval: int  # 1 .. intervals
    epoch: float  # training done, in epochs
    steps: int  # training done, in steps
    final: bool
    training_s: float  # wall time of this interval's training and evaluation
    rows: dict[int, dict[str, list[float]]] = field(default_factory=dict)  # trial number -> metric -> value per seed
    error: str | None = None  # the population failed: why, in one sentence

    def to_tune(self) -> dict[str, Any]:
        """The result dictionary of a Tune step. The report is one value in it: Tune flattens nested dictionaries."""
        return {"report": [asdict(self)], "done": self.final or self.error is not None}

    @classmethod
    def from_tune(cls, result: dict[str, Any]) -> "Report":
        """The reverse of to_tune."""
        return cls(**result["report"][0])


def interval_ends(total: int, intervals: int) -> list[int]:
    """Steps done at the end of each interval: `intervals` equal parts of `total`, the last one ending exactly there."""
    return [round(total * (i + 1) / intervals) for i in range(intervals)]


@lru_cache(maxsize=1)
def _dataset(name: str, folder: str, device: str) -> Dataset:
    """The dataset on the device, kept while the actor is reused for population after population."""
    return load(name, folder).to(device)


class PopulationTrainable(tune.Trainable):  # type: ignore[misc]  # ray is untyped
    """Trains one population; reports after every interval; is reused for the next population."""

    def setup(self, config: dict[str, Any]) -> None:
        """Builds the population, and continues it from its checkpoint where there is one."""
        self._config = PopulationConfig.from_tune(config)
        self._population: Population | None = None
        self._ends: list[int] = []
        self._interval = 0
        self._saved_at = time.monotonic()
        torch.set_num_threads(self._config.threads)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Takes on the next population in the same process."""
        self.setup(new_config)
        return True

    def step(self) -> dict[str, Any]:
        """One report interval. A failure of the training itself is a report too, so that its reason reaches the user."""
        try:
            return self._train_interval().to_tune()
        except (RuntimeError, ValueError, OSError) as error:
            reason = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no message'}"
            return Report(self._interval + 1, 0.0, 0, final=False, training_s=0.0, error=reason).to_tune()

    def _train_interval(self) -> Report:
        started = time.perf_counter()
        if self._population is None:
            self._population = self._build()
        population, config = self._population, self._config
        end = self._ends[self._interval]
        metrics = {"train_loss": population.train(end - population.steps)} | population.evaluate()
        self._interval += 1
        final = self._interval == len(self._ends)
        if final and config.evaluate_test:
            test = population.evaluate("test")
            metrics |= {name.replace("val_", "test_"): value for name, value in test.items() if name.startswith("val_")}
        tables = {name: value.cpu().T.tolist() for name, value in metrics.items()}  # {metric: [T][S]}
        rows = {trial["number"]: {name: table[t] for name, table in tables.items()} for t, trial in enumerate(config.trials)}
        if not final and time.monotonic() - self._saved_at > _CHECKPOINT_EVERY_S:
            self.save_checkpoint(str(Path(config.checkpoint).parent))
        return Report(
            interval=self._interval,
            epoch=population.steps / population.steps_per_epoch,
            steps=population.steps,
            final=final,
            training_s=time.perf_counter() - started,
            rows=rows,
        )

    def _build(self) -> Population:
        config = self._config
        dataset = _dataset(config.dataset, config.data_folder, config.device)
        cls = task_type(config.task)
        population = Population(
            cls(dataset, cls.options_type.parse(config.options)),
            dataset,
            [Configuration(t["estimator"], t["tau_f"], t["tau_b"], t["lr"]) for t in config.trials],
            config.seeds,
            batch_size=config.batch_size,
        )
        total = config.steps if config.steps is not None else (config.epochs or 0) * population.steps_per_epoch
        self._ends = interval_ends(total, min(config.intervals, total))
        self._population = population
        if Path(config.checkpoint).exists():
            self.load_checkpoint(str(Path(config.checkpoint).parent))
        return population

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Writes the population's state to its file in the folder, atomically."""
        assert self._population is not None
        folder = Path(checkpoint_dir)
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / Path(self._config.checkpoint).name
        partial = target.with_suffix(".partial")
        with partial.open("wb") as file:
            torch.save({"interval": self._interval, "population": self._population.state_dict()}, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
        self._saved_at = time.monotonic()

    def load_checkpoint(self, checkpoint_dir: str) -> None:
        """Continues from the population's file in the folder; where that is damaged, from the beginning."""
        assert self._population is not None
        file = Path(checkpoint_dir) / Path(self._config.checkpoint).name
        try:
            state = torch.load(file, weights_only=True, map_location=self._config.device)
        except (RuntimeError, EOFError, UnpicklingError) as error:
            # What it held is lost, but the population can be trained again; its earlier reports are in the ledger already.
            _log.warning("the checkpoint %s is damaged (%s); its population starts anew", file, error)
            return
        self._population.load_state_dict(state["population"])
        self._interval = int(state["interval"])
