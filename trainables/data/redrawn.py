"""Training and validation examples drawn anew for every seed, from both together; the test set stays the
same.

With one split for all seeds a gain holds for that split, and no interval says how much it would change with
another. If each fresh seed has its own split, the spread over seeds includes it. Trials of a seed share its
split, so they are still compared pair by pair.

A population keeps one table of examples and a permutation for each seed, so training costs one more look-up a
batch; evaluation goes seed by seed, because each has other examples.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from trainables.data.dataset import Batch, Dataset, Split
from trainables.randomness import Stream


class Redrawn:
    """A dataset whose split into training and validation examples is another one for each of S seeds."""

    def __init__(self, dataset: Dataset, seeds: Sequence[int]) -> None:
        self._dataset = dataset
        self._training = len(dataset.train)
        self.pool = _joined(dataset.train, dataset.validation)  # of n examples
        n = len(self.pool)
        orders = [torch.randperm(n, generator=Stream(seed, "split").at(0)) for seed in seeds]
        self._orders = torch.stack(orders).to(
            dataset.train.device
        )  # [S, n]: those of training, then the rest

    def in_pool(self, index: Tensor) -> Tensor:
        """The places in the pool of training examples, from their numbers [S, B] in each seed's split."""
        return self._orders.gather(1, index)

    def of_seed(self, s: int) -> Dataset:
        """The dataset with the validation examples of the s-th seed. Its training examples are those of the
        dataset itself; a population reads its own by `in_pool`.
        """
        return replace(self._dataset, validation=self.pool.take(self._orders[s, self._training :]))


def _joined(first: Split, second: Split) -> Split:
    def together(a: Batch, b: Batch) -> Batch:
        if a is None or isinstance(a, Tensor):
            return None if a is None else torch.cat([a, b])
        return {name: torch.cat([tensor, b[name]]) for name, tensor in a.items()}

    return Split(together(first.inputs, second.inputs), together(first.labels, second.labels))
