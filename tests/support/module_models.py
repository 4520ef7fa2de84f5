"""Plain torch modules that the tests of trainables/modules.py train, and the built-in networks as modules."""

import torch
import torch.nn.functional as F
from torch import nn

from trainables.nn import StraightThrough


class BinaryNetwork(nn.Module):
    """The built-in SBN, batch first: 64-16-12-10 on digits."""

    def __init__(self, units=(16, 12), features=64, classes=10):
        super().__init__()
        sizes = (features, *units)
        self.layers = nn.ModuleList(nn.Linear(*pair) for pair in zip(sizes, units, strict=False))
        samples = (StraightThrough(binary=True, name=f"layer_{i}") for i in range(len(units)))
        self.samples = nn.ModuleList(samples)
        self.head = nn.Linear(units[-1], classes)

    def forward(self, x):
        x = x.flatten(1)
        for layer, sample in zip(self.layers, self.samples, strict=True):
            x = sample(layer(x))
        return self.head(x)


class Autoencoder(nn.Module):
    """The built-in categorical autoencoder, batch first."""

    def __init__(self, hidden=24, latents=3, classes=5, features=64):
        super().__init__()
        self.shape = (latents, classes)
        self.encode = nn.Sequential(
            nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, latents * classes)
        )
        self.decode = nn.Sequential(
            nn.Linear(latents * classes, hidden), nn.ReLU(), nn.Linear(hidden, features)
        )
        self.code = StraightThrough()

    def forward(self, x):
        z = self.code(self.encode(x.flatten(1)).unflatten(-1, self.shape))
        return self.decode(z.flatten(1))


def cross_entropy_of_pixels(output, x):
    """Summed over pixels, mean over the batch."""
    return F.binary_cross_entropy_with_logits(output, x.flatten(1), reduction="sum") / len(output)


def accuracy(output, labels):
    return (output.argmax(-1) == labels).to(output.dtype).mean()


class Mixed(nn.Module):
    """What people build: batch normalisation, dropout, two sampled layers, one of them a discrete weight."""

    def __init__(self, features=6, width=8):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(features, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.3)
        )
        self.code = StraightThrough()
        self.signs = nn.Parameter(torch.randn(width, 3))  # logits of binary weights
        self.sign = StraightThrough(binary=True)

    def forward(self, x):
        z = self.code(self.body(x).unflatten(-1, (2, -1))).flatten(1)
        return z @ (2 * self.sign(self.signs) - 1)


class Recurrent(nn.Module):
    """A torch GRU, which vmap cannot do, and a layer that is called once for every step."""

    def __init__(self, width=8):
        super().__init__()
        self.gru = nn.GRU(2, width, batch_first=True)
        self.code = StraightThrough()
        self.head = nn.Linear(width, 3)

    def forward(self, x):
        states, _ = self.gru(x.unflatten(-1, (-1, 2)))
        for step in states.unbind(1):
            z = self.code(step)
        return self.head(z)
