"""What is known of the categorical autoencoder without its arithmetic (trainables/tasks/catae.py)."""

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, cast

from trainables.data import Dataset
from trainables.errors import OptionError
from trainables.tasks import built_in_metrics
from trainables.tasks.declaration import Declaration, Objective, Options
from trainables.tasks.vectors import as_vectors

CHUNK = 250  # examples per forward pass of an evaluation


@dataclass(frozen=True)
class CatAEOptions(Options):
    """Options of the CatAE. The defaults are the paper's."""

    hidden: tuple[int, ...] = (512, 256)  # units of the encoder's hidden layers; the decoder mirrors them
    latents: int = 4
    classes: int = 8  # categories of each latent
    # Weight of the KL divergence from the code's distribution, softmax(logits), to the uniform one.
    kl_weight: float = 0.0

    def __post_init__(self) -> None:
        if not (
            isinstance(self.hidden, tuple) and all(type(n) is int and 1 <= n <= 100_000 for n in self.hidden)
        ):
            raise OptionError(
                "hidden", "must be a list of whole numbers from 1 to 100000, one for each hidden layer"
            )
        if not (type(self.latents) is int and 1 <= self.latents <= 10_000):
            raise OptionError("latents", "must be a whole number from 1 to 10000")
        if not (type(self.classes) is int and 2 <= self.classes <= 10_000):
            raise OptionError("classes", "must be a whole number from 2 to 10000")
        weight: Any = self.kl_weight
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < math.inf:
            raise OptionError("kl_weight", "must be a number, 0 or more")

    @property
    def weights(self) -> int:
        """Between its hidden layers and the code, of encoder and decoder."""
        return 2 * sum(a * b for a, b in pairwise([*self.hidden, self.latents * self.classes]))


class DeclaredCatAE(Declaration):
    """The categorical autoencoder, declared."""

    datasets: ClassVar[tuple[str, ...]] = ("mnist", "fashion_mnist", "digits", "arrays")
    objective: ClassVar = Objective("val_loss", "minimize")
    options_type: ClassVar = CatAEOptions
    metrics: ClassVar = built_in_metrics.CATAE
    collapsed: ClassVar = built_in_metrics.CATAE_COLLAPSED

    @classmethod
    def prepared(cls, dataset: Dataset) -> Dataset:
        """With inputs [n, D]."""
        return as_vectors(dataset, "catae", values="pixels", labels=False)

    def __init__(self, dataset: Dataset, options: Options) -> None:
        options = cast(CatAEOptions, options)
        self._L, self._K = options.latents, options.classes
        code = self._L * self._K
        self._encoder = tuple(pairwise((dataset.features, *options.hidden, code)))
        self._decoder = tuple(pairwise((code, *reversed(options.hidden), dataset.features)))
        self._kl_weight = options.kl_weight
        self._scale = 1 / dataset.largest
        self._shape = dataset.shape

    def logit_parameters(self) -> tuple[str, ...]:
        """The encoder's last layer; none with a KL term, which sees the logits past the estimator."""
        last = len(self._encoder) - 1
        return () if self._kl_weight else (f"encoder_{last}_weight", f"encoder_{last}_bias")

    def bytes_per_member(self, batch_size: int) -> int:
        """Parameters, gradients and two moments, and about four copies of the layers' outputs."""
        layers = (*self._encoder, *self._decoder)
        parameters = sum((fan_in + 1) * fan_out for fan_in, fan_out in layers)
        return 4 * (4 * parameters + 4 * sum(fan_out for _, fan_out in layers) * max(batch_size, CHUNK))
