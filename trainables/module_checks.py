"""Checks of a module before it is trained: whether it can be trained at all, and whether under vmap.

One training step on a few examples finds what would otherwise fail, or be silently wrong, in the middle of a
study. Every error names the module, and the layer where that is known, and says what to do.

All checks run on the CPU, where torch tells which layer draws random numbers and where sums are reproducible;
on another device it is then only checked that the module works there too.
"""

import logging
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from trainables.data import Batch, Dataset, Split
from trainables.data.dataset import tensors
from trainables.estimators import ESTIMATORS
from trainables.layer_trace import LayerTrace
from trainables.member_model import OWN, MemberModel
from trainables.memory import is_out_of_memory
from trainables.module_advice import advice, as_scalar, described
from trainables.randomness import seeded
from trainables.site_gradients import Call, SiteCalls, is_given_probabilities, obstacles
from trainables.sites import Recorder
from trainables.stack_choice import StackChoice, one_line
from trainables.stacking import Mode
from trainables.tasks.base import Noise, Parameters

_EXAMPLES = 4  # of a pass, beside those with the extreme labels
_COMPARED = (bool, int, float, complex, str, bytes, list, tuple, dict, set, type(None))
Phase: TypeAlias = Literal["training", "evaluation"]
_CPU = torch.device("cpu")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Checked:
    """What the checks found out."""

    activation_bytes: int  # what a training step keeps of one example for its backward pass
    obstacles: dict[Phase, str]  # to vmap; empty where there is none

    def mode(self, phase: Phase) -> Mode:
        """How the members are trained or evaluated."""
        return "loop" if self.obstacles[phase] else "vmap"


