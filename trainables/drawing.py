"""The examples and noise of the next training step, and the noise of measurements: on a CPU from torch's
generators, on an accelerator from counters (counters.py says why).

All of them are functions of (seed, purpose, step) alone, and do not depend on the population. On an
accelerator the number of the step is a tensor of the device, so that drawing needs nothing from the host
until an epoch ends.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainables import counters
from trainables.kernels.noise import noise as counted_noise
from trainables.randomness import Stream
from trainables.surrogates import RAO_DRAWS
from trainables.tasks.base import DRAWS, Noise, NoiseShapes, Task, with_draws


@dataclass(frozen=True)
class Sizes:
    """What the draws of a population depend on beside the step."""

    examples: int  # of the training data
    batch_size: int
    dtype: torch.dtype  # of the noise
    device: torch.device
    further: bool  # whether an estimator averages over further noise

    @property
    def steps_per_epoch(self) -> int:
        """An incomplete last batch is left out."""
        return self.examples // self.batch_size


class HostDraws:
    """A generator for every seed, set anew for every step."""

    capturable = False  # nothing of it is on the device
    prepared = 1

    def __init__(self, task: Task, seeds: Sequence[int], sizes: Sizes) -> None:
        self.steps = 0  # done
        self._sizes = sizes
        self._order_streams = [Stream(seed, "order") for seed in seeds]
        self._epoch_order: tuple[int, Tensor] | None = None  # (epoch, [S, n])
        self._noise = _StreamedNoise(task, seeds, sizes)

    def counted(self, steps: int) -> None:
        """Tells that some steps more are done."""
        self.steps += steps

    def prepare(self) -> None:
        """What the host does before a step: all that it needs is made when it is asked for."""

    def index(self) -> Tensor:
        """The examples [S, B] of the next step, by their numbers."""
        epoch, step = divmod(self.steps, self._sizes.steps_per_epoch)
        if self._epoch_order is None or self._epoch_order[0] != epoch:
            n = self._sizes.examples
            order = torch.stack([torch.randperm(n, generator=s.at(epoch)) for s in self._order_streams])
            self._epoch_order = (epoch, order.to(self._sizes.device))
        B = self._sizes.batch_size
        return self._epoch_order[1][:, step * B : (step + 1) * B]

    def noise(self) -> Noise:
        """The noise of the next step: see Noise."""
        return self._noise.at(self.steps)

    def tick(self) -> None:
        """Nothing to do on the device."""


class DeviceDraws:
    """Counters, and the next step's number on the device."""

    def __init__(self, task: Task, seeds: Sequence[int], sizes: Sizes) -> None:
        self._sizes, self._seeds = sizes, len(seeds)
        per_epoch = sizes.steps_per_epoch
        # What a captured step reads: the number of the step, in all and in its epoch, and the epoch's order.
        self._clock = torch.zeros(2, dtype=torch.int64, device=sizes.device)
        self._order = torch.zeros(
            len(seeds), per_epoch, sizes.batch_size, dtype=torch.int64, device=sizes.device
        )
        self._order_keys = counters.keys(seeds, "order", sizes.device)
        self._epoch: int | None = None  # whose order is there
        self._steps = 0
        shapes = task.noise_shapes(sizes.batch_size)
        self._noise = None if shapes is None else _CountedNoise(shapes, seeds, sizes)
        self._streamed = _StreamedNoise(task, seeds, sizes) if shapes is None else None

    @property
    def capturable(self) -> bool:
        """Whether the noise needs nothing from the host."""
        return self._noise is not None

    @property
    def steps(self) -> int:
        """Done, as the host knows it."""
        return self._steps

    @steps.setter
    def steps(self, steps: int) -> None:
        if steps != self._steps:
            self._steps = steps
            self._clock[0].fill_(steps)
            self._clock[1].fill_(steps % self._sizes.steps_per_epoch)

    @property
    def prepared(self) -> int:
        """Steps that need nothing of the host, from a `prepare` on."""
        per_epoch = self._sizes.steps_per_epoch
        return per_epoch - self._steps % per_epoch if self.capturable else 1

    def prepare(self) -> None:
        """What the host does before a step: at the beginning of an epoch, it asks for a new order."""
        epoch = self._steps // self._sizes.steps_per_epoch
        if epoch != self._epoch:
            self._shuffle(epoch)

    def counted(self, steps: int) -> None:
        """Tells that the device has done some steps more, each with its `tick`."""
        self._steps += steps

    def index(self) -> Tensor:
        """The examples [S, B] of the next step, by their numbers."""
        self.prepare()
        return self._order.index_select(1, self._clock[1:])[:, 0]

    def noise(self) -> Noise:
        """The noise of the next step: see Noise."""
        if self._streamed is not None:
            return self._streamed.at(self._steps)
        assert self._noise is not None
        return self._noise.at(self._clock[0])

    def tick(self) -> None:
        """The step is done on the device."""
        self._clock.add_(1)

    def _shuffle(self, epoch: int) -> None:
        """The order of an epoch: examples sorted by a random word for each."""
        number = torch.full((), epoch, dtype=torch.int64, device=self._sizes.device)
        drawn = counters.words(self._order_keys, number, self._sizes.examples)
        order = drawn.sort(dim=1, stable=True).indices
        self._order.copy_(order[:, : self._order[0].numel()].view_as(self._order))
        self._clock[1].fill_(self._steps % self._sizes.steps_per_epoch)
        self._epoch = epoch


