"""A classifier of wines that passes everything it knows through one of four categories.

Tabular data from scikit-learn, no download: 178 wines, 13 measurements, 3 cultivars. Run `python -m
examples.wine`.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainables.modules import ModuleTask
from trainables.nn import StraightThrough
from tuner import Study, search


class Classifier(nn.Module):
    """13 measurements -> one of `categories` -> scores of 3 cultivars."""

    def __init__(self, width: int = 32, categories: int = 4) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(13, width), nn.ReLU(), nn.Linear(width, categories))
        self.category = StraightThrough()
        self.decide = nn.Linear(categories, 3)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.decide(self.category(self.encode(x)))
        return scores


def wines() -> tuple[Tensor, Tensor]:
    """Standardised measurements [178, 13], and cultivars [178]."""
    from sklearn.datasets import load_wine

    x, y = (torch.from_numpy(array) for array in load_wine(return_X_y=True))
    return ((x - x.mean(0)) / x.std(0)).float(), y


def accuracy(scores: Tensor, cultivar: Tensor) -> Tensor:
    """Share of wines whose highest score is their cultivar's."""
    return (scores.argmax(-1) == cultivar).float().mean()


Task = ModuleTask.from_module(
    Classifier,
    loss=F.cross_entropy,
    metrics={"accuracy": accuracy},
    maximize=["accuracy"],
    data=wines,
    validation=0.2,
)


def main(**more: Any) -> Study:
    """A small grid, and its verdict."""
    grid = {
        "tau_f": [0.0, 0.5, 1.0],
        "tau_b": [0.5, 1.0, 1.5],
        "learning_rates": 1e-2,
        "seeds": 3,
        "epochs": 60,
    }
    return search(Task, **grid | more)


if __name__ == "__main__":
    print(main())
