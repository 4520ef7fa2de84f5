"""How long tests wait before they give up, for the machine that they run on.

Every limit in the tests is written as the seconds that are ample on a quiet machine with two cores, and goes
through `patient`, which multiplies it by how much longer things take here and now: by how slow a core is, and
by how many processes share the cores. A limit that is too long costs nothing, because only a test that fails
waits for its end.
"""

import os
import time
from collections.abc import Callable
from functools import cache
from statistics import median
from typing import TypeVar

T = TypeVar("T")

REFERENCE_S = 0.02  # CPU seconds of `_work` on the core that the limits were written on


def patient(seconds: float) -> float:
    """A limit for this machine as it is now: at least the seconds, and longer on one that is slow or busy."""
    slow, shared = measured()
    return seconds * max(1.0, slow) * max(1.0, shared, busy())


def wait_for(condition: Callable[[], T], seconds: float = 60.0, *, every_s: float = 0.1) -> T:
    """Waits until a condition holds, and returns what it gave. Fails after `patient(seconds)`, which is asked
    anew each time: others may have become busy meanwhile.
    """
    start = time.monotonic()
    while not (value := condition()):
        waited = time.monotonic() - start
        assert waited < patient(seconds), (
            f"nothing after {waited:.0f} s; a quiet machine is given {seconds:.0f} s"
        )
        time.sleep(every_s)
    return value


def busy() -> float:
    """How many processes share a core, this one included, by the load of the last minute."""
    load, _, _ = os.getloadavg()
    return 1.0 + load / cores()


@cache
def measured() -> tuple[float, float]:
    """(how much slower a core is than the reference, how many processes share it), as a small work shows.

    Measured once, at the session's start: the load of the last minute does not know yet who has just begun,
    and in some containers it is always 0.
    """
    walls, cpus = zip(*(_work() for _ in range(5)), strict=True)
    return median(cpus) / REFERENCE_S, median(wall / cpu for wall, cpu in zip(walls, cpus, strict=True))


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _work() -> tuple[float, float]:
    """(seconds, CPU seconds) of a fixed amount of work."""
    wall, cpu = time.perf_counter(), time.process_time()
    total = 0
    for i in range(500_000):
        total += i * i
    return time.perf_counter() - wall, max(time.process_time() - cpu, 1e-6)
