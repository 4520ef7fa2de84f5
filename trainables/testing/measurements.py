"""Checks of what a task measures, and of what it says of itself."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from trainables.estimators import ESTIMATORS
from trainables.metrics import ENGINE, Metrics
from trainables.tasks.base import DRAWS, Members, Objective, Task
from trainables.testing.subject import (
    BY_ESTIMATOR,
    CHECKS,
    DECOUPLED,
    SAME_VALUE,
    Subject,
    Values,
    check,
    generator,
    identical,
    state,
)

# --- evaluation ---


def _measured(subject: Subject, split: str) -> None:
    models, loss = subject.trained(subject.everyone(), [0, 7, 3], steps=5)
    metrics = models.evaluate(split)
    name = subject.task_type.objective.name
    assert name in metrics, f"the objective {name} is not among the metrics {', '.join(metrics)}"
    for metric, value in (metrics | {"train_loss": loss}).items():
        assert value.shape == (3, len(subject.everyone())), (
            f"{metric} must be [S, T], got {list(value.shape)}"
        )
        assert value.is_floating_point(), f"{metric} must be of floating point, got {value.dtype}"
        assert bool(value.isfinite().all()), f"{metric} is not finite"


for _split in ("validation", "test"):
    CHECKS[f"every member has every metric on {_split}"] = partial(_measured, split=_split)


@check("the objective gets better in training")
def _learns(subject: Subject) -> None:
    models = subject.population([DECOUPLED], [0, 7])
    objective = subject.task_type.objective
    before = models.evaluate()[objective.name]
    models.train(6 * models.steps_per_epoch)
    after = models.evaluate()[objective.name]
    gain = after - before if objective.direction == "maximize" else before - after
    assert bool((gain > 0).all()), f"{objective.name} was {before.tolist()}, and is {after.tolist()}"


@check("evaluation is repeatable and leaves training as it would have been")
def _harmless(subject: Subject) -> None:
    evaluated, _ = subject.trained(subject.everyone(), [0, 7], steps=6)
    first = evaluated.evaluate()
    evaluated.evaluate("test")
    evaluated.steps += 5  # its noise is the same at every interval
    assert identical(evaluated.evaluate(), first), "a second evaluation differs"
    evaluated.steps -= 5
    evaluated.train(6)
    undisturbed, _ = subject.trained(subject.everyone(), [0, 7], steps=12)
    assert identical(state(evaluated), state(undisturbed)), "evaluation changed the training"


@check("losses of examples average to the objective")
def _averaged(subject: Subject) -> None:
    models, _ = subject.trained(subject.everyone(), [0, 7], steps=5, dtype=torch.float64)
    split = subject.dataset.test
    losses = subject.task.example_losses(state(models), split, models.members)
    if losses is None:
        return  # the task does not tell
    assert losses.shape == (2, len(subject.everyone()), len(split)), f"they are {list(losses.shape)}"
    objective = subject.task.evaluate(state(models), split, models.members)[subject.task_type.objective.name]
    torch.testing.assert_close(losses.mean(-1), objective, rtol=1e-9, atol=0)


@check("seeds are evaluated with the same noise")
def _same_noise(subject: Subject) -> None:
    models, _ = subject.trained(subject.everyone(), [5], steps=5, dtype=torch.float64)
    coefficients = [ESTIMATORS[c.estimator].coefficients(c.tau_f, c.tau_b) for c in models.configurations]

    def repeated(tensors: Values) -> Values:
        return {name: value.repeat(2, *[1] * (value.ndim - 1)) for name, value in tensors.items()}

    twice = Members(
        coefficients,
        repeated(models.members.constants),
        torch.float64,
        subject.device,
        accelerator=models.members.accelerator,
    )
    relative = SAME_VALUE[subject.on_gpu]
    for value in subject.task.evaluate(repeated(state(models)), subject.dataset.validation, twice).values():
        torch.testing.assert_close(value[0], value[1], rtol=relative, atol=0)


@check("artifacts are files that do not depend on the population")
def _files(subject: Subject) -> None:
    models, _ = subject.trained(subject.everyone(), [0, 7], steps=5)
    for t in (0, 3, len(subject.everyone()) - 1):
        files = models.artifacts(0, t)
        assert models.select([t]).artifacts(0, 0) == models.select([2, t]).artifacts(0, 1) == files
        for name, content in files.items():
            assert Path(name).name == name, f"{name!r} is no name of a file"
            assert isinstance(content, bytes), f"{name} must be bytes"
            assert content, f"{name} is empty"


@check("a diverged member has artifacts without an error")
def _files_of_nan(subject: Subject) -> None:
    models = subject.population([DECOUPLED], [0])
    for p in models.parameters.values():
        p.data.fill_(torch.nan)
    healthy = subject.population([DECOUPLED], [0])
    assert models.artifacts(0, 0).keys() == healthy.artifacts(0, 0).keys()


@check("gradients are measured of every member")
def _diagnosed(subject: Subject) -> None:
    models, _ = subject.trained(subject.everyone(), [0, 7], steps=3)
    before = state(models)
    norms = models.diagnose(3)["grad_norm"]
    assert bool(norms.isfinite().all()), f"norms are {norms.tolist()}"
    assert identical(state(models), before), "measuring changed the members"


# --- what the engine asks of a task before it trains ---


@check("a task names what a study chooses from")
def _well_described(subject: Subject) -> None:
    cls = subject.task_type
    assert issubclass(cls, Task)
    assert isinstance(cls.datasets, tuple), "datasets must be a tuple of names"
    assert isinstance(cls.objective, Objective), "objective must be an Objective"
    assert {"decoupled", "softmax"} <= {*cls.estimators} <= ESTIMATORS.keys(), (
        f"estimators are {cls.estimators}"
    )
    declared = {
        metric.name for metric in Metrics(cls.metrics, cls.collapsed).declared
    }  # raises what contradicts
    measured = subject.population([DECOUPLED], [0]).evaluate()
    wrong = declared - {*measured, *(metric.name for metric in ENGINE)}
    assert not wrong, f"metrics declares {', '.join(sorted(wrong))}, which evaluate does not return"
    said = _refusal(lambda: cls.options_type.parse({"no such option": 1}))
    assert said is not None, "an unknown option must be a ValueError"
    assert said.startswith("no such option: "), f"the error must begin with the field, and is {said!r}"


@check("an estimator that the task does not list is refused")
def _refused(subject: Subject) -> None:
    for name in ESTIMATORS.keys() - {*subject.task_type.estimators}:
        configurations = [DECOUPLED, BY_ESTIMATOR[name]]
        said = _refusal(lambda: subject.population(configurations, [0]))  # noqa: B023  # called at once
        assert said is not None, f"{name} is not among the task's estimators, and was accepted"


def _refusal(call: Callable[[], object]) -> str | None:
    """What is said against a call; None where it is accepted."""
    try:
        call()
    except ValueError as error:
        return str(error)
    return None


@check("a member takes memory for its parameters and more for a larger batch")
def _sized(subject: Subject) -> None:
    small, large = (subject.task.bytes_per_member(batch) for batch in (1, 4096))
    assert type(small) is type(large) is int, f"bytes must be whole numbers, got {small!r} and {large!r}"
    assert large > small, f"got {small} bytes for a batch of 1, and {large} for a batch of 4096"
    model, buffers = subject.task.init(generator(0)), subject.task.buffers()
    count = sum(p.numel() for name, p in model.items() if name not in buffers)
    assert small >= 4 * 4 * count, "too little for parameters, gradients and two moments in float32"


@check("noise of further draws has the noise's names")
def _draws(subject: Subject) -> None:
    if "gumbel_rao" in subject.task_type.estimators:
        noise = subject.population([BY_ESTIMATOR["gumbel_rao"]], [0]).noise()
        names = {name for name in noise if not name.endswith(DRAWS)}
        assert {name + DRAWS for name in names} == noise.keys() - names
