"""The field `optimizer`: what it may be, what is said of what it may not, and what the training gets."""

import json

import pytest

from tests.support.specs import GOOD, refusal
from trainables.optim import Optimizer
from tuner.spec.study import parse_spec

FULL = {"weight_decay": 0.1, "betas": [0.8, 0.9], "clip_norm": 1.0, "schedule": "cosine", "warmup": 0.2}


def test_its_settings_are_the_trainings():
    spec = parse_spec(GOOD | {"optimizer": FULL})
    assert Optimizer.of(spec.optimizer.settings) == Optimizer(0.1, (0.8, 0.9), 1.0, "cosine", 0.2)
    assert Optimizer.of(parse_spec(GOOD | {"optimizer": {}}).optimizer.settings) == Optimizer()
    assert parse_spec(json.loads(spec.model_dump_json())) == spec
    assert parse_spec(GOOD).optimizer is None


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("weight_decay", -1, "must be greater than or equal to 0"),
        ("weight_decay", True, "must be a number"),
        ("clip_norm", 0, "must be greater than 0"),
        ("schedule", "step", "must be 'constant', 'cosine' or 'linear', got 'step'"),
        ("warmup", 1, "must be less than 1"),
        ("momentum", 0.9, "is not a field"),
    ],
)
def test_a_wrong_value_is_refused_by_name(field, value, said):
    message = refusal(GOOD | {"optimizer": {field: value}})
    assert message.startswith(f"the spec is not valid: optimizer.{field}: ")
    assert said in message


@pytest.mark.parametrize("betas", [[0.9], [0.9, 1.0], 0.9])
def test_betas_are_two_numbers(betas):
    assert refusal(GOOD | {"optimizer": {"betas": betas}}).startswith(
        "the spec is not valid: optimizer.betas"
    )


def test_the_control_and_clipping_exclude_each_other():
    message = refusal(GOOD | {"control": "rescaled", "optimizer": {"clip_norm": 1.0}})
    assert message.startswith("the spec is not valid: optimizer.clip_norm: must be left out with control")
