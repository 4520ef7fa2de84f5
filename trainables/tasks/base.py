"""The contract between a task and the engine that trains it.

A task is a dataset, a model, a loss and metrics. It is written over stacked tensors: parameters carry the
axes [S, T] (seeds, trials) in front, data carries [S] only, because members that share a seed share their
batches, and noise carries [S, 1]. A task does not know the estimators and temperatures of its members: it
samples through `Members`, which does.
"""

from abc import abstractmethod
from collections.abc import Callable, Hashable, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar, cast

import torch
from torch import Tensor

from trainables.data import Batch, Split
from trainables.kernels.choosing import LARGEST_K, Choose
from trainables.kernels.sampling import Sample
from trainables.primitive import Coefficients, straight_through, straight_through_binary
from trainables.surrogates import IDENTITY, RAO_DRAWS, SURROGATES, Surrogate
from trainables.tasks.declaration import Declaration, Objective, Options

__all__ = [
    "DRAWS",
    "Code",
    "Constants",
    "Declaration",
    "Members",
    "Noise",
    "NoiseShapes",
    "Objective",
    "Options",
    "Parameters",
    "Run",
    "Task",
    "with_draws",
]

Made = TypeVar("Made")

# {name: [S, T, ...]}, or [...] for the one model that `init` draws. The task's buffers are among them.
Parameters = dict[str, Tensor]
Constants = dict[str, Tensor]  # {name: [S, ...]}, or [...] for one seed
# {name: [S, 1, ...]}, or [...] for one seed. Where an estimator averages over further noise of the same kind
# (Gumbel-Rao), the engine draws that too: {name + DRAWS: [RAO_DRAWS, S, 1, ...]}.
Noise = dict[str, Tensor]
DRAWS = ":draws"
NoiseShapes = dict[str, tuple[str, tuple[int, ...]]]  # {name: (a key of counters.KINDS, [...])}


def with_draws(noise: Noise, draw: Callable[[int], Noise]) -> Noise:
    """The noise, and RAO_DRAWS further draws of the same kind under the names {name + DRAWS}, for estimators
    that average over them; draw(k) returns the k-th draw.
    """
    drawn = [draw(k) for k in range(RAO_DRAWS)]
    return noise | {name + DRAWS: torch.stack([d[name] for d in drawn]) for name in noise}


@dataclass(frozen=True)
class Run:
    """Trials next to each other whose estimators have the same surrogate, so that one call samples all."""

    trials: int
    surrogate: Surrogate
    s: Tensor | None  # [trials] noise in the forward pass; None where no trial has any
    tau_b: Tensor  # [trials] temperature of the surrogate

    def coefficients(self, ndim: int) -> Coefficients:
        """Coefficients that broadcast against logits [S, trials, ...] of that many axes."""
        shape = (1, -1) + (1,) * (ndim - 2)
        return Coefficients(
            0.0 if self.s is None else self.s.view(shape), self.tau_b.view(shape), self.surrogate
        )


@dataclass(frozen=True)
class _Table:
    """The estimators of all trials as tensors, for operators that sample all trials in one launch."""

    s: Tensor  # [T]
    tau_b: Tensor  # [T]
    kinds: Tensor  # [T] int32: places of the surrogates in SURROGATES
    runs: list[int]  # the same of runs of neighbours: place, length, place, length, ...

    @classmethod
    def of(cls, estimators: Sequence[Coefficients], column: Callable[[list[Any]], Tensor]) -> "_Table":
        kinds = [SURROGATES.index(c.surrogate) for c in estimators]
        runs = [n for kind, run in groupby(kinds) for n in (kind, len(list(run)))]
        s, tau_b = column([c.s for c in estimators]), column([c.tau_b for c in estimators])
        return cls(s, tau_b, torch.tensor(kinds, dtype=torch.int32, device=s.device), runs)

    def sample(self, logits: Tensor, noise: Noise, name: str, dim: int) -> Tensor:
        further = noise.get(name + DRAWS)
        out: Tensor = Sample.apply(
            logits, noise[name], further, self.s, self.tau_b, self.kinds, self.runs, dim
        )
        return out

    def choose(self, logits: Tensor, noise: Tensor, draws: Tensor | None, table: Tensor) -> Tensor:
        out: Tensor = Choose.apply(logits, noise, draws, self.s, self.tau_b, self.kinds, table, self.runs)
        return out


