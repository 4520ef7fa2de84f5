"""Specs as users write them, variants with one field changed, and the message where one is refused."""

import copy

import pytest

from tuner.errors import UserError
from tuner.spec.study import parse_spec

GOOD = {
    "name": "small",
    "task": "sbn",
    "dataset": "digits",
    "search": {"strategy": "grid", "tau_f": [0.0, 0.5, 1.0], "tau_b": [0.5, 1.0]},
    "epochs": 2,
    "confirm_seeds": 0,
    "extend": False,
    "refine": False,
}
TINY = {  # a search, a confirmation and all baselines, in seconds of training
    "name": "tiny",
    "task": "sbn",
    "dataset": "digits",
    "search": {"strategy": "grid", "tau_f": [0.0, 0.5], "tau_b": [0.5, 1.0]},
    "seeds": 2,
    "epochs": 4,
    "batch_size": 64,
    "baselines": ["identity", "softmax", "gumbel"],
    "confirm_seeds": 3,
    "options": {"units": [32, 32]},
}
SEQUENTIAL = {"strategy": "sequential", "tau_f": [0.0, 0.5, 1.0], "tau_b": [0.5, 1.0, 2.0]}
BETWEEN = {"strategy": "tpe", "tau_f": {"low": 0, "high": 1}, "tau_b": {"low": 0.1, "high": 2}, "trials": 25}


def changed(field, value, whole=GOOD):
    """A copy of a spec with another value at a dotted path."""
    spec = copy.deepcopy(whole)
    *folders, last = field.split(".")
    inner = spec
    for folder in folders:
        inner = inner[folder]
    inner[last] = value
    return spec


def span(low, high, step):
    return {"low": low, "high": high, "step": step}


def refusal(spec):
    with pytest.raises(UserError) as error:
        parse_spec(spec)
    return str(error.value)
