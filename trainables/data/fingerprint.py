"""A hash of a dataset's examples: the same on every machine, and for tensors and arrays."""

import hashlib
from collections.abc import Mapping
from typing import Any

from trainables.data.dataset import Batch, Dataset, is_tensor


def fingerprint(dataset: Dataset) -> str:
    """A hash of all examples of all splits, in their order; about 1 GB a second."""
    whole = hashlib.blake2b(digest_size=16)
    for split in (dataset.train, dataset.validation, dataset.test):
        for batch in (split.inputs, split.labels):
            for name, values in _named(batch):
                dtype = str(values.dtype).removeprefix("torch.")
                # Types are called as torch does, so that ledgers of before numpy read the data are right.
                whole.update(f"{name} torch.{dtype} {list(values.shape)}".encode())
                whole.update(memory(values))
    return whole.hexdigest()


def memory(values: Any) -> Any:
    """The bytes of a tensor or an array, in the order of its elements."""
    import numpy as np  # not on a machine that has only torch

    if not is_tensor(values):
        return np.ascontiguousarray(values).view(np.uint8).data
    import torch  # it is there already: the values are a tensor

    return values.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data


def _named(batch: Batch) -> list[tuple[str, Any]]:
    """The tensors of a batch by name, in an order that does not depend on how it was made."""
    if isinstance(batch, Mapping):
        return sorted(batch.items())
    return [] if batch is None else [("", batch)]
