"""A population: the models of many trials and seeds, trained together as stacked tensors on one device.

Members that share a seed see the same initial weights, mini-batches and noise (common random numbers), so
configurations are compared pairwise and the work they share is done once. A member's trajectory depends
neither on who else is in its population nor on its place in it, up to the rounding of matrix products whose
blocking depends on the stack's size. What is measured of them is in population_measurements.py.
"""

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any

import torch
from torch import Tensor

from trainables.beginning import describe_members, initial_parameters
from trainables.capture import Captured, Recorder
from trainables.configuration import Configuration
from trainables.data import Batch, Dataset
from trainables.data.dataset import each
from trainables.data.redrawn import Redrawn
from trainables.device_adam import DeviceAdam
from trainables.drawing import DeviceDraws, HostDraws, Sizes
from trainables.layers import products
from trainables.optim import Adam
from trainables.population_measurements import MeasuredPopulation
from trainables.population_state import check_state, select_state
from trainables.scoring import Score
from trainables.tasks.base import Members, Noise, Task

__all__ = ["Configuration", "Population"]


class Population(MeasuredPopulation):
    """S seeds x T trials of one task, in training.

    Args:
        task: built on `dataset`.
        dataset: on the device that is to be trained on.
        configurations: T of them. Neighbours with equal learning rates make the optimiser faster.
        seeds: S of them, distinct.
        batch_size: B, at most the number of training examples. An epoch is n // B steps: the incomplete last
            batch is
            dropped, and because every epoch is shuffled anew no example is left out for good.
        dtype: of parameters and activations.
        total_steps: the length of the whole training, for configurations whose optimizer has a warmup or a
            schedule.
        accelerator: whether a step is made for a device on which launches cost time, and not for a CPU, where
            passes over memory do: few operations, however many members there are, nothing that comes from the
            host, noise from counters. By default that is what the dataset's device is; the tests ask for it
            on a CPU. The two draw different numbers.
        precision: of the products of matrices in the package's own layers, one of layers.PRECISIONS; all that
            is kept stays in `dtype`.
        recorder: of capture.py, which steps are recorded with; None: they run as they are.
        vary_split: whether each seed has a split of its own into training and validation examples, see
            data/redrawn.py.
    """

    def __init__(
        self,
        task: Task,
        dataset: Dataset,
        configurations: Sequence[Configuration],
        seeds: Sequence[int],
        *,
        batch_size: int,
        dtype: torch.dtype = torch.float32,
        total_steps: int | None = None,
        accelerator: bool | None = None,
        precision: str = "float32",
        recorder: Recorder | None = None,
        vary_split: bool = False,
    ) -> None:
        if not configurations or not seeds or len(set(seeds)) != len(seeds):
            raise ValueError(
                f"a population needs configurations and distinct seeds. Got {len(configurations)=}, {seeds=}."
            )
        self.steps_per_epoch = dataset.steps_per_epoch(batch_size)
        for c in configurations:
            if c.estimator not in task.estimators:
                raise ValueError(
                    f"estimator must be one of {task.estimators} for this task. Got {c.estimator!r}."
                )
        self.task = task
        self.configurations = tuple(configurations)
        self.seeds = tuple(seeds)
        self.batch_size = batch_size
        self._dataset = dataset
        self._redrawn = Redrawn(dataset, self.seeds) if vary_split else None
        self._examples = dataset.train if self._redrawn is None else self._redrawn.pool
        self._dtype = dtype
        self._total_steps = total_steps
        self._precision = precision
        self._recorder = recorder
        self._device = dataset.train.device
        self._accelerator = self._device.type != "cpu" if accelerator is None else accelerator
        self._scheduled = {
            round(epoch * self.steps_per_epoch) for c in configurations for epoch, *_ in c.schedule
        }
        self._current = self._configurations_at(0)
        self.members = self._describe_members(self._current, self.seeds)  # what a task is told of them
        sizes = Sizes(len(dataset.train), batch_size, dtype, self._device, self.members.need_draws)
        self._draws = (DeviceDraws if self._accelerator else HostDraws)(task, self.seeds, sizes)
        self._scaled = any(c.logit_scale != 1 for c in self.configurations)
        if self._scaled and not task.logit_parameters():
            raise ValueError("this task names no logit_parameters, so its logits cannot be scaled")
        initial = self._initial_parameters()
        self.buffers = {
            name: initial.pop(name) for name in task.buffers()
        }  # {name: [S, T, ...]}, not trained
        self.parameters = {name: p.requires_grad_() for name, p in initial.items()}  # {name: [S, T, ...]}
        self._adam = self._optimizer()
        self._score = Score.none((len(self.seeds), len(self.configurations)), self._device)
        self._total = torch.zeros(len(self.seeds), len(self.configurations), device=self._device, dtype=dtype)
        recorded = self._draws.capturable and task.recordable
        self._captured = Captured(recorder if recorded else None)

    def train(self, steps: int) -> Tensor:
        """Trains every member for some steps. Returns the mean training loss over them, [S, T]."""
        self._total.zero_()
        end = self.steps + steps
        while self.steps < end:
            if self.steps in self._scheduled:
                self._change(self._configurations_at(self.steps))
            self._draws.prepare()
            changes = [step - self.steps for step in self._scheduled if step > self.steps]
            alike = min(end - self.steps, self._draws.prepared, *changes)
            with products(self._precision):
                self._captured.run(lambda: self.step(self._total), alike)
            self._draws.counted(alike)
        return (self._total / max(steps, 1)).where(self._finite(), torch.nan)

    def step(self, total: Tensor) -> None:
        """What the device does in one training step; the losses are added to `total` [S, T].

        `train` does what the host has to do beside it: it counts, and changes what is scheduled.
        """
        inputs, labels = self.batch()
        loss, buffers = self.task.step(
            self.parameters | self.buffers, inputs, labels, self.noise(), self.members
        )
        # The sum lets every member's gradient through with weight one; a NaN in one stays there.
        gradients = torch.autograd.grad(
            loss.sum(), list(self.parameters.values()), allow_unused=True, materialize_grads=True
        )
        self._adam.step(dict(zip(self.parameters, gradients, strict=True)))
        if self._accelerator:
            for name, buffer in buffers.items():
                self.buffers[name].copy_(buffer.detach())
        else:
            self.buffers |= {name: buffer.detach() for name, buffer in buffers.items()}
        total += loss.detach()
        self._draws.tick()

    @property
    def recordings(self) -> tuple[int, ...]:
        """How many steps each of the recordings has that training replays; none where steps run as they
        are.
        """
        return self._captured.recorded

    @property
    def steps(self) -> int:
        """Training steps done."""
        return self._draws.steps

    @steps.setter
    def steps(self, steps: int) -> None:
        self._draws.steps = steps

    def batch(self) -> tuple[Batch, Batch]:
        """Inputs [S, B, ...] and labels [S, B, ...] of the next step."""
        index = self._draws.index()
        if self._redrawn is not None:
            index = self._redrawn.in_pool(index)

        def rows(examples: Tensor) -> Tensor:
            # Whole rows: advanced indexing is twenty times slower here.
            return examples.index_select(0, index.flatten()).view(*index.shape, *examples.shape[1:])

        return each(self._examples.inputs, rows), each(self._examples.labels, rows)

    def noise(self) -> Noise:
        """Noise of the next step, {name: [S, 1, ...]}, and {name + DRAWS: [RAO_DRAWS, S, 1, ...]} where an
        estimator needs it.
        """
        return self._draws.noise()

    def select(self, trials: Sequence[int]) -> "Population":
        """A population of some of the trials, as far trained as this one; it shares no memory with it."""
        chosen = Population(
            self.task,
            self._dataset,
            [self.configurations[t] for t in trials],
            self.seeds,
            batch_size=self.batch_size,
            dtype=self._dtype,
            total_steps=self._total_steps,
            accelerator=self._accelerator,
            precision=self._precision,
            recorder=self._recorder,
            vary_split=self._redrawn is not None,
        )
        chosen.load_state_dict(select_state(self.state_dict(), trials, range(len(self.seeds))))
        return chosen

    def state_dict(self) -> dict[str, Any]:
        """Everything that training continues from: plain types and tensors, which torch.load reads with
        weights_only=True.
        """
        return {
            "parameters": self._detached(),
            "buffers": dict(self.buffers),  # which are replaced in training, not changed in place
            "adam": self._adam.state_dict(),
            "score": self._score.state(),
            "steps": self.steps,
            "configurations": [astuple(c) for c in self.configurations],
            "seeds": list(self.seeds),
            "batch_size": self.batch_size,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues from a state_dict of a population of the same trials, seeds and batch size. Raises
        ValueError for others.
        """
        check_state(self.state_dict(), state)
        tensors = state["parameters"] | state["buffers"]
        for name, parameter in self._everything().items():
            parameter.copy_(tensors[name])
        self._adam.load_state_dict(state["adam"])
        self._score = Score.from_state(state["score"]).to(self._device)
        self.steps = int(state["steps"])
        if self._scheduled:
            self._change(
                self._configurations_at(max(self.steps - 1, 0))
            )  # evaluation is with what the last step was made with

    def _configurations_at(self, step: int) -> tuple[Configuration, ...]:
        """What the trials are trained with at a step."""
        return tuple(c.at(step, self.steps_per_epoch) for c in self.configurations)

    def _change(self, configurations: tuple[Configuration, ...]) -> None:
        """Goes on with other temperatures and learning rates: parameters and moments stay."""
        if configurations == self._current:
            return
        rates, before = [c.lr for c in configurations], [c.lr for c in self._current]
        self._current = configurations
        self._captured.release()
        if rates != before:
            moments = self._adam.state_dict()
            self._adam = self._optimizer()
            self._adam.load_state_dict(moments)
        self.members = self._describe_members(configurations, self.seeds)

    def _optimizer(self) -> Adam | DeviceAdam:
        """A new optimiser for the current configurations."""
        return (DeviceAdam if self._accelerator else Adam)(
            self._detached(),
            [c.lr for c in self._current],
            exceptions=self._scaled_learning_rates(),
            optimizers=[c.optimizer for c in self._current],
            total_steps=self._total_steps,
        )

    def _scaled_learning_rates(self) -> dict[str, list[float]]:
        """Learning rates [T] of the parameters that have others than the rest: those that make scaled
        logits.
        """
        names = self.task.logit_parameters() if self._scaled else ()
        return {name: [c.lr * c.logit_scale for c in self._current] for name in names}

    def _everything(self) -> dict[str, Tensor]:
        """Parameters, without their history, and buffers; the same memory."""
        return self._detached() | self.buffers

    def _initial_parameters(self) -> dict[str, Tensor]:
        """What training begins with, {name: [S, T, ...]}."""
        return initial_parameters(
            self.task, self.configurations, self.seeds, dtype=self._dtype, device=self._device
        )

    def _describe_members(self, configurations: Sequence[Configuration], seeds: Sequence[int]) -> Members:
        """What the task is told of members."""
        return describe_members(
            self.task,
            configurations,
            seeds,
            dtype=self._dtype,
            device=self._device,
            accelerator=self._accelerator,
        )
