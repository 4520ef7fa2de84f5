"""What a task of a module is made of: its factory, its loss, its data, and the options of a study."""

import inspect
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, make_dataclass, replace
from functools import cache
from typing import Any, Literal, TypeAlias, cast

from torch import nn
from torch.nn.parameter import is_lazy

from trainables.data import Dataset
from trainables.data.arrays import Share, from_examples
from trainables.errors import OptionError
from trainables.member_model import Loss, MemberModel, Target
from trainables.memory import is_out_of_memory
from trainables.metrics import Direction, Metric, Panel, Side
from trainables.tasks.base import Options

Stack: TypeAlias = Literal["auto", "vmap", "loop"]
STACKS = ("auto", "vmap", "loop")
_DATASET = "dataset"  # the keyword of a factory that receives the Dataset


@dataclass(frozen=True)
class ModuleOptions(Options):
    """Options of a module's task: `stack`, and the keywords of its factory."""

    stack: str = "auto"

    def __post_init__(self) -> None:
        if self.stack not in STACKS:
            raise OptionError("stack", f"must be one of {', '.join(STACKS)}", repr(self.stack))
        for field in fields(self):
            value, default = getattr(self, field.name), field.default
            if default is not None and not _fits(value, default):
                raise OptionError(field.name, f"must be like its default, {default!r}", repr(value)[:80])


