"""What a dataset is: three splits of tensors, its shape, and the one way to hold out the validation split.

Readers that need no torch return numpy arrays, of which `to` makes tensors: whoever only looks at the data,
as a driver does, imports none.
"""

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from trainables.data.shuffling import shuffled, shuffled_array

if TYPE_CHECKING:
    import torch
    from torch import Tensor

# Examples along the first axis: a tensor [n, ...], or tensors by name {name: [n, ...]}. As a type it is Any,
# because every task narrows it to what its own datasets have; most have uint8 pixels [n, D].
Batch: TypeAlias = Any


class DataError(Exception):
    """A dataset cannot be read. The message is one sentence that says what, where, and what to do."""


def each(batch: Batch, change: Callable[[Any], Any]) -> Batch:
    """A batch with every tensor changed; None, the labels of a dataset that has none, stays None."""
    if isinstance(batch, Mapping):
        return {name: change(tensor) for name, tensor in batch.items()}
    return None if batch is None else change(batch)


def tensors(batch: Batch) -> list[Any]:
    """The tensors, or arrays, of a batch."""
    if isinstance(batch, Mapping):
        return list(batch.values())
    return [] if batch is None else [batch]


def is_tensor(value: object) -> bool:
    """Whether a value is a tensor; torch is not imported for that."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


@dataclass(frozen=True)
class Split:
    """Examples of one split."""

    inputs: Batch  # [n, D] uint8 for images; any tensor [n, ...], or {name: [n, ...]}, for other data
    labels: Batch  # [n] int64 for classes; any tensors, or None where the inputs are what is to be learned
    noise_seed: int = 0  # of the noise that it is evaluated with

    def __len__(self) -> int:
        return len(tensors(self.inputs)[0])

    @property
    def device(self) -> "torch.device":
        """Where its tensors are."""
        device: torch.device = tensors(self.inputs)[0].device
        return device

    def take(self, index: "slice | Tensor | Any") -> "Split":
        """Some of the examples, by a slice or by their numbers [m]."""
        inputs, labels = each(self.inputs, lambda x: x[index]), each(self.labels, lambda x: x[index])
        return Split(inputs, labels, self.noise_seed)

    def to(self, device: "torch.device | str") -> "Split":
        """The same split as tensors on a device."""
        import torch  # arrays are made tensors here, and nowhere before

        def moved(x: Any) -> "Tensor":
            return torch.as_tensor(x).to(device)

        return Split(each(self.inputs, moved), each(self.labels, moved), self.noise_seed)

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

    def to(self, device: "torch.device | str") -> "Dataset":
        """The same dataset as tensors on a device."""
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
    shuffle = shuffled if is_tensor(train.inputs) else shuffled_array
    order = shuffle(len(train), "validation split")
    held_out, kept = order[:validation], order[validation:]
    return Dataset(
        name,
        train=_contiguous(train.take(kept)),
        validation=_contiguous(train.take(held_out)),
        test=test,
        shape=shape,
        classes=int(train.labels.max()) + 1,
        largest=largest,
    )


def _contiguous(split: Split) -> Split:
    """The split with its examples one behind the other in memory, as those of an array are anyway."""
    return replace(split, inputs=each(split.inputs, lambda x: x.contiguous() if is_tensor(x) else x))


def one_line(error: Exception) -> str:
    """torchvision tells what it tried line by line, the cause last."""
    return "; ".join(line.strip() for line in str(error).splitlines() if line.strip()) or type(error).__name__
