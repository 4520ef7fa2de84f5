"""The peers of the benchmarks: the paper's three models in plain torch, as everybody writes them. torch only.

One model is trained at a time: tensors in memory on the device, an index of a shuffled order for each batch,
autograd, torch.optim.Adam. Nothing here is slow on purpose; the logic gate network uses the four coefficients
of a gate, which takes a quarter of the passes of its usual sixteen operations.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.estimators import usual_decoupled
from trainables.data import Dataset
from trainables.gates import COEFFICIENTS

LATENTS, CATEGORIES = 4, 8  # of the autoencoder
WIDTHS, GROUP_SUM, THRESHOLDS = (12_000,) * 4, 33.3, (0.25, 0.5, 0.75)  # of the logic gate network


class Unit(torch.autograd.Function):
    """A sampled bit with decoupled straight-through gradients."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, tau_f: float, tau_b: float) -> Tensor:
        ctx.save_for_backward(logits)
        ctx.tau_b = tau_b
        noise = torch.rand_like(logits).logit(1e-6)
        return (logits + tau_f * noise > 0).float()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Any:
        (logits,) = ctx.saved_tensors
        q = torch.sigmoid(logits / ctx.tau_b)
        return grad * q * (1 - q) / ctx.tau_b, None, None


class SBN(nn.Module):
    """784-200-200-10 with binary hidden units."""

    def __init__(self, features: int, tau_f: float, tau_b: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(features, 200), nn.Linear(200, 200)])
        self.head = nn.Linear(200, 10)
        self.tau_f, self.tau_b = tau_f, tau_b

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = Unit.apply(layer(x), self.tau_f, self.tau_b)
        out: Tensor = self.head(x)
        return out


class CatAE(nn.Module):
    """784-512-256-(4 x 8)-256-512-784."""

    def __init__(self, features: int, tau_f: float, tau_b: float) -> None:
        super().__init__()
        code = LATENTS * CATEGORIES
        self.encoder = nn.Sequential(
            nn.Linear(features, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, code)
        )
        self.decoder = nn.Sequential(
            nn.Linear(code, 256), nn.ReLU(), nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, features)
        )
        self.tau_f, self.tau_b = tau_f, tau_b

    def forward(self, x: Tensor) -> Tensor:
        logits = self.encoder(x).view(-1, LATENTS, CATEGORIES)
        out: Tensor = self.decoder(usual_decoupled(logits, self.tau_f, self.tau_b).flatten(1))
        return out


class DLN(nn.Module):
    """Layers of two-input gates over bits, every gate sampled from its 16 types."""

    def __init__(
        self, features: int, tau_f: float, tau_b: float, *, widths: Sequence[int] = WIDTHS, classes: int = 10
    ) -> None:
        super().__init__()
        self.gates = nn.ParameterList(nn.Parameter(torch.randn(n, 16)) for n in widths)
        for i, (sources, n) in enumerate(pairwise((features, *widths))):
            self.register_buffer(f"wires_{i}", torch.randint(0, sources, (2, n)))
        self.register_buffer("coefficients", COEFFICIENTS.float())
        self.tau_f, self.tau_b, self.classes = tau_f, tau_b, classes

    def forward(self, x: Tensor) -> Tensor:
        for i, logits in enumerate(self.gates):
            left, right = self.get_buffer(f"wires_{i}")
            a, b = x[:, left], x[:, right]
            table = usual_decoupled(logits, self.tau_f, self.tau_b) @ self.get_buffer("coefficients")
            c0, ca, cb, cab = table.unbind(1)
            x = c0 + ca * a + cb * b + cab * (a * b)
        return x.view(len(x), self.classes, -1).sum(-1) / GROUP_SUM


def _pixels(dataset: Dataset) -> Tensor:
    return dataset.train.inputs.float() / dataset.largest


def _bits(dataset: Dataset) -> Tensor:
    return torch.cat([(_pixels(dataset) > threshold).float() for threshold in THRESHOLDS], 1)


def _classified(out: Tensor, x: Tensor, y: Tensor) -> Tensor:
    del x
    return F.cross_entropy(out, y)


def _reconstructed(out: Tensor, x: Tensor, y: Tensor) -> Tensor:
    del y
    return F.binary_cross_entropy_with_logits(out, x, reduction="sum") / len(x)


# task -> (model, what it reads of a dataset, its loss of outputs, inputs and labels)
PEERS: dict[str, tuple[Callable[..., nn.Module], Callable[[Dataset], Tensor], Callable[..., Tensor]]] = {
    "sbn": (SBN, _pixels, _classified),
    "catae": (CatAE, _pixels, _reconstructed),
    "dln": (DLN, _bits, _classified),
}


def trained(
    task: str,
    dataset: Dataset,
    *,
    batch: int,
    lr: float,
    tau_f: float = 0.5,
    tau_b: float = 1.0,
    **sizes: Any,
) -> Callable[[int], Tensor]:
    """One plain model in training, on the device where the dataset is: a function that trains it for so many
    steps and returns the last one's loss.
    """
    build, read, loss_of = PEERS[task]
    x, y = read(dataset), dataset.train.labels
    model = build(x.shape[1], tau_f, tau_b, **sizes).to(x.device)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)

    def train(steps: int) -> Tensor:
        done, loss = 0, torch.zeros(())
        while done < steps:
            order = torch.randperm(len(x), device=x.device)
            for start in range(0, len(x) - batch + 1, batch)[: steps - done]:
                index = order[start : start + batch]
                optimizer.zero_grad()
                inputs = x[index]
                loss = loss_of(model(inputs), inputs, y[index])
                loss.backward()
                optimizer.step()
                done += 1
        return loss.detach()

    return train