@dataclass(frozen=True, eq=False)
class ModuleRecipe:
    """The arguments of ModuleTask.from_module, which says what they are."""

    factory: Callable[..., nn.Module]
    loss: Loss
    metrics: Mapping[str, Loss]
    target: Target
    data: Any
    shares: tuple[Share, Share]  # of the data for validation and test
    stack: Stack
    samples: int
    chunk: int
    logit_parameters: tuple[str, ...]

    def __post_init__(self) -> None:
        if not callable(self.factory) or isinstance(self.factory, nn.Module):
            raise ValueError(  # noqa: TRY004  # one kind of error for a module that cannot be used
                "a module is given by its class, or by a function that builds it, because every seed "
                f"has its own; not by an instance. Got {type(self.factory).__name__}."
            )
        if self.stack not in STACKS:
            raise ValueError(f"stack must be one of {', '.join(STACKS)}. Got {self.stack!r}.")
        if self.target not in ("labels", "inputs"):
            raise ValueError(f"target must be labels or inputs. Got {self.target!r}.")
        for name in ("samples", "chunk"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more. Got {getattr(self, name)}.")
        for what, function in self._functions().items():
            _check_function(what, function)
        if "loss" in self.metrics:
            raise ValueError("a metric cannot be called 'loss', which is the loss itself; call it otherwise.")

    def __getstate__(self) -> dict[str, Any]:
        """Without the data, which goes to other processes as a Dataset beside the task."""
        return self.__dict__ | {"data": None}

    @property
    def title(self) -> str:
        """What the module is called."""
        return _name(self.factory)

    @property
    def loss_name(self) -> str:
        """What the loss is called."""
        return _name(self.loss)

    def _functions(self) -> dict[str, Loss]:
        """Loss and metrics, by what errors call them."""
        return {"loss": self.loss} | {f"metric {name}": metric for name, metric in self.metrics.items()}

    def options_type(self) -> type[ModuleOptions]:
        """The factory's keywords with plain defaults, as options of a study."""
        keywords: list[tuple[str, Any, Any]] = [("stack", str, self.stack)]
        for parameter in inspect.signature(self.factory).parameters.values():
            if parameter.name == _DATASET or parameter.kind in (
                parameter.VAR_POSITIONAL,
                parameter.VAR_KEYWORD,
            ):
                continue
            if parameter.default is parameter.empty or parameter.kind is parameter.POSITIONAL_ONLY:
                raise ValueError(
                    f"module {self.title}: its parameter {parameter.name!r} has no default; give it one, "
                    f"or give a function that builds the module. (One called {_DATASET!r} receives the "
                    "Dataset.)"
                )
            if parameter.name == "stack":
                raise ValueError(f"module {self.title}: 'stack' is an option of its task; call it otherwise.")
            default = tuple(parameter.default) if isinstance(parameter.default, list) else parameter.default
            if _is_plain(default):  # others, a class of activations for one, cannot be named in a spec
                keywords.append((parameter.name, Any, default))
        return make_dataclass(f"{self.title}Options", keywords, bases=(ModuleOptions,), frozen=True)

    def declared_metrics(self, maximize: Sequence[str], units: Mapping[str, str]) -> tuple[Metric, ...]:
        """The metrics of `evaluate` for readers; the first that was given stands beside the loss.

        Raises:
            ValueError: `maximize` or `units` names a metric that is not there.
        """
        names = ("loss", *self.metrics)
        for argument, given, known in (("maximize", maximize, names[1:]), ("units", units, names)):
            if unknown := set(given) - set(known):
                raise ValueError(
                    f"{argument} must name metrics, which are {', '.join(known) or 'none'}. Got "
                    f"{min(unknown)!r}."
                )
        declared = []
        for name in names:
            direction: Direction = "maximize" if name in maximize else "minimize"
            label, unit = f"validation {name.replace('_', ' ')}", units.get(name, "")
            declared += [
                Metric(f"val_{name}", label, unit, direction, second_verdict=name != "loss"),
                Metric(f"val_{name}_argmax", f"{label}, argmax", unit, direction),
            ]
        beside = 2 if self.metrics else 1
        for place, side in ((0, "left"), (beside, "right")):
            declared[place] = replace(declared[place], panel=Panel(cast(Side, side)))
        return tuple(declared)

    def data_of_factory(self, dataset: Dataset) -> Dataset | None:
        """What the factory receives as `dataset`: the dataset on the CPU, where modules are built; None where
        it takes none.
        """
        if _DATASET not in inspect.signature(self.factory).parameters:
            return None
        return dataset if dataset.train.device.type == "cpu" else dataset.to("cpu")

    def build(self, options: ModuleOptions, dataset: Dataset | None) -> nn.Module:
        """A module with some options, on the CPU. The dataset is for a factory that takes one."""
        given = {f.name: getattr(options, f.name) for f in fields(options) if f.name != "stack"}
        if _DATASET in inspect.signature(self.factory).parameters:
            given[_DATASET] = dataset
        try:
            module = self.factory(**given)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            said = " ".join(str(error).split())
            raise ValueError(
                f"module {self.title} cannot be built: {type(error).__name__}: {said}"
            ) from error
        if not isinstance(module, nn.Module):
            raise ValueError(  # noqa: TRY004  # as above
                f"{self.title} must return a torch.nn.Module. Got {type(module).__name__}."
            )
        self._check_sizes(module)
        try:
            return module.to("cpu")  # where its maker has put some of it on a GPU: the population moves it
        except NotImplementedError as error:
            tensors = (*module.named_parameters(), *module.named_buffers())
            lacking = [name for name, tensor in tensors if tensor.is_meta]
            raise ValueError(
                f"module {self.title}: its {lacking[0]} is on the device 'meta' and has no values; build the "
                "module without a device."
            ) from error

    def _check_sizes(self, module: nn.Module) -> None:
        for name, tensor in (*module.named_parameters(), *module.named_buffers()):
            if is_lazy(tensor):
                raise ValueError(
                    f"module {self.title}: the size of its {name} is known only after a first call; use "
                    "layers whose sizes are given (nn.Linear, not nn.LazyLinear). A parameter called "
                    f"{_DATASET!r} receives the Dataset, with the shape of its inputs."
                )

    def model(self, module: nn.Module, dataset: Dataset) -> MemberModel:
        """A module that was built for this purpose, with its loss and metrics."""
        try:
            return MemberModel(module, self.loss, self.metrics, dataset, self.target)
        except ValueError as error:
            raise ValueError(f"module {self.title}: {error}") from error

    def check_picklable(self, dumps: Callable[[Any], bytes] = pickle.dumps) -> None:
        """Looks whether the module can be sent to another process, by Python's pickle or by a better one.

        Raises:
            ValueError: it cannot; says which part, and what to do.
        """
        parts = {"module": self.factory} | self._functions()
        for what, part in parts.items():
            try:
                dumps(part)
            except (pickle.PicklingError, AttributeError, TypeError, RuntimeError, ValueError) as error:
                advice = (
                    "define it with `class` or `def` at the top of a file, not inside a function and not as "
                    "a lambda"
                    if dumps is pickle.dumps
                    else "let it make what cannot be sent (an open file, a lock, a generator) when it is "
                    "called"
                )
                said = " ".join(str(error).split())
                raise ValueError(
                    f"the {what} {_name(part)} cannot be sent to another machine ({said}); {advice}."
                ) from error


@cache
def own_data(recipe: ModuleRecipe) -> Dataset | None:
    """The recipe's data as a Dataset."""
    data = recipe.data
    if callable(data) and not hasattr(data, "__getitem__"):
        data = data()
    if data is None or isinstance(data, Dataset):
        return data
    validation, test = recipe.shares
    return from_examples(data, validation=validation, test=test, name=recipe.title)


def _fits(value: Any, default: Any) -> bool:
    """Whether an option's value is of its default's kind; a whole number is a number too."""
    if isinstance(default, bool) or isinstance(value, bool):
        return type(value) is type(default)
    if isinstance(default, float):
        return isinstance(value, int | float)
    return isinstance(value, type(default))


def _check_function(what: str, function: Any) -> None:
    """Raises ValueError for a loss or metric that is not a function, or that has parameters to be trained."""
    asked = f"the {what} must be a function (output, target) -> scalar"
    if isinstance(function, type):
        raise ValueError(  # noqa: TRY004  # one kind of error for a module that cannot be used
            f"{asked}. Got the class {function.__name__}; an instance, {function.__name__}(), is one."
        )
    if not callable(function):
        raise ValueError(f"{asked}. Got {function!r}.")  # noqa: TRY004  # as above
    if isinstance(function, nn.Module) and any(p.requires_grad for p in function.parameters()):
        raise ValueError(
            f"the {what} {_name(function)} has parameters, which would not be trained; put them into the "
            "module, and let its forward return what the loss needs."
        )


def _is_plain(value: Any) -> bool:
    """Whether a default can stand in a spec."""
    if isinstance(value, tuple):
        return all(_is_plain(x) for x in value)
    return value is None or isinstance(value, str | int | float)


def _name(callable_: Any) -> str:
    return getattr(callable_, "__name__", None) or type(callable_).__name__