class Members:
    """What members differ in beside their parameters: an estimator and temperatures for each trial, constants
    for each seed. A task samples through this object.
    """

    def __init__(
        self,
        estimators: Sequence[Coefficients],
        constants: Constants,
        dtype: torch.dtype,
        device: torch.device,
        *,
        accelerator: bool = False,
    ) -> None:
        """Args:
        estimators: the coefficients of T trials, as numbers.
        constants: of the seeds, {name: [S, ...]}.
        dtype, device: of the temperatures.
        accelerator: whether all trials are sampled in one launch: see Population.
        """
        self.constants = constants
        self.accelerator = accelerator
        self._made: dict[Hashable, Any] = {}

        def column(values: list[Any]) -> Tensor:
            return torch.tensor(values, dtype=dtype, device=device)

        self._runs = []
        for surrogate, neighbours in groupby(estimators, key=lambda c: c.surrogate):
            run = list(neighbours)
            s = column([c.s for c in run]) if any(c.s != 0 for c in run) else None
            self._runs.append(Run(len(run), surrogate, s, column([c.tau_b for c in run])))
        self._table = _Table.of(estimators, column) if accelerator else None

    @property
    def runs(self) -> tuple[Run, ...]:
        """The trials in order, as runs of neighbours with one surrogate."""
        return tuple(self._runs)

    @property
    def relaxed(self) -> list[bool]:
        """For each trial, whether it is not sampled at all: the reference estimator "soft"."""
        return [run.surrogate.relaxed for run in self._runs for _ in range(run.trials)]

    @property
    def noisy(self) -> list[bool]:
        """For each trial, whether a training step depends on the noise at all."""
        return [run.s is not None and bool(run.s[t] != 0) for run in self._runs for t in range(run.trials)]

    @property
    def need_draws(self) -> bool:
        """Whether some estimator averages over further noise, which then must be drawn: see Noise."""
        return any("draws" in run.surrogate.keeps for run in self._runs)

    def with_constants(self, change: Callable[[Tensor], Tensor]) -> "Members":
        """A copy with other constants: what `change` returns for each [S, ...]."""
        other = copy(self)
        other._made = {}
        other.constants = {name: change(constant) for name, constant in self.constants.items()}
        return other

    def once(self, name: Hashable, make: Callable[[], Made]) -> Made:
        """What `make` returns, called once and kept: for what a task derives from its members and their
        constants alone.
        """
        if name not in self._made:
            self._made[name] = make()
        return cast(Made, self._made[name])

    def sample(self, logits: Tensor, noise: Noise | None, name: str, *, dim: int = -2) -> Tensor:
        """One-hot samples of every member.

        Args:
            logits: [S, T, ...], with the categories along the axis `dim`.
            noise: of the step; noise[name] broadcasts against the logits. None: the sample is the argmax.
            name: of the noise.
            dim: the axis of the categories, counted from the end.

        Returns:
            As logits.
        """
        if noise is None:
            return straight_through(logits, None, Coefficients(0.0, 1.0, IDENTITY), dim=dim)
        if self._table is not None:
            return self._table.sample(logits, noise, name, dim)

        def one(part: Tensor, c: Coefficients) -> Tensor:
            return straight_through(part, noise[name], c, dim=dim, draws=noise.get(name + DRAWS))

        return self._by_run(logits, one)

    def sample_rows(self, logits: Tensor, noise: Noise | None, name: str, table: Tensor) -> Tensor:
        """The rows of `table` [K, C] that samples of logits [S, T, K, N] choose, [S, T, C, N]. The result is
        the product of the table and the samples, but an accelerator does not write the samples to memory.
        Arguments as for `sample`.
        """
        if noise is None or self._table is None or len(table) > LARGEST_K:
            return table.T @ self.sample(logits, noise, name)
        return self._table.choose(logits, noise[name], noise.get(name + DRAWS), table)

    def sample_binary(self, logits: Tensor, noise: Noise | None, name: str) -> Tensor:
        """Samples in {0, 1} for every logit [S, T, ...]; other arguments as for `sample`."""
        if noise is None:
            return (logits > 0).to(logits.dtype)
        if self._table is not None:
            return self._table.sample(logits, noise, name, 0)

        def one(part: Tensor, c: Coefficients) -> Tensor:
            return straight_through_binary(part, noise[name], c, draws=noise.get(name + DRAWS))

        return self._by_run(logits, one)

    def _by_run(self, logits: Tensor, sample: Callable[[Tensor, Coefficients], Tensor]) -> Tensor:
        """Samples each run by itself, on a CPU, and joins the results. A separate population for each
        surrogate would save the joining, but is slower: 20 trials of 4 surrogates take 81 ms a step in one
        population and 83 in four (SBN), 48 and 58 (CatAE), 189 and 205 (DLN), on one thread.
        """
        if len(self._runs) == 1:
            return sample(logits, self._runs[0].coefficients(logits.ndim))
        parts = torch.split(logits, [run.trials for run in self._runs], dim=1)
        return torch.cat(
            [sample(p, run.coefficients(p.ndim)) for p, run in zip(parts, self._runs, strict=True)], dim=1
        )


