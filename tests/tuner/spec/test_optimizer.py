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


# --- lists, which are searched ---

LISTS = {"weight_decay": [0, 0.1], "betas": [[0.9, 0.999], [0.5, 0.9]], "clip_norm": [None, 1], "warmup": 0.1}


def test_a_list_is_searched_in_every_combination():
    optimizer = parse_spec(GOOD | {"optimizer": LISTS}).optimizer
    assert optimizer.searched == {
        "weight_decay": [0.0, 0.1],
        "betas": [(0.9, 0.999), (0.5, 0.9)],
        "clip_norm": [None, 1.0],
    }
    assert len(optimizer.choices) == 8
    assert optimizer.choices[0] == {"weight_decay": 0.0, "betas": (0.9, 0.999), "clip_norm": None}
    assert optimizer.settings == {"schedule": "constant", "warmup": 0.1}
    assert all(Optimizer.of(optimizer.settings | choice) for choice in optimizer.choices)


def test_a_list_of_one_is_that_value():
    one = {"weight_decay": [0.1], "betas": [[0.8, 0.9]], "clip_norm": [1.0], "warmup": [0.2]}
    spec = parse_spec(GOOD | {"optimizer": one | {"schedule": "cosine"}})
    assert spec == parse_spec(GOOD | {"optimizer": FULL})
    assert spec.optimizer.choices == [{}]


def test_a_spec_with_lists_is_read_back_from_its_json():
    spec = parse_spec(GOOD | {"optimizer": LISTS})
    assert parse_spec(json.loads(spec.model_dump_json())) == spec


@pytest.mark.parametrize("search", ["grid", "sequential", "halving", "tpe", "pbt"])
def test_every_pair_counts_once_for_each_combination(search):
    fields = {"strategy": search, "tau_f": [0.0, 0.5, 1.0], "tau_b": [0.5, 1.0]}
    if search in ("tpe", "pbt"):
        bounds = {"tau_f": {"low": 0.0, "high": 1.0}, "tau_b": {"low": 0.1, "high": 1.0}}
        fields = {"strategy": search, **bounds, "trials": 16}
    given = GOOD | {"search": fields, "baselines": ["identity", "gumbel"], "epochs": 20}
    plain = parse_spec(given | {"learning_rates": [0.1, 0.01, 0.001, 0.0001]})
    listed = {"weight_decay": [0, 0.1], "clip_norm": [None, 1]}
    searched = parse_spec(given | {"learning_rates": 0.1, "optimizer": listed})
    for name in ("trials_total", "planned_trials", "planned_members", "planned_trainings", "most_trials"):
        assert getattr(searched, name) == getattr(plain, name), name
    assert searched.trials_of("baseline") == plain.trials_of("baseline")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("weight_decay", [], "must have from 1 to 100 values"),
        ("weight_decay", [0.1, 0.1], "must not name a value twice"),
        ("clip_norm", [1.0, 0], "must be greater than 0"),
        ("warmup", [0.1] * 101, "must have from 1 to 100 values"),
        ("schedule", ["cosine", "linear"], "must be 'constant', 'cosine' or 'linear'"),
        ("betas", [[0.9, 0.999], [0.9, 1.0]], "must be less than 1"),
    ],
)
def test_a_wrong_list_is_refused_by_name(field, value, said):
    message = refusal(GOOD | {"optimizer": {field: value}})
    assert message.startswith(f"the spec is not valid: optimizer.{field}")
    assert said in message


def test_combinations_are_bounded():
    many = {name: [i / 100 for i in range(1, 12)] for name in ("weight_decay", "clip_norm", "warmup")}
    assert "optimizer: its lists must have at most 1000 combinations, got 1331" in refusal(
        GOOD | {"optimizer": many}
    )


def test_the_control_excludes_clipping_of_some_trials_too():
    message = refusal(GOOD | {"control": "rescaled", "optimizer": {"clip_norm": [None, 1.0]}})
    assert message.startswith("the spec is not valid: optimizer.clip_norm: must be left out with control")
