"""What is known of the differentiable logic gate network without its arithmetic (trainables/tasks/dln.py)."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from trainables.data import Dataset
from trainables.errors import OptionError
from trainables.estimator_names import DISCRETE
from trainables.gate_names import GATES
from trainables.tasks import built_in_metrics
from trainables.tasks.declaration import Declaration, Objective, Options
from trainables.tasks.vectors import as_vectors

CHUNK = 250  # examples per forward pass of an evaluation


@dataclass(frozen=True)
class DLNOptions(Options):
    """Options of the DLN. The defaults are the paper's."""

    widths: tuple[int, ...] = (12_000, 12_000, 12_000, 12_000)  # gates of each layer
    group_sum_temperature: float = 33.3  # a class score is the sum of its group's gates over this
    thresholds: tuple[float, ...] = (
        0.25,
        0.5,
        0.75,
    )  # a pixel, in [0, 1], becomes one bit for each: whether it is above
    # Start near the identity: every gate passes its first input on (Petersen et al. 2024).
    residual: bool = False

    def __post_init__(self) -> None:
        if not (
            isinstance(self.widths, tuple)
            and self.widths
            and all(_whole(n, 1, 1_000_000) for n in self.widths)
        ):
            raise OptionError(
                "widths", "must be a list of whole numbers from 1 to 1000000, the gates of each layer"
            )
        if not (_number(self.group_sum_temperature) and 0 < self.group_sum_temperature < math.inf):
            raise OptionError("group_sum_temperature", "must be a number greater than 0")
        given = self.thresholds
        if not (isinstance(given, tuple) and given and all(_number(t) and 0 <= t < 1 for t in given)) or len(
            set(given)
        ) < len(given):
            raise OptionError("thresholds", "must be a list of different numbers from 0 to below 1")
        if type(self.residual) is not bool:
            raise OptionError("residual", "must be true or false")

    @property
    def weights(self) -> int:
        """One for each of the 16 types that a gate may have."""
        return len(GATES) * sum(self.widths)


def cutoffs(thresholds: Sequence[float], largest: int) -> list[int]:
    """For each threshold, in ascending order, the largest whole x for which x / largest is not above it."""
    return [max(x for x in range(largest + 1) if x / largest <= t) for t in sorted(thresholds)]


class DeclaredDLN(Declaration):
    """The differentiable logic gate network, declared."""

    datasets: ClassVar[tuple[str, ...]] = (
        "cifar10", "image_folder", "mnist", "fashion_mnist", "digits", "arrays",
    )  # fmt: skip
    objective: ClassVar = Objective("val_loss", "minimize")
    options_type: ClassVar = DLNOptions
    estimators: ClassVar = (*DISCRETE, "soft")
    metrics: ClassVar = built_in_metrics.DLN

    @classmethod
    def prepared(cls, dataset: Dataset) -> Dataset:
        """With inputs [n, D]."""
        return as_vectors(dataset, "dln", values="bytes", labels=True)

    def __init__(self, dataset: Dataset, options: Options) -> None:
        options = cast(DLNOptions, options)
        if options.widths[-1] % dataset.classes:
            raise OptionError(
                "widths",
                f"the last must be a multiple of {dataset.classes}, the classes of {dataset.name}",
                str(options.widths[-1]),
            )
        self._widths = options.widths
        self._inputs = dataset.features * len(options.thresholds)
        self._classes = dataset.classes
        self._temperature = options.group_sum_temperature
        self._cutoffs = cutoffs(options.thresholds, dataset.largest)
        self._residual = options.residual

    def logit_parameters(self) -> tuple[str, ...]:
        """The gate logits themselves."""
        return ("gates",)

    def bytes_per_member(self, batch_size: int) -> int:
        """Logits with gradients, moments, samples; outputs of all layers with gradients, for the larger of
        batch and chunk.
        """
        gates = sum(self._widths)
        return 4 * (10 * len(GATES) * gates + 3 * gates * max(batch_size, CHUNK))


def _whole(value: Any, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
