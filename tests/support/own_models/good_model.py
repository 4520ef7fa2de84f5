"""A user's file: a module, its loss and its data as a task."""

import torch
import torch.nn.functional as F
from torch import nn

from trainables.modules import ModuleTask
from trainables.nn import StraightThrough


class Bottleneck(nn.Module):
    """Classes through one of a few categories."""

    def __init__(self, width: int = 8, categories: int = 6):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, categories))
        self.code = StraightThrough()
        self.head = nn.Linear(categories, 3)

    def forward(self, x):
        return self.head(self.code(self.encode(x)))


def examples():
    x = torch.randn(300, 6, generator=torch.Generator().manual_seed(0))
    return x, x[:, :3].argmax(1)


Task = ModuleTask.from_module(Bottleneck, loss=F.cross_entropy, data=examples)
NotATask = Bottleneck
