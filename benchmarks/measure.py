"""Time and memory, measured one way by all benchmarks.

Competitors take turns, round by round, so that a slow minute of the machine falls on all of them, and the
median over the rounds counts. Memory is the process' peak above what it held before, so a competitor whose
memory is measured needs a fresh process.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import torch


def alternate(
    competitors: Mapping[str, Callable[[], object]], *, rounds: int, warmup: int = 1
) -> dict[str, float]:
    """Median seconds of one call of every competitor, {name: seconds}; they are called in turn."""
    elapsed: dict[str, list[float]] = {name: [] for name in competitors}
    for i in range(warmup + rounds):
        for name, call in competitors.items():
            synchronize()
            start = time.perf_counter()
            call()
            synchronize()
            if i >= warmup:
                elapsed[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in elapsed.items()}


def synchronize() -> None:
    """Waits for the GPU, if this process uses one."""
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


def reset_peak() -> float:
    """Sets this process' peak of memory back to what it holds now, which is returned in MB. Linux."""
    Path("/proc/self/clear_refs").write_text("5")
    return _memory_mb("VmRSS")


def peak_mb() -> float:
    """The peak of this process' memory in MB since `reset_peak`. Linux."""
    return _memory_mb("VmHWM")


def _memory_mb(name: str) -> float:
    """An entry of /proc/self/status: VmRSS is the memory now, VmHWM its peak."""
    entries = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(entries[name].split()[0]) / 1024
