"""Training steps recorded once and replayed, so that neither Python nor the launch of each operation costs
time: CUDA graphs of several steps, and of one for what remains.

A recorded step reads and writes the tensors that it was recorded with. A step of an accelerator is made so
(Population.step): parameters, moments, the number of the step, the epoch's order and the losses' sum stay the
same tensors. What the host changes, the order of the next epoch or another configuration, it changes between
replays, into the same tensors or with a new recording. A recorder is a function, so that all but CUDA's own
recording is tested on a CPU.
"""

import logging
from collections.abc import Callable
from typing import TypeAlias

import torch

from trainables.memory import is_out_of_memory

_log = logging.getLogger(__name__)

Steps: TypeAlias = Callable[[], object]
Recorder: TypeAlias = Callable[[Steps], Steps]  # of steps that have run before, the replay; runs nothing

AT_ONCE = 16  # steps of the larger graph
WARMUP = 3  # steps that run as they are before the first is recorded: libraries make their workspaces then


def recorder(device: torch.device, compiled: str) -> Recorder | None:
    """CUDA's recorder where the spec's `compile` is "auto" and the device is a GPU of CUDA's."""
    return cuda_graph if compiled == "auto" and device.type == "cuda" else None


def cuda_graph(steps: Steps) -> Steps:
    """Records steps as a CUDA graph."""
    graph, stream = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
    torch.cuda.synchronize()
    try:
        with torch.cuda.graph(graph):
            steps()
    finally:
        # Where the end of a recording fails, after an error within it, torch stays on the recording's stream.
        torch.cuda.set_stream(stream)
    return graph.replay


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
            if self._record is None or self._warm < WARMUP:
                step()
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
