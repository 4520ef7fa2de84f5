"""The contract of a task, as checks: what every task must keep, whoever wrote it.

A study compares configurations by training them side by side. That is fair only where a member is trained
as if it were alone, whatever its estimator and whoever its neighbours, and where everything random is a
function of the seed. `python -m trainables.testing my_model.py:Task` runs these checks on a task; the
package's own tests run them on its tasks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Tensor

from trainables.data import Dataset
from trainables.population import Configuration, Population
from trainables.tasks.base import Task

BATCH = 32
STEPS = 14
BY_ESTIMATOR = {
    "identity": Configuration("identity", None, None, 3e-3),
    "softmax": Configuration("softmax", 0.8, 0.8, 1e-2),
    "gumbel": Configuration("gumbel", None, 0.7, 1e-2),
    "decoupled": Configuration("decoupled", 0.5, 1.0, 1e-2),
    "reinmax": Configuration("reinmax", None, 1.1, 3e-3),
    "gumbel_rao": Configuration("gumbel_rao", None, 0.6, 3e-3),
    "gst": Configuration("gst", None, 0.9, 1e-2),
    "soft": Configuration("soft", None, None, 1e-2),
}
DECOUPLED = BY_ESTIMATOR["decoupled"]
SILENT = Configuration("decoupled", 0.0, 0.3, 1e-2)  # no noise in the forward pass
# As many learning rates as make the optimiser take its path for many.
CROWD = [Configuration("decoupled", 0.1 * t, 0.5, 1e-3 * 1.1**t) for t in range(20)]
COMPANIES = ("twins", "one estimator", "without noise", "every estimator", "reversed", "a crowd")
# Rounding depends on the stack's size, and Adam enlarges it where gradients are small. Measured over 1,392
# members: parameters differ by up to 7e-7 in float32 and 4e-15 in float64, metrics by 6e-7 and 9e-16 of their
# value. A member that hears its neighbours is off by about a learning rate. Steps are few because a perturbed
# logit that is within rounding of another would flip a sample and part the trajectories for good; of those
# members none did.
CLOSE = {torch.float32: (1e-5, 1e-5), torch.float64: (1e-11, 1e-12)}  # relative and absolute
# cuBLAS takes another algorithm for another size of the stack, so that more is rounded otherwise. Measured on
# an H100 and an H200 with the built-in tasks: in float64 parameters differ by up to 3.4e-11. In float32 Adam
# made up to 1.6e-3 of it, in a single one of 18,816 weights, whose gradient is next to nothing: of the
# norm that is some 6e-4. A member that hears its neighbours is off by a learning rate everywhere, which
# is a tenth of the norm or more.
CLOSE_ON_GPU = (1e-8, 1e-9)  # in float64, relative and absolute
NORM_ON_GPU = 2e-2  # in float32, of the norm
SAME_VALUE = {False: 1e-12, True: 1e-9}  # relative: one value in two places of a stack; by whether on a GPU

Values = dict[str, Tensor]


@dataclass
class Subject:
    """A task under test, on a dataset small enough to train in moments."""

    task_type: type[Task]
    dataset: Dataset
    options: dict[str, Any] = field(default_factory=dict)
    batch_size: int = BATCH
    accelerator: bool | None = None  # of Population: which kind of device a step is made for
    _task: Task | None = None
    _alone: dict[tuple[Any, ...], Values] = field(default_factory=dict)

    @property
    def device(self) -> torch.device:
        """Where the dataset is, and so everything."""
        return self.dataset.train.device

    @property
    def on_gpu(self) -> bool:
        """Whether that is not a CPU."""
        return self.device.type != "cpu"

    @property
    def task(self) -> Task:
        """The task, built once."""
        if self._task is None:
            self._task = self.built()
        return self._task

    def built(self) -> Task:
        """The task, built anew."""
        return self.task_type(self.dataset, self.task_type.options_type.parse(self.options))

    def population(
        self,
        configurations: Sequence[Configuration],
        seeds: Sequence[int],
        *,
        dtype: torch.dtype = torch.float32,
    ) -> Population:
        """An untrained population of the task."""
        return Population(
            self.task,
            self.dataset,
            configurations,
            seeds,
            batch_size=self.batch_size,
            dtype=dtype,
            accelerator=self.accelerator,
        )

    def trained(
        self,
        configurations: Sequence[Configuration],
        seeds: Sequence[int],
        *,
        steps: int = STEPS,
        dtype: torch.dtype = torch.float32,
    ) -> tuple[Population, Tensor]:
        """A population after some steps, and its mean training loss over them, [S, T]."""
        models = self.population(configurations, seeds, dtype=dtype)
        return models, models.train(steps)

    def everyone(self) -> list[Configuration]:
        """A configuration of every estimator that the task allows, and one more of the last without noise."""
        return [*(BY_ESTIMATOR[estimator] for estimator in self.task_type.estimators), SILENT]

    def company(self, name: str) -> tuple[tuple[int, ...], list[Configuration]]:
        """Seeds and configurations of a population, which differ in neighbours and places."""
        everyone = self.everyone()
        return {
            "twins": ((7,), [DECOUPLED, DECOUPLED]),
            "one estimator": ((7, 0), [SILENT, DECOUPLED]),
            "without noise": ((7,), [BY_ESTIMATOR["identity"], SILENT]),
            "every estimator": ((0, 7), everyone),
            "reversed": ((7, 3, 0), everyone[::-1]),
            "a crowd": ((3, 7), [*CROWD[:9], *everyone, *CROWD[9:]]),
        }[name]

    def alone(self, configuration: Configuration, seed: int, dtype: torch.dtype) -> Values:
        """Everything of a member that is trained by itself."""
        key = (configuration, seed, dtype)
        if key not in self._alone:
            models, loss = self.trained([configuration], [seed], dtype=dtype)
            self._alone[key] = member(models, loss, models.evaluate(), 0, 0)
        return self._alone[key]


Check = Callable[[Subject], None]
CHECKS: dict[str, Check] = {}


def check(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Puts a function among the checks."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        CHECKS[name] = function
        return function

    return register


def member(models: Population, loss: Tensor, metrics: Values, s: int, t: int) -> Values:
    """Everything that there is of one member."""
    return {name: value[s, t] for name, value in (state(models) | metrics | {"train_loss": loss}).items()}


def state(models: Population) -> Values:
    """Parameters and buffers, copied."""
    return {name: tensor.detach().clone() for name, tensor in (models.parameters | models.buffers).items()}


def identical(first: Values, second: Values) -> bool:
    """Whether two {name: tensor} are the same bit for bit."""
    return first.keys() == second.keys() and all(
        torch.equal(value, second[name]) for name, value in first.items()
    )


def generator(seed: int) -> torch.Generator:
    """A generator on the CPU."""
    return torch.Generator().manual_seed(seed)


def assert_close(found: Any, expected: Any, dtype: torch.dtype, *, on_gpu: bool = False) -> None:
    """Raises AssertionError where tensors, or {name: tensor}, differ by more than rounding does."""
    if on_gpu and dtype == torch.float32:
        _assert_norms_close(found, expected)
    else:
        relative, absolute = CLOSE_ON_GPU if on_gpu else CLOSE[dtype]
        torch.testing.assert_close(found, expected, rtol=relative, atol=absolute)


def _assert_norms_close(found: Values | Tensor, expected: Values | Tensor) -> None:
    if isinstance(found, Tensor) or isinstance(expected, Tensor):
        found, expected = {"": cast(Tensor, found)}, {"": cast(Tensor, expected)}
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        # What is counted, like the batches that a BatchNorm has seen, is held to the same bound.
        off, norm = float((found[name] - value).double().norm()), float(value.double().norm())
        assert off <= NORM_ON_GPU * norm, f"{name} is off by {off:.3g}, of a norm of {norm:.3g}"
