"""Populations of plain modules for tests: their data, tasks and configurations."""

from functools import cache

import torch
import torch.nn.functional as F

from tests.support.module_models import Mixed, Recurrent, accuracy
from trainables.data.arrays import from_examples
from trainables.modules import ModuleTask
from trainables.population import Configuration, Population

BATCH = 16
LEARNING_RATE = 3e-3
EVERY = [  # estimators of all kinds, in an order that makes several runs
    Configuration("decoupled", 0.5, 1.0, LEARNING_RATE),
    Configuration("softmax", 0.8, 0.8, 1e-2),
    Configuration("gumbel", None, 0.7, LEARNING_RATE),
    Configuration("gumbel_rao", None, 0.6, LEARNING_RATE),
    Configuration("identity", None, None, 1e-3),
    Configuration("reinmax", None, 1.1, LEARNING_RATE),
    Configuration("gst", None, 0.9, 1e-2),
    Configuration("decoupled", 0.0, 0.3, LEARNING_RATE),
]
SOFT = Configuration("soft", None, None, LEARNING_RATE)


MODULES = {"mixed": Mixed, "recurrent": Recurrent}


@cache
def tabular():
    """90 examples of 6 features in 3 classes."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(90, 6, generator=generator)
    return from_examples((x, x[:, :3].argmax(1)), name="tabular")


def task_of(factory, *, dataset, loss=F.cross_entropy, options=None, **keywords):
    cls = ModuleTask.from_module(factory, loss=loss, **keywords)
    return cls(dataset, cls.options_type.parse(options or {}))


def population(task, configurations, seeds, *, dtype=torch.float64, dataset=None):
    data = tabular() if dataset is None else dataset
    return Population(task, data, configurations, seeds, batch_size=BATCH, dtype=dtype)


def everything(models):
    return {name: p.detach().clone() for name, p in (models.parameters | models.buffers).items()}


@cache
def module_task(name, stack="auto"):
    return task_of(MODULES[name], dataset=tabular(), stack=stack, metrics={"accuracy": accuracy})
