"""A network whose WEIGHTS are bits: what is learned are their logits, what is used are samples of -1 and 1.

scikit-learn's digits, no download. A sample stands for the whole batch, and after training every weight is
the more probable of its two values. Run `python -m examples.binary_weights`.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainables.data import Dataset, load
from trainables.modules import ModuleTask
from trainables.nn import StraightThrough
from tuner import Study, search


class BinaryLinear(nn.Module):
    """A linear layer with weights in {-1, 1}, and batch normalisation in place of a scale and a bias."""

    def __init__(self, fan_in: int, fan_out: int) -> None:
        super().__init__()
        self.logits = nn.Parameter(0.1 * torch.randn(fan_out, fan_in))
        self.bits = StraightThrough(binary=True)
        self.scale = nn.BatchNorm1d(fan_out)

    def forward(self, x: Tensor) -> Tensor:
        weights = 2 * self.bits(self.logits) - 1
        scaled: Tensor = self.scale(F.linear(x, weights))
        return scaled


class BinaryWeights(nn.Module):
    """64 pixels -> `width` units -> 10 scores."""

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), BinaryLinear(64, width), nn.ReLU(), BinaryLinear(width, 10))

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.layers(images)
        return scores


def digits() -> Dataset:
    """8 x 8 images."""
    return load("digits", "not used: they come with scikit-learn")


def accuracy(scores: Tensor, digit: Tensor) -> Tensor:
    """Share of images whose highest score is their digit's."""
    return (scores.argmax(-1) == digit).float().mean()


Task = ModuleTask.from_module(
    BinaryWeights,
    loss=F.cross_entropy,
    metrics={"accuracy": accuracy},
    maximize=["accuracy"],
    objective="val_accuracy_argmax",  # of the bits that would be used
    data=digits,
)


def main(**more: Any) -> Study:
    """A small grid, and its verdict."""
    grid = {"tau_f": [0.0, 0.1, 1.0], "tau_b": [0.3, 1.0], "learning_rates": 1e-2, "seeds": 2, "epochs": 20}
    return search(Task, **grid | more)


if __name__ == "__main__":
    print(main())
