"""Projected time of the paper's three studies on one device: `make bench-gpu`. Needs torch only; its data is
random.

Each study's population is trained for some steps, and the time a step is multiplied out. The floor is what
the study's arithmetic and memory traffic would take on one H200 at 67 TFLOP/s (TF32: 495) and 4.8 TB/s, if
nothing else took time. On a CPU, or with few members, it only shows that the benchmark runs.
"""

import argparse
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from benchmarks.measure import alternate
from trainables.data import Dataset, Split
from trainables.population import Configuration, Population
from trainables.tasks.base import Task
from trainables.tasks.catae import CatAE, CatAEOptions
from trainables.tasks.dln import DLN, DLNOptions
from trainables.tasks.sbn import SBN, SBNOptions


@dataclass(frozen=True)
class Study:
    """One of the paper's studies: its models, how long they train, and what that costs at least."""

    name: str
    task: Callable[[Dataset], Task]
    shape: tuple[int, int, int]
    trials: int
    seeds: int
    steps: int
    batch: int
    flop: float  # of the whole study
    traffic: float  # bytes of the whole study
    lr: float

    def floor_s(self, flops: float) -> float:
        """Seconds on one H200."""
        return max(self.flop / flops, self.traffic / 4.8e12)


STUDIES = (
    Study("SBN grid", lambda d: SBN(d, SBNOptions()), (1, 28, 28), 231, 5, 100 * 429, 128, 6e15, 3e14, 1e-3),
    Study(
        "CatAE", lambda d: CatAE(d, CatAEOptions()), (1, 28, 28), 40, 10, 160 * 275, 200, 2.2e16, 7e14, 5e-4
    ),
    Study(
        "DLN, 16 members",
        lambda d: DLN(d, DLNOptions()),
        (3, 32, 32),
        16,
        1,
        200_000,
        100,
        0.0,
        16 * 2e5 * 48e6,
        1e-2,
    ),
)


def random_dataset(shape: tuple[int, int, int], n: int) -> Dataset:
    """Bytes and labels of the shape that a study reads."""

    def split(size: int) -> Split:
        features = shape[0] * shape[1] * shape[2]
        return Split(
            torch.randint(0, 256, (size, features), dtype=torch.uint8), torch.randint(0, 10, (size,))
        )

    return Dataset("random", split(n), split(250), split(250), shape=shape, classes=10, largest=255)


def seconds_per_step(study: Study, device: str, trials: int, seeds: int, steps: int) -> float:
    """Median of three measurements of some steps each."""
    dataset = random_dataset(study.shape, 20 * study.batch).to(device)
    configurations = [
        Configuration("decoupled", 0.1 * (t % 21), 0.1 + 0.1 * (t // 21), study.lr) for t in range(trials)
    ]
    population = Population(
        study.task(dataset), dataset, configurations, range(seeds), batch_size=study.batch
    )
    return alternate({"steps": partial(population.train, steps)}, rounds=3)["steps"] / steps


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table; writes it as JSON to the file that BENCH_JSON names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--members",
        type=int,
        default=None,
        help="at most so many members a study, to try it on a small device",
    )
    parser.add_argument("--steps", type=int, default=50, help="steps of a measurement")
    parser.add_argument(
        "--tf32", action="store_true", help="matrix products in TF32: 10 bits of mantissa instead of 23"
    )
    given = parser.parse_args(arguments)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.backends.cuda.matmul.allow_tf32 = given.tf32
    flops = 495e12 if given.tf32 else 67e12
    name = torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} CPU threads"
    print(f"{name}, torch {torch.__version__}, {'TF32' if given.tf32 else 'float32'}")
    measured = {"device": name, "tf32": given.tf32, "studies": {}}
    for study in STUDIES:
        seeds = study.seeds if given.members is None else min(study.seeds, given.members)
        trials = study.trials if given.members is None else max(1, min(study.trials, given.members // seeds))
        step_s = seconds_per_step(study, device, trials, seeds, given.steps)
        whole_s = step_s * study.steps
        whole = device == "cuda" and trials * seeds == study.trials * study.seeds
        share = study.floor_s(flops) / whole_s if whole else None
        measured["studies"][study.name] = {
            "members": trials * seeds,
            "step_s": step_s,
            "study_s": whole_s,
            "floor_share": share,
        }
        told = f"{share:.0%} of the floor" if share is not None else "not the whole study on a GPU"
        print(
            f"  {study.name:<18}{trials * seeds:6} members{1000 * step_s:10.2f} ms a "
            f"step{whole_s / 60:10.1f} min   {told}"
        )
    if target := os.environ.get("BENCH_JSON"):
        Path(target).write_text(json.dumps(measured, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
