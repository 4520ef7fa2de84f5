"""What a dataset is: three splits of bytes, its shape, and the one way to hold out the validation split."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from trainables.randomness import Stream


class DataError(Exception):
    """A dataset cannot be read. The message is one sentence that says what, where, and what to do."""


@dataclass(frozen=True)
class Option:
    """One required option of a dataset."""

    wanted: str  # follows "must be"
    accepts: Callable[[Any], bool]


@dataclass(frozen=True)
class Split:
    """Examples of one split."""

    inputs: Tensor  # [n, D] uint8
    labels: Tensor  # [n] int64
    noise_seed: int = 0  # of the noise that it is evaluated with

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str) -> "Split":
        """The same split on a device."""
        return replace(self, inputs=self.inputs.to(device), labels=self.labels.to(device))

    def part(self, start: int, end: int, *, noise_seed: int) -> "Split":
        """The examples from `start` up to `end`, evaluated with noise of their own."""
        return Split(self.inputs[start:end], self.labels[start:end], noise_seed)


@dataclass(frozen=True)
class Dataset:
    """A dataset's three splits and what a task must know to build a model for it."""

    name: str
    train: Split
    validation: Split
    test: Split
    shape: tuple[int, int, int]  # channels, height, width: inputs are this, flattened, and D is its product
    classes: int
    largest: int  # the largest pixel value: inputs / largest lies in [0, 1]

    @property
    def features(self) -> int:
        """D, the number of input features."""
        return self.train.inputs.shape[1]

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
