"""Throughput and memory of populations: `python -m benchmarks.population FOLDER` prints JSON. torch only, CPU
or GPU.

The peer is a plain torch model, trained one after the other with all cores: tensors in memory,
torch.optim.Adam.
"""

import json
import sys
import time

import torch

from benchmarks.measure import peak_mb, reset_peak, synchronize
from benchmarks.plain import trained
from trainables.data import Dataset, load
from trainables.population import Configuration, Population
from trainables.tasks.sbn import SBN, SBNOptions

BATCH = 128
FLOP_PER_EXAMPLE = 2 * (
    2 * 784 * 200 + 3 * 200 * 200 + 3 * 200 * 10
)  # of the matrix products, forward and backward


def configurations(trials: int) -> list[Configuration]:
    """Distinct decoupled configurations."""
    return [Configuration("decoupled", 0.1 * (i % 21), 0.1 + 0.1 * (i // 21), 1e-3) for i in range(trials)]


def plain(dataset: Dataset, models: int) -> float:
    """Member-epochs a second of plain models, one after the other."""
    elapsed, epoch = 0.0, len(dataset.train) // BATCH
    for i in range(models + 1):
        train = trained("sbn", dataset, batch=BATCH, lr=1e-3, tau_f=0.1, tau_b=0.7)
        start = time.perf_counter()
        train(epoch)
        synchronize()
        elapsed += time.perf_counter() - start if i else 0.0  # the first one warms up
    return models / elapsed


def population(dataset: Dataset, trials: int, seeds: int, epochs: float = 1.0) -> float:
    """Member-epochs a second of one population, evaluation not counted (nor is it for the plain models)."""
    members = Population(
        SBN(dataset, SBNOptions()), dataset, configurations(trials), range(seeds), batch_size=BATCH
    )
    members.train(20)
    synchronize()
    steps = round(members.steps_per_epoch * epochs)
    start = time.perf_counter()
    members.train(steps)
    synchronize()
    return trials * seeds * epochs / (time.perf_counter() - start)


def memory(dataset: Dataset, trials: int, intervals: int = 6) -> tuple[float, list[float]]:
    """Memory of this process in MB before there is a population, and its peak after each of several
    intervals.

    The peak is reset first, because loading the data reaches higher than what it leaves behind.
    """
    before = reset_peak()
    members = Population(SBN(dataset, SBNOptions()), dataset, configurations(trials), [0], batch_size=BATCH)
    peaks = []
    for _ in range(intervals):
        members.train(20)
        members.evaluate()
        peaks.append(peak_mb())
    return before, peaks


def main() -> None:
    """Everything, as one line of JSON."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    dataset = load("fashion_mnist", sys.argv[1]).to(device)
    before_mb, peaks_mb = memory(dataset, 25)
    sizes = [(25, 1), (5, 5)] if device == "cpu" else [(25, 1), (50, 5), (231, 5)]
    # Interleaved, so that a slow minute of the machine falls on both.
    plain_rates, rates = [plain(dataset, 3)], {}
    for trials, seeds in sizes:
        rates[f"{trials} trials x {seeds} seeds"] = population(dataset, trials, seeds)
        plain_rates.append(plain(dataset, 3))
    print(
        json.dumps(
            {
                "device": torch.cuda.get_device_name()
                if device == "cuda"
                else f"{torch.get_num_threads()} CPU threads",
                "plain": sum(plain_rates) / len(plain_rates),
                "populations": rates,
                "gflops": {
                    name: rate * len(dataset.train) * FLOP_PER_EXAMPLE / 1e9 for name, rate in rates.items()
                },
                "before_mb": before_mb,
                "peaks_mb": peaks_mb,
                "per_member_mb": (peaks_mb[-1] - before_mb) / 25,
            }
        )
    )


if __name__ == "__main__":
    main()
