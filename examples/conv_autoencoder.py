"""A convolutional autoencoder whose code is 4 categories of 8: images of digits.

MNIST where its files are in the data folder (environment variable TUNER_DATA, else `data`), scikit-learn's
8 x 8 digits where they are not. Run `python -m examples.conv_autoencoder`.
"""

import os
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from trainables.data import Dataset, load
from trainables.modules import ModuleTask
from trainables.nn import StraightThrough
from tuner import Study, search

LATENTS, CATEGORIES = 4, 8


class ConvAutoencoder(nn.Module):
    """Two convolutions down, a code of one-hot categories, two convolutions up."""

    def __init__(self, dataset: Dataset, channels: int = 16) -> None:
        super().__init__()
        channels_in, side, _ = dataset.shape
        small = (2 * channels, side // 4, side // 4)
        features = small[0] * small[1] * small[2]
        self.encode = nn.Sequential(
            nn.Conv2d(channels_in, channels, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(features, LATENTS * CATEGORIES),
            nn.Unflatten(1, (LATENTS, CATEGORIES)),
        )
        self.code = StraightThrough()
        self.decode = nn.Sequential(
            nn.Flatten(),
            nn.Linear(LATENTS * CATEGORIES, features),
            nn.ReLU(),
            nn.Unflatten(1, small),
            nn.ConvTranspose2d(2 * channels, channels, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(channels, channels_in, 4, stride=2, padding=1),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.decode(self.code(self.encode(images)))
        return logits


def cross_entropy(logits: Tensor, images: Tensor) -> Tensor:
    """Of the pixels, summed over an image, mean over the batch."""
    return F.binary_cross_entropy_with_logits(logits, images, reduction="sum") / len(images)


def images() -> Dataset:
    """MNIST, or digits."""
    folder = Path(os.environ.get("TUNER_DATA", "data"))
    return load("mnist" if (folder / "MNIST").is_dir() else "digits", folder)


Task = ModuleTask.from_module(ConvAutoencoder, loss=cross_entropy, target="inputs", data=images)


def main(**more: Any) -> Study:
    """A small grid, and its verdict."""
    grid = {"tau_f": [0.5, 2.0], "tau_b": [0.5, 2.0], "learning_rates": 1e-3, "seeds": 1, "epochs": 20}
    return search(Task, **grid | more)


if __name__ == "__main__":
    print(main())
