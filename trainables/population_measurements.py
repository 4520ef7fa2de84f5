"""What is measured of a population: metrics of every split, the score, losses of examples, gradients, files.

None of it changes what is trained: it reads the members' parameters, of now or of the report that is scored.
How they are trained is in population.py.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import torch
from torch import Tensor

from trainables.configuration import Configuration
from trainables.data import Dataset
from trainables.data.redrawn import Redrawn
from trainables.diagnostics import Diagnosis, gradient_statistics
from trainables.enumeration import codes_of, errors_as_json
from trainables.layers import products
from trainables.metrics import INITIAL
from trainables.model_file import CONSTANTS
from trainables.scoring import Score, ScoreRule
from trainables.tasks.base import Members, Task

MOST_EXAMPLES = 10_000  # whose losses are kept of every member: 40 KB


class MeasuredPopulation(ABC):
    """Members in the state that a training has brought them to, S seeds x T trials of one task."""

    task: Task
    configurations: tuple[Configuration, ...]  # T of them
    seeds: tuple[int, ...]  # S of them
    batch_size: int
    steps_per_epoch: int
    members: Members  # what a task is told of them
    parameters: dict[str, Tensor]  # {name: [S, T, ...]}
    buffers: dict[str, Tensor]  # {name: [S, T, ...]}, not trained
    _dataset: Dataset
    _redrawn: Redrawn | None  # where each seed has a split of its own
    _precision: str  # of products of matrices
    _current: tuple[Configuration, ...]  # what the trials are trained with now
    _score: Score

    @property
    @abstractmethod
    def steps(self) -> int:
        """Training steps done."""

    @abstractmethod
    def _initial_parameters(self) -> dict[str, Tensor]:
        """What training begins with, {name: [S, T, ...]}."""

    @abstractmethod
    def _describe_members(self, configurations: Sequence[Configuration], seeds: Sequence[int]) -> Members:
        """What the task is told of members."""

    @torch.no_grad()
    def evaluate(self, split: str = "validation") -> dict[str, Tensor]:
        """The task's metrics on "validation" or "test", {name: [S, T]}; NaN for members that have
        diverged.
        """
        with products(self._precision):
            metrics = self._evaluated(self._everything(), split)
        finite = self._finite()
        return {name: value.where(finite, torch.nan) for name, value in metrics.items()}

    def _evaluated(self, parameters: Mapping[str, Tensor], split: str) -> dict[str, Tensor]:
        """The metrics of a split of the dataset, {name: [S, T]}; seed by seed where each has its own."""
        if self._redrawn is None or split == "test":
            return self.task.evaluate(dict(parameters), getattr(self._dataset, split), self.members)
        found = []
        for s, seed in enumerate(self.seeds):
            own = {name: p[s : s + 1] for name, p in parameters.items()}
            examples = getattr(self._redrawn.of_seed(s), split)
            members = self._describe_members(self._current, [seed])
            found.append(self.task.evaluate(own, examples, members))
        return {name: torch.cat([metrics[name] for metrics in found]) for name in found[0]}

    @torch.no_grad()
    def report(self, rule: ScoreRule) -> dict[str, Tensor]:
        """The task's metrics of a report, {name: [S, T]}, with the score so far and its epoch.

        The metrics are those of the half of the validation examples that the score is measured on.
        """
        objective = self.task.objective
        chosen_by = metrics = self.evaluate("selecting")
        if rule.confirms:
            metrics = self.evaluate("confirming")
        self._score.take(
            rule,
            self.steps / self.steps_per_epoch,
            chosen_by=chosen_by[objective.name],
            value=metrics[objective.name],
            parameters=self._everything(),
            minimize=objective.direction == "minimize",
        )
        return metrics | self._score.metrics()

    @torch.no_grad()
    def test(self) -> dict[str, Tensor]:
        """The task's metrics on the test set at the scored report, {name: [S, T]}."""
        with products(self._precision):
            metrics = self.task.evaluate(self._scored(), self._dataset.test, self.members)
        finite = self._finite()
        return {name: value.where(finite, torch.nan) for name, value in metrics.items()}

    @torch.no_grad()
    def example_losses(self) -> Tensor | None:
        """The objective on each test example at the scored report, [S, T, N] float32, NaN for members that
        have diverged; None where the task does not tell. Of more than MOST_EXAMPLES, that many or fewer,
        evenly spaced.
        """
        test = self._dataset.test
        apart = -(-len(test) // MOST_EXAMPLES)
        examples = test.take(slice(None, None, apart))
        with products(self._precision):
            found = self.task.example_losses(self._scored(), examples, self.members)
        return None if found is None else found.float().where(self._finite()[..., None], torch.nan)

    @torch.no_grad()
    def artifacts(self, s: int, t: int) -> dict[str, bytes]:
        """The task's files of one member at its scored report, {file name: content}."""
        parameters = {name: p[s : s + 1, t : t + 1] for name, p in self._scored().items()}
        members = self._describe_members([self._current[t]], [self.seeds[s]])
        return self.task.artifacts(parameters, self._dataset.test, members)

    @torch.no_grad()
    def weights(self, s: int, t: int) -> dict[str, Tensor]:
        """Everything of one member at its scored report, {name: [...]}: parameters, buffers, and its seed's
        constants as `constants.NAME`. The population's memory.
        """
        constants = {CONSTANTS + name: c[s] for name, c in self.members.constants.items()}
        return {name: p[s, t] for name, p in self._scored().items()} | constants

    def diagnose(self, passes: int) -> dict[str, Tensor]:
        """gradient_statistics on the first batch_size training examples, {name: [S, T]}; NaN for members that
        have diverged.

        At the parameters as they are, and at the initial ones, {name + INITIAL}: these are the same for
        all trials of a seed, so that there the temperatures alone make the difference, and not what the
        training made of them.
        """
        batch = self._dataset.train.take(slice(self.batch_size))
        found: dict[str, Tensor] = {}
        for suffix, parameters in (("", self._everything()), (INITIAL, self._initial_parameters())):
            measured = gradient_statistics(self.task, parameters, batch, self.members, passes=passes)
            found |= {name + suffix: value for name, value in measured.items()}
        finite = self._finite()
        return {name: value.where(finite, torch.nan) for name, value in found.items()}

    def bias_artifacts(self, s: int, t: int, diagnosis: Diagnosis) -> dict[str, bytes]:
        """The file bias.json: exact bias and variance of decoupled ST at one member's state, in float64; no
        file where the task's codes cannot be enumerated.

        Means over the first ENUMERATED training examples; errors_as_json describes the file's content.
        """
        parameters = {name: p[s : s + 1, t : t + 1].double() for name, p in self._everything().items()}
        codes = codes_of(self.task, parameters, self._dataset.train)
        found = errors_as_json(codes, diagnosis.tau_f, diagnosis.tau_b)
        if found is None:
            return {}
        trial = asdict(self.configurations[t]) | {"seed": self.seeds[s]}
        return {"bias.json": json.dumps(found | {"trial": trial}).encode()}

    def _finite(self) -> Tensor:
        """Which members have finite parameters only, [S, T]; the others diverged, and a hard sample of NaN
        logits hides it.
        """
        flat = [p.detach().flatten(2) for p in self.parameters.values()]
        # NaN is the largest and the smallest of all; ten times as fast as isfinite().all() on a CPU.
        return torch.stack([extreme.isfinite() for p in flat for extreme in (p.amax(-1), p.amin(-1))]).all(0)

    def _scored(self) -> dict[str, Tensor]:
        """Parameters and buffers at each member's scored report where they were kept, else those of now."""
        return self._score.kept or self._everything()

    def _detached(self) -> dict[str, Tensor]:
        """The parameters without their history; the same memory."""
        return {name: p.detach() for name, p in self.parameters.items()}

    def _everything(self) -> dict[str, Tensor]:
        """Parameters, without their history, and buffers; the same memory."""
        return self._detached() | self.buffers
