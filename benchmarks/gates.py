"""A training step of a logic gate network on the CPU, ours and the public ones: `python -m benchmarks.gates`
prints JSON.

4 layers of 12,000 gates over 9,216 random bits, batch 100, GroupSum 33.3, 10 classes, cross-entropy, Adam.
The peers are difflogic (Petersen et al. 2022), whose CPU implementation is in Python, and torchlogix, with
the same 16 weights a gate ("raw") or with 4 ("light"). They train the soft mixture of gates, which is their
default and no slower than sampling a gate, as ours does. Their batches are ready as floats; ours are drawn
and binarised within the step.

Neither peer installs whole: difflogic wants a CUDA compiler; torchlogix wants Python 3.12, for its exporter,
and packages that its layers do not use. So pip brings both, pinned by hash, to a temporary folder, and an
empty module stands in for what cannot be built or parsed. Every measurement is a process of its own, whose
peak of memory is its own; each is taken twice, in turn, and the better one counts.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import types
from collections.abc import Callable
from functools import partial
from itertools import cycle, pairwise
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.measure import alternate, peak_mb, reset_peak
from trainables.memory import keep_freed_memory

LAYERS, GATES, FEATURES, THRESHOLDS, BATCH, CLASSES, GROUP_SUM, LR = (
    4,
    12_000,
    3 * 32 * 32,
    3,
    100,
    10,
    33.3,
    0.01,
)
THREADS, WARMUP, STEPS, TURNS = 2, 3, 12, 2
REQUIREMENTS = """
difflogic==0.1.0 --hash=sha256:979ce845a494bdf8ebeeb94d61f3bbf1ae018257ee5b048f936567b53fc115a1
torchlogix==0.2.2 --hash=sha256:4b42430d29ab7d2f91e2d90d96f17f90b9b2208217d22565c88b8aa28a7f257a
"""
PEERS = ("difflogic", "torchlogix raw", "torchlogix light")
POPULATIONS = (1, 8)


def fetch(folder: Path) -> None:
    """Brings the peers' Python files into a folder, which can then be put on sys.path."""
    requirements = folder / "requirements.txt"
    requirements.write_text(REQUIREMENTS, encoding="utf-8")
    # difflogic is published as source only, and pip reads its name with its setup.py, which imports torch: no
    # isolation.
    choices = [
        "--no-deps",
        "--no-build-isolation",
        "--require-hashes",
        "--no-binary",
        "difflogic",
        "--only-binary",
        "torchlogix",
    ]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            *choices,
            "--dest",
            str(folder),
            "--requirement",
            str(requirements),
        ],
        check=False,
        stdout=subprocess.DEVNULL,
    )
    if done.returncode:
        sys.exit(
            "gates: pip could not fetch the peers, difflogic and torchlogix; it needs a network or an index "
            "(PIP_INDEX_URL)"
        )
    shutil.unpack_archive(folder / "difflogic-0.1.0.tar.gz", folder, filter="data")
    (folder / "difflogic-0.1.0" / "difflogic").rename(folder / "difflogic")
    shutil.unpack_archive(folder / "torchlogix-0.2.2-py3-none-any.whl", folder, "zip")


def difflogic(widths: list[int]) -> nn.Sequential:
    """difflogic's network."""
    sys.modules["difflogic_cuda"] = types.ModuleType("difflogic_cuda")  # used by implementation="cuda" only
    from difflogic import GroupSum, LogicLayer

    layers = [LogicLayer(a, b, device="cpu", implementation="python") for a, b in pairwise(widths)]
    return nn.Sequential(*layers, GroupSum(CLASSES, GROUP_SUM, device="cpu"))


def torchlogix(widths: list[int], parametrization: str) -> nn.Sequential:
    """torchlogix's network."""
    exporter = types.ModuleType("torchlogix.circuit")  # its f-strings are no syntax before Python 3.12
    exporter.Circuit = None  # type: ignore[attr-defined]
    sys.modules["torchlogix.circuit"] = exporter
    from torchlogix.layers import GroupSum, LogicDense

    layers = [LogicDense(a, b, parametrization=parametrization) for a, b in pairwise(widths)]
    return nn.Sequential(*layers, GroupSum(CLASSES, GROUP_SUM))


