"""A population of plain torch modules: any nn.Module with a loss, data and StraightThrough layers, as a task.

One module is built per seed, under that seed, and stacked with a copy per trial; every member has its own
estimator, temperatures and learning rate, and a seed's trials share initial weights, batches and noise, as
those of a built-in task do. What vmap can do is stacked, the rest is trained member by member with the same
numbers (trainables/stacking.py); the log says which layer made it so, and why.

    class Autoencoder(nn.Module):
        def __init__(self, width: int = 64): ...
        def forward(self, x): ...                # with a StraightThrough layer inside

    Task = ModuleTask.from_module(Autoencoder, loss=lambda output, x: F.mse_loss(output, x), data=x)
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from trainables.data import OWN_DATA, Batch, Dataset, Split, dataset_names
from trainables.data.arrays import Examples, Share
from trainables.estimators import ESTIMATORS
from trainables.member_model import OWN, Loss, Target
from trainables.module_checks import ModuleChecks, attributes
from trainables.module_recipe import ModuleOptions, ModuleRecipe, Stack, own_data
from trainables.nn import StraightThrough
from trainables.randomness import Stream, seeded
from trainables.stacking import Member, Mode, Values, all_members
from trainables.tasks.base import DRAWS, Members, Noise, NoiseShapes, Objective, Options, Parameters, Task

_log = logging.getLogger(__name__)


class ModuleTask(Task):
    """A module as a task. Its classes are made by `from_module`.

    Metrics of `evaluate`, each [S, T], all of the module after `.eval()`:
        val_loss: the loss with samples as in training, averaged over passes with other noise; the objective
            unless from_module was told another.
        val_loss_argmax: the loss with every sample at its most probable value.
        val_<name>, val_<name>_argmax: likewise for every metric that from_module was given.
    """

    recipe: ClassVar[ModuleRecipe]
    estimators: ClassVar[tuple[str, ...]] = tuple(ESTIMATORS)

    @classmethod
    def from_module(
        cls,
        factory: Any,
        *,
        loss: Loss,
        metrics: Mapping[str, Loss] | None = None,
        target: Target = "labels",
        data: Examples | Dataset | Any = None,
        validation: Share = 0.1,
        test: Share = 0.1,
        objective: str = "val_loss",
        maximize: Sequence[str] = (),
        units: Mapping[str, str] | None = None,
        stack: Stack = "auto",
        samples: int = 4,
        chunk: int = 250,
        logit_parameters: tuple[str, ...] = (),
    ) -> "type[ModuleTask]":
        """The task of a module.

        Args:
            factory: an nn.Module class, or a function that returns a module. What its keywords are is what
                a study may set under `options`; one called `dataset` receives the Dataset.
            loss: (what forward returns, target) -> scalar, the mean over the batch. It is such a function
                as torch.nn.functional.cross_entropy.
            metrics: further functions like the loss, by name. The smaller a value the better, as of a loss.
            target: what loss and metrics compare the output with: "labels", or "inputs" for an autoencoder.
                Where the data has no labels it is the inputs.
            data: a Dataset, or what trainables.data.arrays.from_examples takes: (x, y), x, {name: array}, a
                map-style torch Dataset; or a function without arguments that returns one of these. None:
                the study names a dataset.
            validation, test: shares of the data, or examples like it. A Dataset is split already.
            objective: the metric by which configurations are selected, see the class docstring.
            maximize: names of those metrics whose larger values are the better ones: accuracy.
            units: of the loss and of metrics, for tables and figures: {"loss": "nats", "accuracy": "%"}.
            stack: "vmap", "loop", or "auto", which is vmap wherever that works.
            samples: sampled passes of an evaluation.
            chunk: examples per forward pass of an evaluation. Metrics are averaged over chunks by their
                sizes.
            logit_parameters: names of parameters that scale the logits and nothing else, for the rescaling
                control.

        Raises:
            ValueError: a keyword of the factory has no default, or an argument is out of range.
        """
        recipe = ModuleRecipe(
            factory,
            loss,
            dict(metrics or {}),
            target,
            data,
            (validation, test),
            stack,
            samples,
            chunk,
            logit_parameters,
        )
        declared = recipe.declared_metrics(maximize, units or {})
        names = {metric.name: metric.direction for metric in declared}
        if objective not in names:
            raise ValueError(f"objective must be one of {', '.join(sorted(names))}. Got {objective!r}.")
        members = {
            "recipe": recipe,
            "datasets": (*([OWN_DATA] if data is not None else []), *dataset_names()),
            "objective": Objective(objective, names[objective] or "minimize"),
            "metrics": declared,
            "options_type": recipe.options_type(),
            "__doc__": f"{recipe.title} as a task, see ModuleTask.",
            "__module__": cls.__module__,
        }
        return type(recipe.title, (cls,), members)

    @classmethod
    def own_dataset(cls) -> Dataset | None:
        """The data that from_module was given; None where the study names a dataset.

        Raises:
            DataError: it cannot be used.
        """
        return own_data(cls.recipe)

    def __init__(self, dataset: Dataset, options: Options) -> None:
        self._options = cast(ModuleOptions, options)
        self._dataset = dataset
        self._for_factory = self.recipe.data_of_factory(dataset)
        device = dataset.train.device
        recipe = self.recipe
        if len(dataset.train) < 2:
            raise ValueError(
                f"dataset {dataset.name} has {len(dataset.train)} training example; training needs at "
                f"least 2."
            )
        built = self._built(0)
        self._model = recipe.model(built, dataset)
        self._own = self._model.tensors()
        self._check_reproducible()
        checks = ModuleChecks(self._model, recipe.title, recipe.loss_name, dataset)
        before = attributes(built)
        checked = checks.run(self._options.stack)
        self._keeps_its_attributes = attributes(built) == before
        if device.type != "cpu":
            self._model.to(device)
            checked = checks.elsewhere(checked, self._options.stack)
        self.stack, self.stack_reason = checked.mode("training"), checked.obstacles["training"]
        self._evaluation_stack = checked.mode("evaluation")
        self._activation_bytes = checked.activation_bytes
        for phase, reason in checked.obstacles.items():
            asked_for = self._options.stack == "loop"
            if reason and not asked_for and (phase == "training" or not self.stack_reason):
                done = "trained" if phase == "training" else "evaluated"
                _log.warning("module %s is %s member by member: %s", recipe.title, done, reason)
        unknown = {*recipe.logit_parameters} - {*self._model.trained}
        if unknown:
            raise ValueError(
                f"module {recipe.title} has no parameter {sorted(unknown)[0]!r} to name among "
                f"logit_parameters; it has {', '.join(self._model.trained)}."
            )

    def init(self, generator: torch.Generator) -> Parameters:
        """Parameters and buffers of ONE module, built under a seed that the generator gives."""
        seed = int(torch.randint(2**62, (), generator=generator))
        tensors = self.recipe.model(self._built(seed), self._dataset).tensors()
        mine, its = ({name: t.shape for name, t in of.items()} for of in (self._own, tensors))
        if mine != its:
            raise ValueError(
                f"module {self.recipe.title} has other parameters under another seed; a population's "
                f"members must have the same shapes. Got {mine} and {its}."
            )
        return tensors

    def buffers(self) -> tuple[str, ...]:
        """Frozen parameters, and the module's buffers."""
        return (*self._model.frozen, *self._model.running)

    def logit_parameters(self) -> tuple[str, ...]:
        """Those that from_module was given."""
        return self.recipe.logit_parameters

    def noise(self, batch_size: int, generator: torch.Generator) -> Noise:
        """The noise of every site; of looped modules the number that sets torch's generator as well."""
        base, device = generator.initial_seed(), generator.device
        noise = self._model.noise(batch_size, base, device, training=True)
        return noise | self._own_noise(self.stack, base)

    def noise_shapes(self, batch_size: int) -> NoiseShapes | None:
        """As `noise`, of a module under vmap; a looped one may want what was not foreseen."""
        if self.stack == "loop":
            return None
        return {d.name: (d.kind, d.shape) for d in self._model.draws(batch_size, training=True)}

    @property
    def recordable(self) -> bool:
        """Not where forward changes attributes of the module, as a counter of its steps: a replay would not
        change them.
        """
        return self.stack == "vmap" and self._keeps_its_attributes

    def loss(
        self, parameters: Parameters, inputs: Batch, labels: Batch, noise: Noise, members: Members
    ) -> Tensor:
        """The loss of every member, [S, T]."""
        return self.step(parameters, inputs, labels, noise, members)[0]

    def step(
        self, parameters: Parameters, inputs: Batch, labels: Batch, noise: Noise, members: Members
    ) -> tuple[Tensor, Parameters]:
        """The loss of every member, [S, T], and its buffers after the forward pass."""
        model = self._model
        values, buffers = all_members(
            model.member(training=True),
            self.stack,
            parameters,
            *model.data(Split(inputs, labels), self._dtype(parameters), axes=2),
            {name: n[:, :, 0] if name.endswith(DRAWS) else n[:, 0] for name, n in noise.items()},
            members.runs,
        )
        return values["loss"], buffers

    @torch.no_grad()
    def evaluate(self, parameters: Parameters, split: Split, members: Members) -> dict[str, Tensor]:
        """The metrics of the class docstring, {name: [S, T]}."""
        model, recipe, dtype = self._model, self.recipe, self._dtype(parameters)
        member = model.member(training=False)
        sums: dict[str, Tensor] = {}
        for i, start in enumerate(range(0, len(split), recipe.chunk)):
            part = split.take(slice(start, start + recipe.chunk))
            inputs, labels = model.data(part, dtype)

            def values(noise: Noise | None, inputs: Batch = inputs, labels: Batch = labels) -> Values:
                return all_members(
                    member,
                    self._evaluation_stack,
                    parameters,
                    inputs,
                    labels,
                    noise,
                    members.runs,
                    shared=True,
                )[0]

            found = {f"val_{name}_argmax": value for name, value in values(None).items()}
            for noise in self._evaluation_noises(part, i, dtype):
                for name, value in values(noise).items():
                    found[f"val_{name}"] = value / recipe.samples + found.get(f"val_{name}", 0)
            share = len(part) / len(split)
            sums = {name: value * share + sums.get(name, 0) for name, value in found.items()}
        return sums

    @torch.no_grad()
    def example_losses(self, parameters: Parameters, split: Split, members: Members) -> Tensor | None:
        """The objective on each example, as the function that gives it has it of a batch of one, [S, T, N].

        None, which the log explains, where that function is no mean over examples (one that weighs them is
        none), or where torch.func.vmap cannot call it.
        """
        model, dtype = self._model, self._dtype(parameters)
        name = self.objective.name.removeprefix("val_").removesuffix("_argmax")
        sampled = not self.objective.name.endswith("_argmax")
        whole, each = (model.member(training=False, by_example=of) for of in ("", name))
        found = []
        for i, start in enumerate(range(0, len(split), self.recipe.chunk)):
            part = split.take(slice(start, start + self.recipe.chunk))
            data = model.data(part, dtype)

            def values(member: Member, noise: Noise | None, data: tuple[Batch, Batch] = data) -> Tensor:
                runs = members.runs  # looped over: of_each_example is a vmap already
                return all_members(member, "loop", parameters, *data, noise, runs, shared=True)[0][name]

            noises = [*self._evaluation_noises(part, i, dtype)] if sampled else [None]
            try:
                mine = [values(each, noise) for noise in noises]
            except (RuntimeError, ValueError) as error:
                _log.info("%s tells no losses of examples: %s", self.recipe.title, error)
                return None
            if not i and not _is_mean(mine[0], values(whole, noises[0])):
                _log.info("%s tells no losses of examples: %s is no mean over them", self.recipe.title, name)
                return None
            found.append(torch.stack(mine).mean(0))
        return torch.cat(found, dim=2)

    def bytes_per_member(self, batch_size: int) -> int:
        """Parameters, gradients and two moments, buffers, and what a step keeps for its backward pass.

        An evaluation keeps nothing for such a pass, and is taken for half as large.
        """
        trained = sum(self._own[name].numel() for name in self._model.trained)
        buffers = sum(self._own[name].nbytes for name in self.buffers())
        return 4 * 4 * trained + buffers + self._activation_bytes * max(batch_size, self.recipe.chunk // 2)

    def module(
        self, parameters: Parameters, estimator: str, tau_f: float | None, tau_b: float | None
    ) -> nn.Module:
        """One trained member as an ordinary module on the CPU, its layers set to its estimator and
        temperatures.

        parameters: {name: [1, 1, ...]}, or {name: [...]}, buffers included; on any device.
        """
        return self.trained(self._options, self._for_factory, parameters, estimator, tau_f, tau_b)

    @classmethod
    def trained(
        cls,
        options: Options,
        dataset: Dataset | None,
        parameters: Parameters,
        estimator: str,
        tau_f: float | None,
        tau_b: float | None,
    ) -> nn.Module:
        """A module with some options and the parameters of a trained member, as `module` makes it."""
        with torch.random.fork_rng([]):
            module = cls.recipe.build(cast(ModuleOptions, options), dataset)
        own = dict(module.named_parameters()) | dict(module.named_buffers())
        with torch.no_grad():
            for name, tensor in own.items():
                tensor.copy_(parameters[name].view(tensor.shape))
        for layer in module.modules():
            if isinstance(layer, StraightThrough):
                layer.set(estimator, tau_f, tau_b)
        return module.eval()

    def _built(self, seed: int) -> nn.Module:
        """A module whose initial weights are a function of the seed."""
        with seeded(seed, self._dataset.train.device):
            return self.recipe.build(self._options, self._for_factory)

    def _check_reproducible(self) -> None:
        again = self.recipe.model(self._built(0), self._dataset).tensors()
        for name, tensor in self._own.items():
            if name in self._model.trained and again[name].data_ptr() == tensor.data_ptr() != 0:
                raise ValueError(
                    f"module {self.recipe.title} shares its parameter {name} with the next module that is "
                    "built, and every seed has a module of its own; make the parameter where the module is "
                    "made, or a clone of it."
                )
            if again[name].shape != tensor.shape or not torch.equal(again[name], tensor):
                raise ValueError(
                    f"module {self.recipe.title} is built with another {name} under the same seed, so "
                    "that its trials cannot begin alike; draw initial weights with torch's generator "
                    "only."
                )

    def _evaluation_noises(self, part: Split, chunk: int, dtype: torch.dtype) -> Iterator[Noise]:
        """The noise of each sampled pass over a chunk of examples."""
        stream = Stream(part.noise_seed, "evaluation noise")  # only its generators' seeds are used
        for k in range(self.recipe.samples):
            base = stream.at(chunk * self.recipe.samples + k).initial_seed()
            drawn = self._model.noise(len(part), base, part.device, training=False)
            noise = {name: n.to(dtype) for name, n in drawn.items()}
            yield noise | self._own_noise(self._evaluation_stack, base)

    def _own_noise(self, stack: Mode, base: int) -> Noise:
        """What a looped module draws further is a function of this number."""
        return {OWN: torch.tensor(base)} if stack == "loop" else {}

    def _dtype(self, parameters: Parameters) -> torch.dtype:
        return parameters[self._model.trained[0]].dtype


def _is_mean(of_examples: Tensor, of_batch: Tensor) -> bool:
    """Whether the mean of [S, T, N] is [S, T], up to rounding, for every member that has not diverged."""
    finite = of_batch.isfinite()
    mean = of_examples.mean(-1)
    return torch.allclose(mean[finite], of_batch[finite], rtol=1e-3, atol=1e-6)
