"""Categorical autoencoders on MNIST, training only: `python -m benchmarks.autoencoder FOLDER` prints JSON.
CPU or GPU.

784-512-256-(4 x 8)-256-512-784, batch 200, binary cross-entropy summed over pixels. The peer is a plain torch
model as everybody writes it, trained one after the other with all cores: tensors in memory, torch.optim.Adam.
Ours is one population of 16. They take turns, and a turn is a fixed number of steps, because an epoch of
every member would be a minute on a laptop.

A large matrix product takes its turn as well: nothing in float32 multiplies faster on this device, so what it
reaches bounds what a population can gain over the plain models.
"""

import json
import sys

import torch
from torch import nn

from benchmarks import plain
from benchmarks.measure import alternate
from trainables.data import load
from trainables.memory import keep_freed_memory

PLAIN_MODELS, STEPS, ROUNDS, BATCH, LR = 3, 20, 5, 200, 5e-4  # steps of every model in a turn
TAU_F, TAU_B = [0.5, 1.0, 1.5, 2.0], [0.3, 0.5, 0.7, 1.0]  # of the population: every pair
PLAIN_TAU_F, PLAIN_TAU_B = 2.0, 0.5
PEAK_SIZE = 2048  # of the square matrices of the large product


def flop_per_example(model: nn.Module) -> int:
    """Of the matrix products of a training step: forward, gradients of the weights, and of all inputs but the
    pixels.
    """
    sizes = [layer.weight.numel() for layer in model.modules() if isinstance(layer, nn.Linear)]
    return 2 * (3 * sum(sizes) - sizes[0])


def main() -> None:
    """Everything, as one line of JSON."""
    from trainables.population import Configuration, Population
    from trainables.tasks.catae import CatAE, CatAEOptions

    keep_freed_memory()  # as the tuner's workers do; for the peer as well
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dataset = load("mnist", sys.argv[1]).to(device)
    configurations = [Configuration("decoupled", tau_f, tau_b, LR) for tau_f in TAU_F for tau_b in TAU_B]
    population = Population(CatAE(dataset, CatAEOptions()), dataset, configurations, [0], batch_size=BATCH)
    peers = [
        plain.trained("catae", dataset, batch=BATCH, lr=LR, tau_f=PLAIN_TAU_F, tau_b=PLAIN_TAU_B)
        for _ in range(PLAIN_MODELS)
    ]
    a, b, product = torch.randn(3, PEAK_SIZE, PEAK_SIZE, device=device)
    turns = {
        "plain": lambda: [train(STEPS) for train in peers],
        "population": lambda: population.train(STEPS),
        "product": lambda: torch.mm(a, b, out=product),
    }
    seconds = alternate(turns, rounds=ROUNDS)
    epochs = STEPS / population.steps_per_epoch
    gflop = flop_per_example(plain.CatAE(dataset.features, PLAIN_TAU_F, PLAIN_TAU_B)) * BATCH * STEPS / 1e9
    print(
        json.dumps(
            {
                "device": torch.cuda.get_device_name()
                if device == "cuda"
                else f"{torch.get_num_threads()} CPU threads",
                "members": len(configurations),
                "steps": STEPS * ROUNDS,
                "plain": PLAIN_MODELS * epochs / seconds["plain"],
                "population": len(configurations) * epochs / seconds["population"],
                "gflops": {
                    "plain": PLAIN_MODELS * gflop / seconds["plain"],
                    "population": len(configurations) * gflop / seconds["population"],
                    "peak": 2 * PEAK_SIZE**3 / seconds["product"] / 1e9,
                },
            }
        )
    )


if __name__ == "__main__":
    main()