def peer_step(name: str, batches: list[tuple[Tensor, Tensor]]) -> Callable[[], object]:
    """A training step of a peer."""
    widths = [FEATURES * THRESHOLDS] + [GATES] * LAYERS
    library, *parametrization = name.split()
    model = difflogic(widths) if library == "difflogic" else torchlogix(widths, *parametrization)
    optimizer = torch.optim.Adam(model.parameters(), lr=LR)
    turn = cycle(batches)

    def step() -> None:
        bits, labels = next(turn)
        optimizer.zero_grad()
        F.cross_entropy(model(bits), labels).backward()
        optimizer.step()

    return step


def measure_peer(name: str, folder: str) -> dict[str, float]:
    """Seconds a step and memory of a peer."""
    sys.path.insert(0, folder)
    batches = [
        (torch.randint(0, 2, (BATCH, FEATURES * THRESHOLDS)).float(), torch.randint(0, CLASSES, (BATCH,)))
        for _ in range(10)
    ]
    return _measure(lambda: peer_step(name, batches))


def measure_population(members: int) -> dict[str, float]:
    """Seconds a step and memory of a population, whole (not a member's)."""
    from trainables.data import Dataset, Split
    from trainables.population import Configuration, Population
    from trainables.tasks.dln import DLN, DLNOptions

    def split(n: int) -> Split:
        return Split(torch.randint(0, 256, (n, FEATURES), dtype=torch.uint8), torch.randint(0, CLASSES, (n,)))

    dataset = Dataset(
        "random",
        split(20 * BATCH),
        split(BATCH),
        split(BATCH),
        classes=CLASSES,
        largest=255,
        shape=(3, 32, 32),
    )

    def build() -> Callable[[], object]:
        configurations = [Configuration("decoupled", 0.1, 2.0, LR)] * members
        return partial(
            Population(DLN(dataset, DLNOptions()), dataset, configurations, [0], batch_size=BATCH).train, 1
        )

    return _measure(build)


def _measure(build: Callable[[], Callable[[], object]]) -> dict[str, float]:
    """Builds a model and trains it. What torch imports at its first step is no competitor's, so a small one
    goes before.
    """
    torch.set_num_threads(THREADS)
    keep_freed_memory()  # as the tuner's workers do; for the peers as well
    waker = nn.Linear(1, 1)
    waker(torch.ones(1, 1)).sum().backward()
    torch.optim.Adam(waker.parameters()).step()
    before = reset_peak()
    seconds = alternate({"step": build()}, rounds=STEPS, warmup=WARMUP)["step"]
    return {"step_s": seconds, "memory_mb": peak_mb() - before}


def _in_a_process(*arguments: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.gates", *arguments]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"gates: the measurement of {arguments[1]} failed; the reason is above")
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return measured


def main() -> None:
    """Everything, or the one measurement that is named, as one line of JSON."""
    match sys.argv[1:]:
        case ["peer", name, folder]:
            print(json.dumps(measure_peer(name, folder)))
        case ["population", members]:
            print(json.dumps(measure_population(int(members))))
        case _:
            with tempfile.TemporaryDirectory() as folder:
                fetch(Path(folder))
                runs = [("peer", name, folder) for name in PEERS] + [
                    ("population", str(n)) for n in POPULATIONS
                ]
                measured: dict[str, list[dict[str, float]]] = {run[1]: [] for run in runs}
                for _ in range(TURNS):
                    for run in runs:
                        measured[run[1]].append(_in_a_process(*run))
            best = {
                name: {key: min(m[key] for m in several) for key in several[0]}
                for name, several in measured.items()
            }
            print(
                json.dumps(
                    {
                        "device": f"{THREADS} CPU threads",
                        "steps": STEPS,
                        "peers": {name: best[name] for name in PEERS},
                        "populations": {str(n): best[str(n)] for n in POPULATIONS},
                    }
                )
            )


if __name__ == "__main__":
    main()
