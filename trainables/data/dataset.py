"""What a dataset is: three splits of tensors, its shape, and the one way to hold out the validation split."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch
from torch import Tensor

from trainables.randomness import Stream

# Examples along the first axis: a tensor [n, ...], or tensors by name {name: [n, ...]}. As a type it is Any,
# because every task narrows it to what its own datasets have; most have uint8 pixels [n, D].
Batch: TypeAlias = Any


class DataError(Exception):
    """A dataset cannot be read. The message is one sentence that says what, where, and what to do."""


@dataclass(frozen=True)
class Option:
    """One option of a dataset."""

    wanted: str  # follows "must be"
    accepts: Callable[[Any], bool]
    required: bool = True


def each(batch: Batch, change: Callable[[Tensor], Tensor]) -> Batch:
    """A batch with every tensor changed; None, the labels of a dataset that has none, stays None."""
    if batch is None or isinstance(batch, Tensor):
        return None if batch is None else change(batch)
    return {name: change(tensor) for name, tensor in batch.items()}


def tensors(batch: Batch) -> list[Tensor]:
    """The tensors of a batch."""
    if batch is None or isinstance(batch, Tensor):
        return [] if batch is None else [batch]
    return list(batch.values())


@dataclass(frozen=True)
class Split:
    """Examples of one split."""

    inputs: Batch  # [n, D] uint8 for images; any tensor [n, ...], or {name: [n, ...]}, for other data
    labels: Batch  # [n] int64 for classes; any tensors, or None where the inputs are what is to be learned
    noise_seed: int = 0  # of the noise that it is evaluated with

    def __len__(self) -> int:
        return len(tensors(self.inputs)[0])

    @property
    def device(self) -> torch.device:
        """Where its tensors are."""
        return tensors(self.inputs)[0].device

    def take(self, index: slice | Tensor) -> "Split":
        """Some of the examples, by a slice or by their numbers [m]."""
        inputs, labels = each(self.inputs, lambda x: x[index]), each(self.labels, lambda x: x[index])
        return Split(inputs, labels, self.noise_seed)

    def to(self, device: torch.device | str) -> "Split":
        """The same split on a device."""
        return Split(
            each(self.inputs, lambda x: x.to(device)),
            each(self.labels, lambda x: x.to(device)),
            self.noise_seed,
        )

    def part(self, start: int, end: int, *, noise_seed: int) -> "Split":
        """The examples from `start` up to `end`, evaluated with noise of their own."""
        return replace(self.take(slice(start, end)), noise_seed=noise_seed)


@dataclass(frozen=True)
class Dataset:
    """A dataset's three splits and what a task must know to build a model for it."""

    name: str
    train: Split
    validation: Split
    test: Split
    # Of one example; () where the inputs are several tensors. Images are [channels, height, width], and their
    # inputs are flat: D is the shape's product.
    shape: tuple[int, ...]
    classes: int  # labels are 0 ... classes - 1; 0 where they are no classes
    largest: int  # the largest pixel value: inputs / largest lies in [0, 1]; 1 where inputs are no pixels

    @property
    def features(self) -> int:
        """D, the number of input features."""
        return math.prod(self.shape)

    @property
    def selecting(self) -> Split:
        """The first half of the validation examples: by them reports and configurations are chosen.

        The held-out examples are in random order. A single one serves for both halves.
        """
        return self.validation.part(0, max(1, len(self.validation) // 2), noise_seed=0)

    @property
    def confirming(self) -> Split:
        """The other half: what was chosen is measured on them."""
        n = len(self.validation)
        return self.validation.part(n // 2 if n > 1 else 0, n, noise_seed=1)

    def steps_per_epoch(self, batch_size: int) -> int:
        """Training steps in one pass over the training data: an incomplete last batch is left out. Raises
        ValueError for a batch that the data does not fill.
        """
        if not 1 <= batch_size <= len(self.train):
            raise ValueError(
                f"batch_size must be from 1 to {len(self.train)}, the training examples. Got {batch_size}."
            )
        return len(self.train) // batch_size

    def to(self, device: torch.device | str) -> "Dataset":
        """The same dataset on a device."""
        return replace(
            self,
            train=self.train.to(device),
            validation=self.validation.to(device),
            test=self.test.to(device),
        )


def hold_out(
    name: str, train: Split, test: Split, *, validation: int, shape: tuple[int, int, int], largest: int = 255
) -> Dataset:
    """Takes the validation split out of the training data: the same for every seed, study and machine."""
    order = torch.randperm(len(train), generator=Stream(0, "validation split").at(0))
    held_out, kept = order[:validation], order[validation:]
    return Dataset(
        name,
        train=Split(train.inputs[kept].contiguous(), train.labels[kept]),
        validation=Split(train.inputs[held_out].contiguous(), train.labels[held_out]),
        test=test,
        shape=shape,
        classes=int(train.labels.max()) + 1,
        largest=largest,
    )


def one_line(error: Exception) -> str:
    """torchvision tells what it tried line by line, the cause last."""
    return "; ".join(line.strip() for line in str(error).splitlines() if line.strip()) or type(error).__name__
