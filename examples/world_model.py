"""A recurrent world model as in DreamerV3 (Hafner et al. 2023): a GRU whose state has 8 x 8 categories.

The world: a light runs around a ring of 12 lamps and turns back at random. Each step the model sees the lamp
that is lit, samples its state from that and from what it remembers, and predicts the state beforehand. Run
`python -m examples.world_model`.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trainables.modules import ModuleTask
from trainables.nn import StraightThrough
from tuner import Study, search

LAMPS, STEPS, LATENTS, CATEGORIES = 12, 10, 8, 8
CODE = LATENTS * CATEGORIES
TURNS = 0.1  # probability of turning back in a step
KL_WEIGHT = 0.1


class WorldModel(nn.Module):
    """Posterior and prior over categories at every step, and the lamp as it is seen again from the state."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.gates = nn.Linear(CODE + width, 3 * width)  # DreamerV3's GRU: one layer makes its three gates
        self.prior = nn.Linear(width, CODE)
        self.posterior = nn.Linear(width + LAMPS, CODE)
        self.state = StraightThrough()
        self.decode = nn.Linear(width + CODE, LAMPS)
        self.width = width

    def forward(self, lamps: Tensor) -> tuple[Tensor, Tensor]:
        seen = F.one_hot(lamps, LAMPS).to(self.prior.weight.dtype)  # [B, steps, LAMPS]
        h = seen.new_zeros(len(lamps), self.width)
        z = seen.new_zeros(len(lamps), CODE)
        scores, divergence = [], seen.new_zeros(())
        for x in seen.unbind(1):
            reset, candidate, update = self.gates(torch.cat([z, h], -1)).chunk(3, -1)
            update = torch.sigmoid(update - 1)
            h = update * torch.tanh(torch.sigmoid(reset) * candidate) + (1 - update) * h
            logits = self.posterior(torch.cat([h, x], -1)).unflatten(-1, (LATENTS, CATEGORIES))
            z = self.state(logits).flatten(-2)
            expected = self.prior(h).unflatten(-1, (LATENTS, CATEGORIES)).log_softmax(-1)
            found = logits.log_softmax(-1)
            divergence = divergence + (found.exp() * (found - expected)).sum((-2, -1)).mean()
            scores.append(self.decode(torch.cat([h, z], -1)))
        return torch.stack(scores, 1), divergence / STEPS


def loss(output: tuple[Tensor, Tensor], lamps: Tensor) -> Tensor:
    """Cross-entropy of the lamps, and the weighted KL divergence of the posterior from the prior."""
    scores, divergence = output
    return F.cross_entropy(scores.flatten(0, 1), lamps.flatten()) + KL_WEIGHT * divergence


def walks(n: int = 1000) -> Tensor:
    """n walks of the light, [n, STEPS] numbers of lamps."""
    generator = torch.Generator().manual_seed(0)
    turns = torch.where(torch.rand(n, STEPS, generator=generator) < TURNS, -1, 1)
    start = torch.randint(LAMPS, (n, 1), generator=generator)
    return (start + turns.cumprod(1).cumsum(1)) % LAMPS


Task = ModuleTask.from_module(WorldModel, loss=loss, data=walks, units={"loss": "nats"})


def main(**more: Any) -> Study:
    """A small grid, and its verdict."""
    grid = {"tau_f": [0.5, 1.0], "tau_b": [0.5, 1.0], "learning_rates": 3e-3, "seeds": 2, "epochs": 10}
    return search(Task, **grid | more)


if __name__ == "__main__":
    print(main())
