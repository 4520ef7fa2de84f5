"""The contract between a task and the engine that trains it.

A task is a dataset, a model, a loss and metrics. It is written over stacked tensors: parameters carry the axes [S, T] (seeds,
trials) in front, data carries [S] only, because members that share a seed share their batches, and noise carries [S, 1].
A task never looks at who its members are: it takes their estimator's coefficients as tensors and passes them to the primitive.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from trainables.data import Dataset, Split
from trainables.estimators import Coefficients

Parameters = dict[str, Tensor]  # {name: [S, T, ...]}, or [...] for the one model that `init` draws
Noise = dict[str, Tensor]  # {name: [S, 1, ...]}, or [...] for one seed


@dataclass(frozen=True)
class Objective:
    """The metric by which configurations are selected."""

    name: str
    direction: Literal["minimize", "maximize"]


@dataclass(frozen=True)
class Members:
    """The estimators of T trials as tensors; every seed has the same T trials."""

    s: Tensor  # [T] noise in the forward pass
    r: Tensor  # [T] noise in the backward pass
    tau_b: Tensor  # [T] backward temperature
    identity: Tensor  # [T] bool, the Jacobian is the identity

    def coefficients(self, ndim: int) -> Coefficients:
        """Coefficients that broadcast against logits [S, T, ...] of that many axes.

        Terms that no member uses become plain numbers, for which the primitive does no work.
        """
        shape = (1, -1) + (1,) * (ndim - 2)
        return Coefficients(
            s=self.s.view(shape) if self._any_s else 0.0,
            r=self.r.view(shape) if self._any_r else 0.0,
            tau_b=self.tau_b.view(shape),
            identity=self.identity.view(shape) if self._any_identity else False,
        )

    # Looked up once: on a GPU each look is a synchronisation.
    @cached_property
    def _any_s(self) -> bool:
        return bool((self.s != 0).any())

    @cached_property
    def _any_r(self) -> bool:
        return bool((self.r != 0).any())

    @cached_property
    def _any_identity(self) -> bool:
        return bool(self.identity.any())


@dataclass(frozen=True)
class Options:
    """Base of a task's own options: a frozen dataclass whose __post_init__ raises ValueError("<field>: ...")."""

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> "Options":
        """Builds the options from a study's mapping; an unknown name is an error that lists the known ones."""
        known = [f.name for f in fields(cls)]
        for name in given:
            if name not in known:
                raise ValueError(f"{name}: is not an option of this task; it has {', '.join(known) or 'none'}")
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})


class Task(ABC):
    """A dataset, a model, a loss and metrics. Subclasses are final: nothing below is overridden twice."""

    datasets: ClassVar[tuple[str, ...]]  # names that `trainables.data.load` knows and this task can learn from
    objective: ClassVar[Objective]  # one of the metrics that `evaluate` returns
    options_type: ClassVar[type[Options]]

    @abstractmethod
    def __init__(self, dataset: Dataset, options: Options) -> None:
        """Keeps what it needs of the dataset (already on the device) and of the options."""

    @abstractmethod
    def init(self, generator: torch.Generator) -> Parameters:
        """Initial parameters of ONE model, {name: [...]}, drawn from a CPU generator: the same on every device."""

    @abstractmethod
    def noise(self, batch_size: int, generator: torch.Generator) -> Noise:
        """The noise of one training step for ONE seed, {name: [...]}, on the generator's device."""

    @abstractmethod
    def loss(self, parameters: Parameters, inputs: Tensor, labels: Tensor, noise: Noise, members: Members) -> Tensor:
        """Mean loss over the batch of every member.

        Args:
            parameters: {name: [S, T, ...]}.
            inputs: [S, B, D] uint8.
            labels: [S, B] int64.
            noise: {name: [S, 1, ...]}.
            members: the estimators of the T trials.

        Returns:
            [S, T]. Its sum over members is differentiated, so no member may enter another's entry.
        """

    @abstractmethod
    def evaluate(self, parameters: Parameters, split: Split, members: Members) -> dict[str, Tensor]:
        """Metrics of every member on a split, {name: [S, T]}, with the same noise for all members, seeds and intervals."""

    @abstractmethod
    def bytes_per_member(self, batch_size: int) -> int:
        """An estimate of the device memory that one member takes in training, in bytes."""
