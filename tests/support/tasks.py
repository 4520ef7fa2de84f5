"""The built-in tasks and the example of a user's own task, small, on some digits."""

from dataclasses import replace
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location

import torch

from tests.support.paths import EXAMPLE_TASK
from trainables.data import load
from trainables.population import Population
from trainables.tasks import is_built_in, task_names, task_type
from trainables.testing.subject import BATCH, BY_ESTIMATOR, SILENT, STEPS

EXAMPLE = EXAMPLE_TASK / "codebook_task.py"


def example_task():
    """The example's class, from its source: test_plugin.py installs it."""
    spec = spec_from_file_location("codebook_task", EXAMPLE)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Codebook


BUILT_IN = tuple(name for name in task_names() if is_built_in(name))
TASKS = {name: task_type(name) for name in BUILT_IN} | {"codebook": example_task()}
OPTIONS = {  # that make each of them small
    "sbn": {"units": [16, 12]},
    "catae": {"hidden": [24], "latents": 3, "classes": 5, "kl_weight": 0.1},
    "dln": {"widths": [60, 50], "thresholds": [0.2, 0.5]},
    "codebook": {"vectors": 12},
}


@cache
def all_digits():
    return load("digits", "not used")


@cache
def digits():
    """A part of the digits; the test set is longer than what tasks evaluate at a time."""
    whole = all_digits()
    return replace(
        whole,
        train=whole.train.take(slice(320)),
        validation=whole.validation.take(slice(100)),
        test=whole.test.take(slice(300)),
    )


@cache
def task(name):
    cls = TASKS[name]
    return cls(digits(), cls.options_type.parse(OPTIONS[name]))


def population(name, configurations, seeds, *, dtype=torch.float32):
    return Population(task(name), digits(), configurations, seeds, batch_size=BATCH, dtype=dtype)


def trained(name, configurations, seeds, *, steps=STEPS, dtype=torch.float32):
    """A population after some steps, and its mean training loss over them, [S, T]."""
    models = population(name, configurations, seeds, dtype=dtype)
    return models, models.train(steps)


def training(models, steps):
    """The inputs, labels and noise of each training step of a population, which is not trained."""
    for models.steps in range(steps):
        yield *models.batch(), models.noise()


def all_of(name):
    """A configuration of every estimator that the task allows, and one more of the last that has no noise."""
    return [*(BY_ESTIMATOR[estimator] for estimator in TASKS[name].estimators), SILENT]


def parameters(models):
    return {name: p.detach().clone() for name, p in models.parameters.items()}


def generator(seed):
    return torch.Generator().manual_seed(seed)
