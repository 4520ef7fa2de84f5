"""What is known of the stochastic binary network without its arithmetic (trainables/tasks/sbn.py)."""

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, cast

from trainables.data import Dataset
from trainables.errors import OptionError
from trainables.tasks import built_in_metrics
from trainables.tasks.declaration import Declaration, Objective, Options
from trainables.tasks.vectors import as_vectors

# Examples per forward pass of an evaluation. Fixed, because noise is drawn per chunk: a size that depended on
# the population would make a member's validation loss depend on it too.
CHUNK = 250


@dataclass(frozen=True)
class SBNOptions(Options):
    """Options of the SBN."""

    units: tuple[int, ...] = (200, 200)  # binary units of each hidden layer
    signed: bool = False  # units in {-1, 1} instead of {0, 1}

    def __post_init__(self) -> None:
        sizes = self.units
        if not (
            isinstance(sizes, tuple) and sizes and all(type(n) is int and 1 <= n <= 100_000 for n in sizes)
        ):
            raise OptionError(
                "units", "must be a list of whole numbers from 1 to 100000, one for each hidden layer"
            )
        if type(self.signed) is not bool:
            raise OptionError("signed", "must be true or false")

    @property
    def weights(self) -> int:
        """Between its hidden layers."""
        return sum(a * b for a, b in pairwise(self.units))


class DeclaredSBN(Declaration):
    """The stochastic binary network, declared."""

    datasets: ClassVar[tuple[str, ...]] = ("digits", "mnist", "fashion_mnist", "arrays")
    objective: ClassVar = Objective("val_loss", "minimize")
    options_type: ClassVar = SBNOptions
    metrics: ClassVar = built_in_metrics.SBN

    @classmethod
    def prepared(cls, dataset: Dataset) -> Dataset:
        """With inputs [n, D]."""
        return as_vectors(dataset, "sbn", values="numbers", labels=True)

    def __init__(self, dataset: Dataset, options: Options) -> None:
        options = cast(SBNOptions, options)
        self._sizes = (dataset.features, *options.units, dataset.classes)
        self._hidden = options.units
        self._signed = options.signed
        self._scale = 1 / dataset.largest

    def logit_parameters(self) -> tuple[str, ...]:
        """Weights and biases of all layers but the head: their inputs, pixels or bits of the layer before,
        are not scaled.
        """
        return tuple(f"{kind}_{i}" for i in range(len(self._hidden)) for kind in ("weight", "bias"))

    def bytes_per_member(self, batch_size: int) -> int:
        """Parameters, gradients and two moments, and about six copies of the hidden units' batch while a step
        runs.
        """
        parameters = sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(self._sizes))
        activations = sum(self._hidden) * max(batch_size, CHUNK)
        return 4 * (4 * parameters + 6 * activations)
