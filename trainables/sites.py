"""The sites of a module: its layers that draw random numbers, for which a population draws from outside.

Members are compared under common random numbers: a seed's trials have the same noise, whoever is trained
beside them. So nothing in a module may draw by itself. Its StraightThrough layers and its dropout are its
sites; every call of a site takes the noise of its own name, "<site>/<call>", which is a function of the seed
and the step alone: another layer more or less changes no other site's noise.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor, nn

from trainables.nn import StraightThrough
from trainables.primitive import Coefficients
from trainables.randomness import Stream, gumbel_, logistic_
from trainables.surrogates import IDENTITY
from trainables.tasks.base import DRAWS, Noise

ARGMAX = Coefficients(0.0, 1.0, IDENTITY)
_FILL: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "gumbel": gumbel_,
    "logistic": logistic_,
    "uniform": lambda out, generator: out.uniform_(generator=generator),
}


@dataclass(frozen=True)
class Draw:
    """The noise of one call of a site."""

    name: str  # "<site>/<call>", calls counted from 0
    kind: str  # a key of _FILL
    shape: tuple[int, ...]

    def noise(self, base: int, device: torch.device) -> Tensor:
        """The noise, float32: a function of the number `base` and of the name."""
        out = torch.empty(self.shape, device=device)
        return _FILL[self.kind](out, Stream(base, self.name, device).at(0))


class Source(Protocol):
    """What answers the calls of sites during one forward pass."""

    def sample(self, site: str, layer: StraightThrough, logits: Tensor) -> Tensor:
        """Samples of the logits' shape."""

    def uniform(self, site: str, like: Tensor, shape: Sequence[int]) -> Tensor:
        """Uniform noise of a shape."""


class Recorder:
    """Answers with argmax, and notes what noise is wanted."""

    def __init__(self) -> None:
        self.draws: list[Draw] = []
        self._calls: Counter[str] = Counter()

    def sample(self, site: str, layer: StraightThrough, logits: Tensor) -> Tensor:
        """Argmax."""
        self._note(site, "logistic" if layer.binary else "gumbel", logits.shape)
        return layer.sample(logits, None, ARGMAX)

    def uniform(self, site: str, like: Tensor, shape: Sequence[int]) -> Tensor:
        """Ones, which keep everything."""
        self._note(site, "uniform", shape)
        return torch.ones(tuple(shape), dtype=like.dtype, device=like.device)

    def _note(self, site: str, kind: str, shape: Sequence[int]) -> None:
        self.draws.append(Draw(f"{site}/{self._calls[site]}", kind, tuple(shape)))
        self._calls[site] += 1


class Given:
    """Answers with the noise that the population has drawn, by one member's estimator.

    Args:
        noise: {draw's name: noise}, and {name + DRAWS: [RAO_DRAWS, ...]}; None for argmax.
        c: the member's coefficients.
        further: draws what the noise lacks, because a call was not foreseen, or not with this shape. Without
            it, that is an error.
    """

    def __init__(
        self, noise: Noise | None, c: Coefficients, further: Callable[[Draw], Tensor] | None = None
    ) -> None:
        self._noise = noise
        self._c = c
        self._further = further
        self._calls: Counter[str] = Counter()

    def sample(self, site: str, layer: StraightThrough, logits: Tensor) -> Tensor:
        """Samples by the member's estimator; argmax without noise."""
        if self._noise is None:
            return layer.sample(logits, None, ARGMAX)
        name = self._name(site)
        noise = self._drawn(Draw(name, "logistic" if layer.binary else "gumbel", tuple(logits.shape)), logits)
        return layer.sample(logits, noise, self._c, self._noise.get(name + DRAWS))

    def uniform(self, site: str, like: Tensor, shape: Sequence[int]) -> Tensor:
        """Uniform noise of a shape."""
        return self._drawn(Draw(self._name(site), "uniform", tuple(shape)), like)

    def _name(self, site: str) -> str:
        name = f"{site}/{self._calls[site]}"
        self._calls[site] += 1
        return name

    def _drawn(self, draw: Draw, like: Tensor) -> Tensor:
        noise = None if self._noise is None else self._noise.get(draw.name)
        if noise is not None and tuple(noise.shape) == draw.shape:
            return noise
        if self._further is None:
            had = "none" if noise is None else f"noise of shape {tuple(noise.shape)}"
            raise ValueError(
                f"{draw.name} wants noise of shape {draw.shape}, and there is {had}: how often the layer is "
                "called, and with what shape, depends on the data. Use stack='loop'."
            )
        return self._further(draw).to(like.dtype)


class SharedDropout(nn.Module):
    """nn.Dropout, Dropout1d, 2d or 3d whose mask comes from outside."""

    def __init__(self, p: float, channel_axes: int | None) -> None:
        super().__init__()
        self.p = p
        # Number of axes behind the channels that are dropped as a whole; None: single values are dropped.
        self._channel_axes = channel_axes
        self.site: Callable[[Tensor, Sequence[int]], Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """x with some values 0 and the others divided by 1 - p; after `.eval()` x itself."""
        if not self.training or self.p == 0:
            return x
        if self.p == 1:
            return x * 0
        shape = list(x.shape)
        if self._channel_axes:
            shape[-self._channel_axes :] = [1] * self._channel_axes
        assert self.site is not None
        return x * (self.site(x, shape) >= self.p).to(x.dtype) / (1 - self.p)


_DROPOUT: dict[type[nn.Module], int | None] = {
    nn.Dropout: None,
    nn.Dropout1d: 1,
    nn.Dropout2d: 2,
    nn.Dropout3d: 3,
}


def site_name(layer: StraightThrough, path: str) -> str:
    """What the site of a sampling layer at a path in its module is called."""
    return layer.name or path or "sample"


class Sites:
    """The sites of a module, which is changed so that they ask `source` from now on."""

    def __init__(self, module: nn.Module) -> None:
        self.source: Source = Recorder()
        self.names: list[str] = []
        dropouts: dict[nn.Module, SharedDropout] = {}  # a layer may stand in several places
        for path, layer in list(module.named_modules(remove_duplicate=False)):
            if isinstance(layer, StraightThrough):
                if layer.sampler is None:
                    name = site_name(layer, path)
                    layer.sampler = partial(self._sample, name)
                    self.names.append(name)
            elif type(layer) in _DROPOUT and path:
                if layer not in dropouts:
                    dropouts[layer] = SharedDropout(layer.p, _DROPOUT[type(layer)])
                    dropouts[layer].site = partial(self._uniform, path)
                parent, _, attribute = path.rpartition(".")
                setattr(module.get_submodule(parent), attribute, dropouts[layer])
        twice = [name for name, count in Counter(self.names).items() if count > 1]
        if twice:
            raise ValueError(
                f"two StraightThrough layers are called {twice[0]!r}; give each a name of its own."
            )

    def recorded(self, run: Callable[[], object]) -> list[Draw]:
        """The draws of what `run` does with the module."""
        self.source = recorder = Recorder()
        run()
        return recorder.draws

    def _sample(self, site: str, layer: StraightThrough, logits: Tensor) -> Tensor:
        return self.source.sample(site, layer, logits)

    def _uniform(self, site: str, x: Tensor, shape: Sequence[int]) -> Tensor:
        return self.source.uniform(site, x, shape)
