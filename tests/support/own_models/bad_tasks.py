"""Tasks that break the contract, each in its own way."""

import torch

from tests.support.tasks import example_task

Codebook = example_task()


class HearsItsNeighbours(Codebook):
    """The first trial's loss is in everybody's."""

    def loss(self, *arguments):
        loss = super().loss(*arguments)
        return loss + 0.1 * loss[:, :1]


class DrawsByItself(Codebook):
    """Its noise is not a function of the generator."""

    def noise(self, batch_size, generator):
        return {name: torch.rand_like(n) for name, n in super().noise(batch_size, generator).items()}


class ForgetsItsObjective(Codebook):
    """Its objective is not among its metrics."""

    def evaluate(self, *arguments):
        return {"val_perplexity": super().evaluate(*arguments)["val_perplexity"]}


class TakesNoMemory(Codebook):
    """Its estimate is too small."""

    def bytes_per_member(self, batch_size):
        return batch_size
