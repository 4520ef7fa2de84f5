"""One population from its beginning to its end, a report interval at a time; without Ray.

A step is one report interval: write a checkpoint of the interval before, train, evaluate, report a row per
trial. Checkpoints are our own files, one for each population, replaced atomically. Whoever trains the
population next continues from it: the actor that Ray starts in place of a lost one, or a driver that resumes
the study. (Tune's own checkpoints belong to one Tune experiment, which ends with its driver.)
"""

import json
import logging
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trainables.blocks import Blocks, NoMemoryError, Result
from trainables.capture import recorder
from trainables.configuration import Configuration
from trainables.data import OWN_DATA, DataError, Dataset, load
from trainables.diagnostics import Diagnosis
from trainables.memory import keep_freed_memory
from trainables.model_file import as_bytes, file_name
from trainables.population import Population
from trainables.population_report import PopulationConfig, Report
from trainables.scoring import ScoreRule
from trainables.tasks import task_type
from trainables.tasks.base import Task
from trainables.tasks.own import OwnTask

_log = logging.getLogger(__name__)
_ROUTING = ("source",)  # what a trial of PopulationConfig has that says nothing of what was trained
CHECKPOINT_EVERY_S = 5.0  # intervals shorter than this do not each write a checkpoint


def interval_ends(total: int, intervals: int) -> list[int]:
    """Steps done at the end of each interval: `intervals` equal parts of `total`, the last one ending exactly
    there.
    """
    return [round(total * (i + 1) / intervals) for i in range(intervals)]


@lru_cache(maxsize=1)
def _dataset(
    cls: type[Task], own: OwnTask | None, name: str, options: str, folder: str, device: str
) -> Dataset:
    """The dataset on the device, prepared for the task, kept while the actor is reused for population after
    population.

    Its options come as JSON, because they may be lists, which the cache cannot tell apart.
    """
    if name != OWN_DATA:
        return cls.prepared(load(name, folder, json.loads(options)).to(device))
    brought = cls.own_dataset() if own is None else own.dataset
    assert brought is not None  # as the driver has seen
    return cls.prepared(brought.to(device))


