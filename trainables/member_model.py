"""A module as a function of its tensors, a batch, and the noise of its sites.

`functional_call` puts a member's tensors in the place of the module's own, so that one module serves all
members of a population (trainables/stacking.py).
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from trainables.data import Batch, Dataset, Split
from trainables.data.dataset import each, tensors
from trainables.primitive import Coefficients
from trainables.randomness import seeded
from trainables.sites import Draw, Given, Recorder, Sites, Source
from trainables.stacking import Member, Values
from trainables.tasks.base import Noise, Parameters

Loss: TypeAlias = Callable[[Any, Any], Tensor]  # (what forward returns, the target) -> a scalar
Target: TypeAlias = Literal["labels", "inputs"]
OWN = "torch's generator"  # the noise that sets it, for what a module draws by itself


class MemberModel:
    """One module with its loss and metrics, on the CPU until `to` moves it; the dataset may be elsewhere.

    Args:
        module: built for this purpose: its StraightThrough layers and dropout are changed to ask for noise.
        loss: of the output and the target.
        metrics: likewise, {name: function}.
        dataset: on which examples are drawn.
        target: what is learned, "labels" or "inputs"; where the data has no labels, the inputs.

    Raises:
        ValueError: two layers have one name.
    """

    def __init__(
        self,
        module: nn.Module,
        loss: Loss,
        metrics: Mapping[str, Loss],
        dataset: Dataset,
        target: Target,
    ) -> None:
        self.module = module
        self.device = torch.device("cpu")
        self.sites = Sites(module)
        parameters = dict(module.named_parameters())
        self.trained = tuple(name for name, p in parameters.items() if p.requires_grad)
        self.frozen = tuple(name for name, p in parameters.items() if not p.requires_grad)
        self.running = tuple(name for name, _ in module.named_buffers())  # changed by forward: statistics
        self.draws_itself = False  # whether forward uses torch's generator
        self._loss = loss
        self._metrics = dict(metrics)
        self._dataset = dataset
        self._target = target
        self._draws: dict[tuple[bool, int], list[Draw]] = {}

    def tensors(self) -> Parameters:
        """The module's own parameters and buffers, trained ones first."""
        own = dict(self.module.named_parameters()) | dict(self.module.named_buffers())
        return {name: own[name].detach() for name in (*self.trained, *self.frozen, *self.running)}

    def to(self, device: torch.device) -> None:
        """Moves the module, for what it holds beside its tensors."""
        self.module.to(device)
        self.device = device

    def examples(self, n: int) -> Split:
        """n training examples, from the first on, again and again where there are fewer; on the module's
        device.
        """
        train = self._dataset.train
        return train.take(torch.arange(n, device=train.device) % len(train)).to(self.device)

    def data(self, split: Split, dtype: torch.dtype, axes: int = 1) -> tuple[Batch, Batch]:
        """What forward and loss are given: inputs and labels, floats in `dtype`, pixels in [0, 1].

        Args:
            split: inputs and labels of a batch.
            dtype: of the parameters.
            axes: how many axes stand before those of an example: those of a batch, or of seeds and a batch.
        """

        def floats(x: Tensor) -> Tensor:
            return x.to(dtype) if x.is_floating_point() else x

        def pixels(x: Tensor) -> Tensor:
            if x.dtype != torch.uint8 or self._dataset.largest == 1:
                return floats(x)
            shape = self._dataset.shape or x.shape[axes:]  # images are kept flat
            return x.to(dtype).div_(self._dataset.largest).view(*x.shape[:axes], *shape)

        return each(split.inputs, pixels), each(split.labels, floats)

    def target(self, inputs: Batch, labels: Batch) -> Batch:
        """What the loss compares the output with."""
        return inputs if labels is None or self._target == "inputs" else labels

    def forward(self, tensors: Parameters, inputs: Batch, source: Source) -> tuple[Any, Parameters]:
        """What the module returns with other tensors than its own, and its buffers afterwards."""
        self.sites.source = source
        used = {name: t.clone() if name in self.running else t for name, t in tensors.items()}
        output = functional_call(self.module, used, (inputs,))
        return output, {name: used[name] for name in self.running}

    def member(self, *, training: bool, by_example: str = "") -> Member:
        """The loss of one member and its buffers; in evaluation, loss and metrics. Sets the module's mode.

        by_example: the name of one of them, "loss" or a metric's, of which alone the value of each example is
        returned, [B].
        """
        self.module.train(training)
        functions = {"loss": self._loss} | ({} if training else self._metrics)
        if by_example:
            functions = {by_example: of_each_example(functions[by_example])}

        def call(
            tensors: Parameters, inputs: Batch, labels: Batch, noise: Noise | None, c: Coefficients
        ) -> tuple[Values, Parameters]:
            own = None if noise is None or OWN not in noise else int(noise[OWN])
            further = None
            if own is not None:
                device = next(iter(tensors.values())).device
                further = lambda draw: draw.noise(own, device)  # noqa: E731  # bound to this call
            with self._generator(own):
                output, buffers = self.forward(tensors, inputs, Given(noise, c, further))
                target = self.target(inputs, labels)
                values = {name: function(output, target) for name, function in functions.items()}
            return values, buffers if training else {}

        return Member(call, tuple(functions), self.running if training else ())

    def draws(self, batch_size: int, *, training: bool) -> list[Draw]:
        """The noise that one forward pass of so many examples wants, in order."""
        key = (training, batch_size)
        if key not in self._draws:
            inputs, _ = self.data(self.examples(batch_size), torch.get_default_dtype())
            self.module.train(training)
            recorder = Recorder()
            with torch.no_grad(), self._generator(0):
                self.forward(self.tensors(), inputs, recorder)
            self._draws[key] = recorder.draws
        return self._draws[key]

    def noise(self, batch_size: int, base: int, device: torch.device, *, training: bool) -> Noise:
        """The noise of one forward pass, a function of the number `base`: {draw's name: [...]}."""
        return {draw.name: draw.noise(base, device) for draw in self.draws(batch_size, training=training)}

    def _generator(self, seed: int | None) -> AbstractContextManager[None]:
        """torch's generators set for a module that draws by itself, and restored."""
        return seeded(seed or 0, self.device) if self.draws_itself else nullcontext()


def of_each_example(function: Loss) -> Loss:
    """A function of output and target, which have a batch axis, as one that returns its value for each
    example [B]: that of a batch of one.
    """

    def values(output: Any, target: Any) -> Tensor:
        def one(place: Tensor) -> Tensor:
            return function(_at(output, place), _at(target, place))

        first = tensors(target)[0]
        found: Tensor = vmap(one)(torch.arange(len(first), device=first.device))
        return found

    return values


def _at(value: Any, place: Tensor) -> Any:
    """The example at a place, as a batch of one, of tensors that may be in tuples, lists and mappings."""
    if isinstance(value, Tensor):
        return value.index_select(0, place[None])
    if isinstance(value, Mapping):
        return {name: _at(part, place) for name, part in value.items()}
    if isinstance(value, tuple | list):
        parts = [_at(part, place) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value