class ModuleChecks:
    """The checks of one module on one dataset.

    Args:
        model: the module, on the CPU.
        title: what errors call it.
        loss_name: likewise for the loss.
        dataset: whose examples are used.
    """

    def __init__(self, model: MemberModel, title: str, loss_name: str, dataset: Dataset) -> None:
        self._model = model
        self._title = f"module {title}"
        self._loss = f"the loss {loss_name}"
        self._split = _probe(dataset)
        self._inputs, self._labels = model.data(self._split, torch.get_default_dtype())

    def run(self, stack: str) -> Checked:
        """All that are made on the CPU. `stack` is auto, vmap or loop.

        Raises:
            ValueError: the module cannot be trained, or not under vmap where that was asked for.
        """
        if not self._model.sites.names:
            raise ValueError(
                f"{self._title} has no StraightThrough layer, so there is nothing to tune; put "
                "trainables.nn.StraightThrough where it samples."
            )
        if not self._model.trained:
            raise ValueError(f"{self._title} has no parameter to train.")
        with torch.random.fork_rng([]):
            trace = LayerTrace(self._model.module)
            activation_bytes = self._trained(trace) // len(self._split)
            self._evaluated(trace)
            self._model.draws_itself = trace.drew is not None
            choice = StackChoice(self._model, self._split)
            obstacles: dict[Phase, str] = {"training": "stack is loop", "evaluation": "stack is loop"}
            if stack != "loop":
                obstacles = {
                    "training": choice.obstacle(trace, training=True),
                    "evaluation": choice.obstacle(trace, training=False),
                }
        self._check_stack(stack, obstacles)
        return Checked(activation_bytes, obstacles)

    def elsewhere(self, checked: Checked, stack: str) -> Checked:
        """What `run` has found, of a module that has been moved to another device since.

        Raises:
            ValueError: the module does not work there, or not under vmap where that was asked for.
        """
        split, obstacles = self._split.to(self._model.device), checked.obstacles
        with seeded(0, self._model.device):
            trace = LayerTrace(self._model.module)
            for training in (True, False):
                self._check_there(split, trace, training=training)
            choice = StackChoice(self._model, split)
            obstacles = {
                phase: found or choice.obstacle(trace, training=phase == "training")
                for phase, found in checked.obstacles.items()
            }
        self._check_stack(stack, obstacles)
        return Checked(checked.activation_bytes, obstacles)

    def _check_stack(self, stack: str, obstacles: dict[Phase, str]) -> None:
        if stack == "vmap" and obstacles["training"]:
            raise ValueError(
                f"{self._title} cannot be trained under vmap: {obstacles['training']}. Use stack='auto'."
            )

    def _check_there(self, split: Split, trace: LayerTrace, *, training: bool) -> None:
        """A training step, or an evaluation, on the device that the module is on."""
        model, device = self._model, self._model.device
        inputs, labels = model.data(split, torch.get_default_dtype())
        member, parameters = model.member(training=training), self._parameters()
        with trace, torch.set_grad_enabled(training):
            try:
                noise = model.noise(len(split), 0, device, training=training) | {OWN: torch.tensor(0)}
                values, _ = member.call(parameters, inputs, labels, noise, _coefficients())
                if training:
                    trained = [parameters[name] for name in model.trained]
                    torch.autograd.grad(values["loss"], trained, allow_unused=True)
            except Exception as error:
                if is_out_of_memory(error):
                    raise
                raise ValueError(
                    f"{self._title} works on the CPU, and not on {device}: "
                    f"{trace.layer or 'the loss, or a metric'}: {one_line(error)}. What forward or the loss "
                    "makes must be on the device of its inputs (torch.zeros(..., device=x.device)), and a "
                    "tensor that the module keeps must be a buffer (register_buffer), which is moved with it."
                ) from error

    def _trained(self, trace: LayerTrace) -> int:
        """Looks at the loss of one training step. Returns the bytes that it keeps for its backward pass."""
        before = [x.clone() for x in tensors(self._inputs)]
        noise = self._noise(trace, training=True)
        parameters = self._parameters()
        own = {t.untyped_storage().data_ptr() for t in (*parameters.values(), *tensors(self._inputs))}
        kept: dict[int, int] = {}

        def keep(x: Tensor) -> Tensor:
            storage = x.untyped_storage()
            if storage.data_ptr() not in own:
                kept[storage.data_ptr()] = storage.nbytes()
            return x

        with (
            torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x),
            SiteCalls(self._model.module) as calls,
        ):
            loss = self._called(parameters, noise, trace, training=True)["loss"]
        self._check_loss(loss)
        if any(not torch.equal(a, b) for a, b in zip(before, tensors(self._inputs), strict=True)):
            raise ValueError(
                f"{self._title} changes its inputs in place, and a seed's trials share them; let forward "
                "clone them first."
            )
        self._check_mean(loss, noise)
        self._check_sites(calls.made, loss)
        gradients = self._gradients(loss, parameters)
        again = self._parameters()
        second = self._called(again, noise, trace, training=True)["loss"]
        if trace.drew is None:
            self._check_repeated((loss, *gradients), (second, *self._gradients(second, again)))
        return sum(kept.values())

    def _check_mean(self, loss: Tensor, noise: Noise) -> None:
        """Warns of a loss that is the sum over the batch. A loss that vmap cannot call is not looked at."""
        member = self._model.member(training=True, by_example="loss")
        with torch.no_grad(), suppress(RuntimeError, ValueError, TypeError, LookupError):
            parameters = self._model.tensors()
            each = member.call(parameters, self._inputs, self._labels, noise, _coefficients())[0]["loss"]
            if torch.allclose(each.sum(), loss) and not torch.allclose(each.mean(), loss):
                _log.warning(
                    "%s: %s is the sum over a batch; return the mean, or what it says depends on the size of "
                    "batches.",
                    self._title,
                    self._loss,
                )

    def _check_sites(self, calls: Sequence[Call], loss: Tensor) -> None:
        """Whether the loss learns through the sampling layers; one of several that does is enough."""
        found = obstacles(self._model.sites.names, calls, loss)
        sentences = [f"{self._title}: its StraightThrough layer {site} {why}." for site, why in found.items()]
        if len(found) == len(self._model.sites.names):
            raise ValueError(sentences[0])
        for sentence in sentences:
            _log.warning(sentence)
        for site in {call.site: None for call in calls if is_given_probabilities(call)}:
            _log.warning(
                "%s: its StraightThrough layer %s is given probabilities, as of a softmax, and takes them "
                "for logits; give it what goes into the softmax, or their logarithm.",
                self._title,
                site,
            )

    def _gradients(self, loss: Tensor, parameters: Parameters) -> tuple[Tensor, ...]:
        """Those of the parameters that are trained and have one."""
        trained = [parameters[name] for name in self._model.trained]
        try:
            found = torch.autograd.grad(loss, trained, allow_unused=True)
        except Exception as error:
            raise ValueError(
                f"{self._title} and {self._loss} have no gradient: {one_line(error)}. Let forward make new "
                "tensors where it changes some in place."
            ) from error
        return tuple(gradient for gradient in found if gradient is not None)

    def _check_repeated(self, once: Sequence[Tensor], again: Sequence[Tensor]) -> None:
        """Whether a loss and its gradients come out as before."""
        if all(torch.equal(a, b) for a, b in zip(once, again, strict=True)):
            return
        losses = f"{once[0].item():.6g}, then {again[0].item():.6g}"
        what = "gradient" if torch.equal(once[0], again[0]) else "loss"
        raise ValueError(
            f"{self._title} gives another {what} for the same parameters, batch and noise (losses {losses}): "
            "it keeps something between calls, which belongs into a buffer (register_buffer), or draws "
            "random numbers that are not torch's; those of torch, torch.rand for one, its trials share."
        )

    def _evaluated(self, trace: LayerTrace) -> None:
        """Looks at loss and metrics in evaluation."""
        with torch.no_grad():
            noise = self._noise(trace, training=False)
            values = self._called(self._parameters(), noise, trace, training=False)
        for name, value in values.items():
            self._check_scalar(self._loss if name == "loss" else f"the metric {name}", value)

    def _parameters(self) -> Parameters:
        own = self._model.tensors()
        return {name: t.clone().requires_grad_(name in self._model.trained) for name, t in own.items()}

    def _noise(self, trace: LayerTrace, *, training: bool) -> Noise:
        """The noise of a pass; the first pass of all is made to know its shapes."""
        with trace:
            try:
                noise = self._model.noise(len(self._split), 0, _CPU, training=training)
            except Exception as error:
                raise ValueError(self._explained(error, trace)) from error
        return noise | {OWN: torch.tensor(0)}

    def _called(
        self, parameters: Parameters, noise: Noise, trace: LayerTrace, *, training: bool
    ) -> dict[str, Tensor]:
        """The values of one member; whatever goes wrong is told with the names of module, layer or loss."""
        member = self._model.member(training=training)
        with trace, warnings.catch_warnings():
            # torch's losses only warn where they broadcast the output against the target, and then they learn
            # something else.
            warnings.filterwarnings("error", ".*target size.*")
            try:
                values, _ = member.call(parameters, self._inputs, self._labels, noise, _coefficients())
            except Exception as error:
                raise ValueError(self._explained(error, trace)) from error
        return values

    def _explained(self, error: Exception, trace: LayerTrace) -> str:
        said = one_line(error)
        given = f"Its inputs were {described(self._inputs)}"
        if trace.layer:
            inside = "" if trace.layer == type(self._model.module).__name__ else self._given(trace)
            what_to_do = advice(said, self._model.tensors(), self._inputs)
            return f"{self._title} cannot be called: {trace.layer}: {said}. {given}{inside}.{what_to_do}"
        target = self._model.target(self._inputs, self._labels)
        with torch.no_grad():
            output, _ = self._model.forward(self._model.tensors(), self._inputs, Recorder())
        return (
            f"{self._title}: {self._loss}, or a metric, cannot be computed: {said}. {given}, forward "
            f"returned {described(output)}, and the target is {described(target)}. Make forward return "
            "what the loss expects, and let labels of classes count from 0 to one less than its scores."
        )

    def _given(self, trace: LayerTrace) -> str:
        """What the layer that failed was called with."""
        if not trace.given or described(trace.given) == described((self._inputs,)):
            return ""
        return f", and {trace.layer} was given {', '.join(map(described, trace.given))}"

    def _check_scalar(self, what: str, value: Any) -> None:
        if not isinstance(value, Tensor) or value.ndim or not value.is_floating_point():
            raise ValueError(
                f"{self._title}: {what} must return a scalar, the mean over the batch, as a "
                f"floating-point tensor. Got {described(value)}.{as_scalar(value)}"
            )

    def _check_loss(self, loss: Tensor) -> None:
        self._check_scalar(self._loss, loss)
        if not loss.requires_grad:
            raise ValueError(
                f"{self._title}: {self._loss} does not depend on the parameters; compute it from what "
                "forward returns, without detach() or no_grad()."
            )
        if not bool(loss.isfinite()):
            floats = [x for x in (*tensors(self._inputs), *tensors(self._labels)) if x.is_floating_point()]
            finite = all(bool(x.isfinite().all()) for x in floats)
            cause = "" if finite else "; the data has values that are NaN or infinite: clean it"
            raise ValueError(f"{self._title}: {self._loss} is {loss.item()} before any training{cause}.")


