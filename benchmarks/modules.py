"""A population of plain modules against the built-in task and against the modules one after the other.

`python -m benchmarks.modules` prints JSON. torch only, CPU or GPU. The network is the SBN 784-200-200-10,
batch
128, 25 members of one seed: as the built-in task, as an nn.Module with StraightThrough layers under vmap,
    and as
25 such modules with torch.optim.Adam, each trained by itself. They take turns; a turn is a step of all
members.
"""

import json

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.measure import alternate
from trainables.data import Dataset, Split
from trainables.memory import keep_freed_memory
from trainables.modules import ModuleTask
from trainables.nn import StraightThrough
from trainables.population import Configuration, Population
from trainables.tasks.sbn import SBN, SBNOptions

MEMBERS, BATCH, LR, ROUNDS = 25, 128, 1e-3, 31
TAUS = [(0.1 * (i % 5 + 1), 0.1 + 0.2 * (i // 5)) for i in range(MEMBERS)]  # (tau_f, tau_b)


class BinaryNetwork(nn.Module):
    """The SBN as anyone would write it."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(784, 200),
            StraightThrough(binary=True),
            nn.Linear(200, 200),
            StraightThrough(binary=True),
            nn.Linear(200, 10),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out


class Plain:
    """Modules in training, one after the other, on a batch that is prepared once for all of them."""

    def __init__(self, dataset: Dataset) -> None:
        self.x, self.y = dataset.train.inputs.float() / dataset.largest, dataset.train.labels
        self.models = []
        for tau_f, tau_b in TAUS:
            model = BinaryNetwork().to(self.x.device)
            for layer in model.modules():
                if isinstance(layer, StraightThrough):
                    layer.set("decoupled", tau_f, tau_b)
            self.models.append((model, torch.optim.Adam(model.parameters(), lr=LR)))

    def train(self) -> None:
        """A step of every model."""
        index = torch.randint(len(self.x), (BATCH,), device=self.x.device)
        x, y = self.x[index], self.y[index]
        for model, optimizer in self.models:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()


def pixels(examples: int) -> Dataset:
    """Random pixels and labels: what they are does not matter to the time."""
    generator = torch.Generator().manual_seed(0)

    def split(n: int) -> Split:
        x = torch.randint(0, 256, (n, 784), dtype=torch.uint8, generator=generator)
        return Split(x, torch.arange(n) % 10)

    return Dataset(
        "pixels", split(examples), split(100), split(100), shape=(1, 28, 28), classes=10, largest=255
    )


def main() -> None:
    """Milliseconds of a step of all members, as one line of JSON."""
    keep_freed_memory()  # as the tuner's workers do; for the peer as well
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dataset = pixels(12_800).to(device)
    configurations = [Configuration("decoupled", tau_f, tau_b, LR) for tau_f, tau_b in TAUS]
    task_type = ModuleTask.from_module(BinaryNetwork, loss=F.cross_entropy)
    task = task_type(dataset, task_type.options_type.parse({}))
    tasks = {"built_in": SBN(dataset, SBNOptions()), "modules": task}
    populations = {
        name: Population(task, dataset, configurations, [0], batch_size=BATCH) for name, task in tasks.items()
    }
    turns = {name: lambda p=population: p.train(1) for name, population in populations.items()}
    seconds = alternate(turns | {"plain": Plain(dataset).train}, rounds=ROUNDS, warmup=3)
    threads = f"{torch.get_num_threads()} CPU threads"
    print(
        json.dumps(
            {
                "device": torch.cuda.get_device_name() if device == "cuda" else threads,
                "members": MEMBERS,
                "stack": task.stack,
                "milliseconds": {name: 1000 * s for name, s in seconds.items()},
                "of_built_in": seconds["modules"] / seconds["built_in"],
                "speed_up": seconds["plain"] / seconds["modules"],
            }
        )
    )


if __name__ == "__main__":
    main()