class FixedNoise:
    """What measurements draw: the same noise for all members and seeds, whenever it is asked for.

    From counters it is the same on every device that draws so. A task that says no noise_shapes draws from
    the device's generator even there, whose numbers depend on the model of a GPU.

    Args:
        task: whose noise it is.
        seed, purpose: what the noise is a function of, beside its step.
        like: a tensor of the device; the noise has its dtype.
        counted: whether it comes from counters, as an accelerator's does.
    """

    def __init__(self, task: Task, seed: int, purpose: str, *, like: Tensor, counted: bool) -> None:
        self._task, self._device, self._dtype = task, like.device, like.dtype
        self._seed, self._purpose, self._counted = seed, purpose, counted
        self._made: dict[int, _CountedNoise] = {}  # by batch size
        self._stream: Stream | None = None

    def at(self, step: int, batch_size: int) -> Noise:
        """Of a step 0, 1, ..., {name: [1, 1, ...]}."""
        shapes = self._task.noise_shapes(batch_size) if self._counted else None
        if shapes is not None:
            if batch_size not in self._made:
                sizes = Sizes(batch_size, batch_size, self._dtype, self._device, further=False)
                self._made[batch_size] = _CountedNoise(shapes, [self._seed], sizes, noise=self._purpose)
            return self._made[batch_size].at(torch.tensor(step, device=self._device))
        if self._stream is None:
            self._stream = Stream(self._seed, self._purpose, self._device)
        drawn = self._task.noise(batch_size, self._stream.at(step))
        return {
            name: n[None, None].to(self._dtype if n.is_floating_point() else None)
            for name, n in drawn.items()
        }


class _StreamedNoise:
    """What the task draws for one seed after the other."""

    def __init__(self, task: Task, seeds: Sequence[int], sizes: Sizes) -> None:
        self._task, self._sizes = task, sizes
        self._streams = [Stream(seed, "noise", sizes.device) for seed in seeds]
        self._further = [Stream(seed, "draws", sizes.device) for seed in seeds] if sizes.further else []

    def at(self, step: int) -> Noise:
        """Of a step, {name: [S, 1, ...]}, and {name + DRAWS: [RAO_DRAWS, S, 1, ...]} where it is needed."""
        noise = self._drawn(self._streams, step)
        if not self._further:
            return noise
        return with_draws(noise, lambda k: self._drawn(self._further, step * RAO_DRAWS + k))

    def _drawn(self, streams: list[Stream], step: int) -> Noise:
        seeds = [self._task.noise(self._sizes.batch_size, s.at(step)) for s in streams]
        # A single seed's noise is not copied: for logic gates it is as large as the parameters.
        return {
            name: (first[None] if len(seeds) == 1 else torch.stack([noise[name] for noise in seeds]))[
                :, None
            ].to(self._sizes.dtype if first.is_floating_point() else None)
            for name, first in seeds[0].items()
        }


class _CountedNoise:
    """What the task says that it needs, of all seeds in one launch for each kind of noise.

    noise: the purpose that it is drawn for.
    """

    def __init__(
        self, shapes: NoiseShapes, seeds: Sequence[int], sizes: Sizes, *, noise: str = "noise"
    ) -> None:
        self._sizes, self._purpose = sizes, noise
        self._kinds: dict[str, dict[str, tuple[int, ...]]] = defaultdict(dict)  # {kind: {name: shape}}
        for name, (kind, shape) in shapes.items():
            self._kinds[kind][name] = shape
        self._keys = {
            (purpose, kind): counters.keys(seeds, f"{purpose} {kind}", sizes.device)
            for purpose in ((noise, "draws") if sizes.further else (noise,))
            for kind in self._kinds
        }

    def at(self, step: Tensor) -> Noise:
        """Of a step that is read on the device; as _StreamedNoise's."""
        noise = {name: drawn[:, 0] for name, drawn in self._drawn(self._purpose, step, 1).items()}
        if not self._sizes.further:
            return noise
        further = self._drawn("draws", step, RAO_DRAWS)
        return noise | {name + DRAWS: drawn.transpose(0, 1) for name, drawn in further.items()}

    def _drawn(self, purpose: str, step: Tensor, times: int) -> Noise:
        """{name: [S, times, 1, ...]}."""
        found: Noise = {}
        for kind, shapes in self._kinds.items():
            sizes = [math.prod(shape) for shape in shapes.values()]
            keys = self._keys[purpose, kind]
            drawn = counted_noise(keys, step, times * sum(sizes), kind, self._sizes.dtype)
            parts = drawn.view(len(keys), times, 1, -1).split(sizes, -1)
            found |= {
                name: part.view(*part.shape[:3], *shape)
                for (name, shape), part in zip(shapes.items(), parts, strict=True)
            }
        return found