@dataclass(frozen=True)
class Code:
    """The loss of n examples as a function of L sampled categories each, of K values: a code, all values of
    which can be enumerated (trainables/enumeration.py).
    """

    logits: Tensor  # [n, L, K]
    losses: Callable[[Tensor], Tensor]  # one-hot codes [C, n, L, K] -> losses [C, n], differentiable


class Task(Declaration):
    """A dataset, a model, a loss and metrics. Subclasses are final: no method is overridden twice.

    A subclass must also define what `Declaration` asks for: `datasets`, `objective`, `options_type`, a
    constructor, and `bytes_per_member`.
    """

    @abstractmethod
    def init(self, generator: torch.Generator) -> Parameters:
        """Initial parameters of ONE model, {name: [...]}. The generator is the CPU's, so that they are the
        same on every device.
        """

    def buffers(self) -> tuple[str, ...]:
        """Names of the parameters that are not trained but change in training: running statistics.

        Most tasks have none. If there are some, `step` returns their new values.
        """
        return ()

    def constants(self, generator: torch.Generator) -> Constants:  # noqa: ARG002  # most tasks have none
        """Tensors that are drawn once for a seed and never trained, {name: [...]}: random wiring, for
        instance.

        The generator is the CPU's. Stacked over seeds they are `members.constants`.
        """
        return {}

    @abstractmethod
    def noise(self, batch_size: int, generator: torch.Generator) -> Noise:
        """The noise of one training step for ONE seed, {name: [...]}, on the generator's device."""

    def noise_shapes(self, batch_size: int) -> NoiseShapes | None:  # noqa: ARG002  # says nothing
        """Kinds and shapes of what `noise` draws, {name: (kind, [...])}. With them an accelerator draws the
        noise of all seeds at once, the same on every device. None: it calls `noise` for each seed, with the
        device's own generator.
        """
        return None

    @property
    def recordable(self) -> bool:
        """Whether each step runs the same operations on the same tensors, so that a GPU may record a step and
        replay it (capture.py).
        """
        return True

    @abstractmethod
    def loss(
        self, parameters: Parameters, inputs: Batch, labels: Batch, noise: Noise, members: Members
    ) -> Tensor:
        """Mean loss over the batch of every member.

        Args:
            parameters: {name: [S, T, ...]}.
            inputs: [S, B, D] uint8 for images; else as in the dataset: [S, B, ...], or {name: [S, B, ...]}.
            labels: [S, B] int64 for classes; else as in the dataset, or None.
            noise: {name: [S, 1, ...]}.
            members: to sample through; has the constants.

        Returns:
            [S, T]. The sum of all entries is differentiated, so an entry must depend on its own member only.
        """

    def step(
        self, parameters: Parameters, inputs: Batch, labels: Batch, noise: Noise, members: Members
    ) -> tuple[Tensor, Parameters]:
        """The loss of a training step, and the buffers after it, {name: [S, T, ...]}."""
        return self.loss(parameters, inputs, labels, noise, members), {}

    @abstractmethod
    def evaluate(self, parameters: Parameters, split: Split, members: Members) -> dict[str, Tensor]:
        """Metrics of every member on a split, {name: [S, T]}, with the same noise for all members, seeds and
        reports.
        """

    def example_losses(self, parameters: Parameters, split: Split, members: Members) -> Tensor | None:  # noqa: ARG002  # many tell none
        """The objective of every member on each of N examples of a split, [S, T, N]; its mean over the
        examples must be what `evaluate` returns. None where the objective is not a mean over examples, or
        where the task does not define this.

        It is needed for the interval of a gain over seeds and examples.
        """
        return None

    def artifacts(self, parameters: Parameters, split: Split, members: Members) -> dict[str, bytes]:  # noqa: ARG002  # none here
        """Files to keep of ONE trained member, {file name: content}: pictures, or the model in a format for
        other programs.

        Args:
            parameters: {name: [1, 1, ...]}.
            split: the test set.
            members: of that member.
        """
        return {}

    def code(self, parameters: Parameters, inputs: Tensor) -> Code | None:  # noqa: ARG002  # most tasks have none
        """The code of ONE trained member for inputs [n, D] uint8; None where the loss is not a function of a
        few sampled categories.

        parameters: {name: [1, 1, ...]}.
        """
        return None
