"""What a dataset is, in a few characters: the same for the same examples, whatever machine reads them."""

import hashlib

import torch
from torch import Tensor

from trainables.data.dataset import Batch, Dataset


def fingerprint(dataset: Dataset) -> str:
    """A hash of all examples of all splits, in their order; about 1 GB a second."""
    whole = hashlib.blake2b(digest_size=16)
    for split in (dataset.train, dataset.validation, dataset.test):
        for batch in (split.inputs, split.labels):
            for name, tensor in _named(batch):
                whole.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
                flat = tensor.detach().cpu().contiguous().view(-1)
                whole.update(flat.view(torch.uint8).numpy().data)
    return whole.hexdigest()


def _named(batch: Batch) -> list[tuple[str, Tensor]]:
    """The tensors of a batch by name, in an order that does not depend on how it was made."""
    if batch is None or isinstance(batch, Tensor):
        return [] if batch is None else [("", batch)]
    return sorted(batch.items())