def _coefficients() -> Any:
    return ESTIMATORS["decoupled"].coefficients(0.5, 1.0)


def _probe(dataset: Dataset) -> Split:
    """A few training examples, and those with the extreme whole-number labels of all splits, on the CPU."""
    parts = [dataset.train.take(slice(_EXAMPLES))]
    for split in (dataset.train, dataset.validation, dataset.test):
        labels = split.labels
        if isinstance(labels, Tensor) and labels.ndim == 1 and not labels.is_floating_point() and len(labels):
            parts.append(split.take(torch.stack([labels.argmin(), labels.argmax()])))
    parts = [part.to("cpu") for part in parts]
    return Split(_concatenated([p.inputs for p in parts]), _concatenated([p.labels for p in parts]))


def _concatenated(batches: list[Batch]) -> Batch:
    if isinstance(batches[0], dict):
        return {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}
    return None if batches[0] is None else torch.cat(batches)


def attributes(module: nn.Module) -> dict[str, object]:
    """What a module and its layers hold beside tensors, layers and hooks, to be compared with later."""
    plain = {*vars(nn.Module())}
    return {
        f"{path}.{name}": repr(value) if isinstance(value, _COMPARED) else id(value)
        for path, layer in module.named_modules()
        for name, value in vars(layer).items()
        if name not in plain
    }
