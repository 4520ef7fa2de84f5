"""What is known of a task before it is trained: its datasets, options, metrics, and what its models need.

Free of torch, and apart from the arithmetic (base.py), because most who ask train nothing: a spec is checked,
a study is driven, and its results are read by processes that should start in a second and stay small.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, Literal

from trainables.data import Dataset
from trainables.errors import OptionError, unknown
from trainables.estimator_names import DISCRETE
from trainables.metrics import Collapse, Metric


@dataclass(frozen=True)
class Objective:
    """The metric by which configurations are selected."""

    name: str
    direction: Literal["minimize", "maximize"]


@dataclass(frozen=True)
class Options:
    """Base of a task's own options: a frozen dataclass whose __post_init__ raises an OptionError for what is
    wrong.
    """

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> "Options":
        """Builds the options from a study's mapping. Raises OptionError for one that is unknown, missing or
        wrong.
        """
        options = {f.name: f for f in fields(cls)}
        for name in given:
            if name not in options:
                raise OptionError(name, unknown(name, "an option of this task", options))
        for name, option in options.items():
            if name not in given and option.default is MISSING and option.default_factory is MISSING:
                raise OptionError(name, "is missing")
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})

    @property
    def weights(self) -> int:
        """Of one model, as far as the options alone determine them: a service has a limit. 0 where that is
        not known.
        """
        return 0


class Declaration(ABC):
    """What a task says of itself before training. `Task` is a subclass, so a user's task declares all of this
    in its own class. Built-in tasks have a declaration in a separate file (declarations/), which does not
    import torch.
    """

    datasets: ClassVar[tuple[str, ...]]  # the datasets, by name, that this task can learn from
    objective: ClassVar[Objective]  # one of the metrics that `evaluate` returns
    options_type: ClassVar[type[Options]]
    # The estimators that its members may have. "soft", which does not sample, is added by tasks that allow
    # it.
    estimators: ClassVar[tuple[str, ...]] = DISCRETE
    # The metrics that `evaluate` returns, and metrics of the engine whose declaration the task wants to
    # change. A metric that is not declared has a label made of its name, and is used by no panel and no
    # claim.
    metrics: ClassVar[tuple[Metric, ...]] = ()
    collapsed: ClassVar[Collapse | None] = None  # when a trained member counts as collapsed

    @classmethod
    def own_dataset(cls) -> Dataset | None:
        """The data that the task brings itself; a study calls it `own`. None for most, which learn from a
        dataset that the study names.
        """
        return None

    @classmethod
    def prepared(cls, dataset: Dataset) -> Dataset:
        """A study's dataset in the form that the task takes; the task is built on what this returns.

        Raises:
            DataError: the task cannot learn from it; says why, and what to do.
        """
        return dataset

    @abstractmethod
    def __init__(self, dataset: Dataset, options: Options) -> None:
        """Keeps what it needs of the dataset and of the options.

        A driver gives a declaration the dataset as it was read, perhaps as arrays; training gives it tensors
        on the device. Raises OptionError where the options do not fit the dataset.
        """

    def logit_parameters(self) -> tuple[str, ...]:
        """Names of the parameters that make the logits, a linear layer's weight and bias for instance:
        multiplied by c they must multiply every logit by c, and change nothing else. The rescaling control
        needs them; without any there is no such control.
        """
        return ()

    @abstractmethod
    def bytes_per_member(self, batch_size: int) -> int:
        """An estimate of the device memory that one member takes in training, in bytes."""