class PopulationRun:
    """Trains one population.

    Args:
        config: which population, and how to train it.
        own: the task and its data, if workers cannot load them by name.
    """

    def __init__(self, config: PopulationConfig, own: OwnTask | None = None) -> None:
        self._config, self._own = config, own
        self._blocks: Blocks | None = None
        self._ends: list[int] = []
        self._steps_per_epoch = 1
        self._interval = 0
        self._saved_at = time.monotonic()
        torch.set_num_threads(config.threads)
        keep_freed_memory()

    def next_report(self) -> Report:
        """Trains one report interval. A failure of the training itself is a report too, so that its reason
        reaches the user.
        """
        try:
            return self._train_interval()
        except (RuntimeError, ValueError, OSError, MemoryError, DataError, NoMemoryError) as error:
            said = str(error).strip().splitlines() or ["no message"]
            reason = f"{type(error).__name__}: {said[0]}"
            return Report(self._interval + 1, 0.0, 0, final=False, training_s=0.0, error=reason)

    def _train_interval(self) -> Report:
        started = time.perf_counter()
        if self._blocks is None:
            self._blocks = self._build()
        elif time.monotonic() - self._saved_at > CHECKPOINT_EVERY_S:
            # Now, and not at the end of the last step: a checkpoint must not hold an interval that the
            # ledger lacks, which would never be trained and reported again. Tune asks for a step only when
            # the driver has the report of the last one.
            self._checkpoint()
        config, i = self._config, self._interval
        final = i + 1 == len(self._ends)
        diagnosis = Diagnosis(**config.diagnosis) if final and config.diagnosis else None
        start = self._ends[i - 1] if i else 0
        result = self._blocks.train(
            start,
            self._ends[i],
            last=final and config.evaluate_test,
            diagnosis=diagnosis,
            rule=ScoreRule(config.score, confirms=config.confirms),
        )
        self._interval += 1
        epoch = self._ends[i] / self._steps_per_epoch
        self._log(f"report {self._interval} of {len(self._ends)}, epoch {epoch:.4g}")
        paused = not final and self._interval == config.until
        if paused:
            self._write_paused_states()
        tables = {name: value.T.tolist() for name, value in result.metrics.items()}  # {metric: [T][S]}
        numbers = [trial["number"] for trial in config.trials]
        return Report(
            interval=self._interval,
            epoch=epoch,
            steps=self._ends[i],
            final=final,
            training_s=time.perf_counter() - started,
            paused=paused,
            began=self._ends[config.start - 1] / self._steps_per_epoch if config.start else 0.0,
            rows={
                number: {name: table[t] for name, table in tables.items()} for t, number in enumerate(numbers)
            },
            artifacts={
                numbers[t]: files | _arrays(result, t) | self._model_files(t, result.models.get(t, {}))
                for t, files in result.artifacts.items()
            },
        )

    def _model_files(self, t: int, models: Mapping[int, Mapping[str, Tensor]]) -> dict[str, bytes]:
        """The models of a trial, {place of the seed: {name: tensor}}, as files."""
        config = self._config
        trial = {name: value for name, value in config.trials[t].items() if name not in _ROUTING}
        chosen = _configuration(trial, config.optimizer).optimizer
        about = {
            "task": config.task,
            "options": config.options,
            "trial": trial,
            "optimizer": asdict(chosen),
            "spec": config.spec,
        }
        return {
            file_name(config.seeds[s]): as_bytes(tensors, about | {"seed": config.seeds[s]})
            for s, tensors in models.items()
        }

    def _log(self, what: str) -> None:
        """A line in the actor's log, which Ray's dashboard shows."""
        print(f"{self._config.study} · {self._config.name} · {what}", flush=True)  # noqa: T201

    def _build(self) -> Blocks:
        config = self._config
        self._log("starts")
        cls = task_type(config.task) if self._own is None else self._own.task
        options = json.dumps(config.dataset_options, sort_keys=True)
        dataset = _dataset(cls, self._own, config.dataset, options, config.data_folder, config.device)
        task = cls(dataset, cls.options_type.parse(config.options))
        configurations = [_configuration(t, config.optimizer) for t in config.trials]

        self._steps_per_epoch = dataset.steps_per_epoch(config.batch_size)
        total = config.steps if config.steps is not None else (config.epochs or 0) * self._steps_per_epoch

        def build(trials: Sequence[int], seeds: Sequence[int]) -> Population:
            return Population(
                task,
                dataset,
                [configurations[t] for t in trials],
                [config.seeds[s] for s in seeds],
                batch_size=config.batch_size,
                total_steps=total,
                precision=config.precision,
                recorder=recorder(torch.device(config.device), config.compile),
                vary_split=config.vary_split,
            )

        self._ends = interval_ends(total, min(config.intervals, total))
        self._blocks = Blocks(build, trials=len(configurations), seeds=len(config.seeds))
        if Path(config.checkpoint).exists():
            self.load_checkpoint(str(Path(config.checkpoint).parent))
        if config.start and not self._interval:
            self._continue_from_paused_states(configurations)
        return self._blocks

    def _state_file(self, number: int, interval: int) -> Path:
        """The file of a trial's state when it paused after an interval."""
        return Path(self._config.checkpoint).parent / f"trial-{number}-{interval}.pt"

    def _write_paused_states(self) -> None:
        """Writes a file for each trial: which of them go on, and together with which, is decided later."""
        assert self._blocks is not None
        for trial, state in zip(self._config.trials, self._blocks.trial_states(), strict=True):
            _write(self._state_file(trial["number"], self._interval), state)

    def _continue_from_paused_states(self, configurations: Sequence[Configuration]) -> None:
        """Continues the trials from their files. Where one is lost, all are trained from the beginning, with
        the same result.
        """
        assert self._blocks is not None
        sources = [trial["source"] for trial in self._config.trials]
        try:
            states = [_read(self._state_file(n, self._config.start)) for n in sources]
            self._blocks.load_trial_states(states, configurations)
        except (OSError, RuntimeError, EOFError, UnpicklingError, KeyError, ValueError) as error:
            _log.warning("a paused trial's state is lost (%s); its population starts anew", error)
            return
        self._interval = self._config.start

    def _checkpoint(self) -> None:
        """Saves where training stands. Where that fails (a full disk), training goes on: only a kill would
        now cost more.
        """
        try:
            self.save_checkpoint(str(Path(self._config.checkpoint).parent))
        except (OSError, RuntimeError) as error:  # RuntimeError is torch's for a file cut short
            _log.warning("the checkpoint %s cannot be written: %s", self._config.checkpoint, error)

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Writes the population's state to its file in the folder, atomically."""
        assert self._blocks is not None
        target = Path(checkpoint_dir) / Path(self._config.checkpoint).name
        _write(target, {"interval": self._interval, "blocks": self._blocks.state()})
        self._saved_at = time.monotonic()

    def load_checkpoint(self, checkpoint_dir: str) -> None:
        """Continues from the population's file in the folder; where that is damaged, from the beginning."""
        assert self._blocks is not None
        file = Path(checkpoint_dir) / Path(self._config.checkpoint).name
        try:
            state = _read(file)
            blocks, interval = state["blocks"], int(state["interval"])
        except (RuntimeError, EOFError, UnpicklingError, KeyError) as error:
            # The population is trained again from the beginning; the ledger keeps its earlier reports.
            _log.warning("the checkpoint %s is damaged (%s); its population starts anew", file, error)
            return
        self._blocks.load_state(blocks)
        self._interval = interval


def _arrays(result: Result, t: int) -> dict[str, bytes]:
    """What was measured of a trial example by example, as files: float32 [S, N] in NumPy's format."""
    files = {}
    for name, values in result.examples.items():
        content = BytesIO()
        np.save(content, values[:, t].contiguous().numpy())
        files[f"{name}.npy"] = content.getvalue()
    return files


def _configuration(trial: dict[str, Any], optimizer: dict[str, Any]) -> Configuration:
    """The configuration of one of PopulationConfig's trials."""
    variant = json.loads(trial.get("variant") or "{}")
    own = optimizer | variant.pop("optimizer", {})  # what the study searches, this trial has chosen
    return Configuration(
        trial["estimator"], trial["tau_f"], trial["tau_b"], trial["lr"], optimizer=own, **variant
    )


def _read(file: Path) -> Any:
    """A state from a file, on the host, wherever it was written: a GPU's is read where there is none."""
    return torch.load(file, weights_only=True, map_location="cpu")


def _write(target: Path, state: Any) -> None:
    """Writes a state to a file, atomically: where the disk is full, or another process writes the same file,
    the file that is there stays whole.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(f".{secrets.token_hex(4)}.partial")
    try:
        with partial.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
