"""Training steps recorded once and replayed, so that neither Python nor the launch of each operation costs
time: CUDA graphs of several steps, and one of a single step for the remainder.

A replay reads and writes the tensors that were used in the recording. A step for an accelerator
(Population.step) is made for that: parameters, moments, the number of the step, the order of the epoch and
the sum of losses always are the same tensors. What the host changes (the order of the next epoch, another
configuration) it changes between replays, in place or followed by a new recording. The recorder is an
argument, so that everything but CUDA's own recording is tested on a CPU.
"""

import logging
import weakref
from collections.abc import Callable
from functools import cache
from typing import Protocol, TypeAlias

import torch

from trainables.memory import is_out_of_memory

_log = logging.getLogger(__name__)

Steps: TypeAlias = Callable[[], object]

AT_ONCE = 16  # steps of the larger graph
WARMUP = 3  # steps that run as they are before the first is recorded: libraries make their workspaces then


class Recorder(Protocol):
    """Records steps."""

    def warm(self, step: Steps) -> None:
        """Runs a step as it is, before any is recorded."""

    def __call__(self, steps: Steps) -> Steps:
        """The replay of steps that have run before; runs nothing.

        Raises:
            RuntimeError: they cannot be recorded, or (an out-of-memory error) there is no memory for it.
        """


def recorder(device: torch.device, compiled: str) -> Recorder | None:
    """CUDA's recorder where the spec's `compile` is "auto" and the device is a GPU of CUDA's."""
    return CudaGraphs(device) if compiled == "auto" and device.type == "cuda" else None


class CudaGraphs:
    """Records steps as CUDA graphs, which share the memory of what a step makes and frees: they never run at
    the same time.

    A recording that runs out of memory must not begin. torch 2.11 then keeps what it had taken, and ends the
    process when a graph that was not begun well is freed.
    """

    def __init__(self, device: torch.device) -> None:
        self._named = device
        self._step_bytes = 0  # that a step takes beside what stays
        self._last: weakref.ref[torch.cuda.CUDAGraph] | None = None

    @property
    def _device(self) -> int:
        return torch.cuda.current_device() if self._named.index is None else self._named.index

    def warm(self, step: Steps) -> None:
        """See Recorder."""
        before = torch.cuda.memory_allocated(self._device)
        torch.cuda.reset_peak_memory_stats(self._device)
        step()
        self._step_bytes = max(self._step_bytes, torch.cuda.max_memory_allocated(self._device) - before)

    def __call__(self, steps: Steps) -> Steps:
        """See Recorder."""
        first_graph(self._device)
        torch.cuda.synchronize(self._device)
        torch.cuda.empty_cache()
        before = None if self._last is None else self._last()
        if before is None:
            self._check_memory()
        graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream(self._device)
        try:
            with torch.cuda.graph(graph, pool=None if before is None else before.pool()):
                steps()
        finally:
            # Where the end of a recording fails, after an error in it, torch stays on the recording's stream.
            torch.cuda.set_stream(stream)
        self._last = weakref.ref(graph)
        return graph.replay

    def _check_memory(self) -> None:
        """Raises OutOfMemoryError where a step's memory may not suffice a second time."""
        free, total = torch.cuda.mem_get_info(self._device)
        share = torch.cuda.get_per_process_memory_fraction(self._device)
        mine = share * total - torch.cuda.memory_reserved(self._device)
        needed = 1.25 * self._step_bytes + 2**26  # blocks are rounded up, and not all of a block is used
        if min(free, mine) < needed:
            raise torch.OutOfMemoryError(
                f"no memory to record steps: {needed:.3g} bytes are needed, {min(free, mine):.3g} are free"
            )


@cache
def first_graph(device: int) -> torch.cuda.CUDAGraph:
    """A recording of next to nothing, which is kept. The first of a process takes memory for torch's random
    numbers; so later ones, which are made where memory is short, do not.
    """
    number = torch.zeros((), device=f"cuda:{device}")
    graph = torch.cuda.CUDAGraph()
    torch.cuda.synchronize(device)
    with torch.cuda.graph(graph):
        number.add_(1)
    return graph


class Captured:
    """A population's step, run as it is or replayed."""

    def __init__(self, record: Recorder | None) -> None:
        self._record = record
        self._replays: dict[int, Steps] = {}  # {number of steps: their replay}
        self._warm = 0

    @property
    def recorded(self) -> tuple[int, ...]:
        """How many steps each of the recordings at hand has."""
        return tuple(self._replays)

    def run(self, step: Steps, steps: int) -> None:
        """A step, so many times, between which the host has nothing to do. It is not kept: it holds the
        population, whose memory is free as soon as nobody else holds it.
        """
        while steps > 0:
            if self._record is None:
                step()
                steps -= 1
            elif self._warm < WARMUP:
                self._record.warm(step)
                self._warm += 1
                steps -= 1
            else:
                size = AT_ONCE if steps >= AT_ONCE else 1
                replay = self._replay(step, size)
                if replay is not None:
                    replay()
                    steps -= size

    def release(self) -> None:
        """Forgets the recordings and their memory: what they read is no longer what is trained."""
        self._replays.clear()
        self._warm = 0

    def _replay(self, step: Steps, size: int) -> Steps | None:
        """Of so many steps; None where they cannot be recorded, or there is no memory for it: then steps run
        as they are from now on.
        """
        if size not in self._replays:
            assert self._record is not None

            def steps() -> None:
                for _ in range(size):
                    step()

            try:
                self._replays[size] = self._record(steps)
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    # A user's own code may do what cannot be recorded: copy a constant to the device.
                    _log.warning("training steps cannot be recorded, and run as they are: %s", error)
                self.release()
                self._record = None
                return None
        return self._replays[size]
