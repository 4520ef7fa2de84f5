"""The JSON Schema of a spec accepts and refuses what the models do, and describes every field."""

import jsonschema
import pytest
import yaml

from tests.support.specs import TINY
from tuner.errors import SpecError, UserError
from tuner.spec.schema import describe_fields, explain, spec_schema
from tuner.spec.search import SEARCHES, BoundedSearch, ListedSearch
from tuner.spec.study import PRESETS, StudySpec, parse_spec, preset_names

GRID = TINY["search"]


@pytest.fixture(scope="module")
def validator():
    schema = spec_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def fields_of(schema):
    """Every (name, schema) of a field, at any depth."""
    if isinstance(schema, list):
        for part in schema:
            yield from fields_of(part)
    elif isinstance(schema, dict):
        for key, part in schema.items():
            if key == "properties" and "if" not in schema and "const" not in str(part.get("task", {})):
                yield from part.items()
            yield from fields_of(part)


def test_every_field_has_a_description(validator):
    schema = {key: part for key, part in validator.schema.items() if key != "allOf"}
    options = [case["then"]["properties"]["options"] for case in validator.schema["allOf"]]
    found = [*fields_of(schema), *fields_of(options)]
    assert {"name", "strategy", "tau_b_start", "rungs", "step", "looks", "epoch", "units", "widths"} <= {
        name for name, _ in found
    }
    assert [name for name, field in found if not field.get("description", "").endswith(".")] == []


def test_only_words_of_json_schema_are_used(validator):
    assert not {'"ge":', '"gt":', '"le":', '"lt":'} & set(str(validator.schema).replace("'", '"').split())


@pytest.mark.parametrize("name", preset_names())
def test_presets_are_valid(validator, name):
    validator.validate(yaml.safe_load((PRESETS / f"{name}.yaml").read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "changes",
    [
        {"learning_rates": 0.01},
        {"search": GRID | {"tau_f": 0.5, "tau_b": {"low": 0.1, "high": 1, "step": 0.1}}},
        {"epochs": None, "steps": 10},
        {"confirm_seeds": {"looks": [2, 4]}},
        {"score": {"epoch": 1}, "margin": 0.1},
        {"options": {"units": [3, 4], "signed": True}},
    ],
)
def test_what_a_spec_may_be_is_valid(validator, changes):
    parse_spec(TINY | changes)
    validator.validate(TINY | changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"taks": "sbn"},
        {"name": "-"},
        {"task": "sbm"},
        {"dataset": "imagenet"},
        {"baselines": ["decoupled"]},
        {"epochs": 0},
        {"epochs": None, "steps": 0},
        {"seeds": 1001},
        {"learning_rates": [0]},
        {"learning_rates": [11]},
        {"max_hours": 0},
        {"confirm_seeds": -1},
        {"confirm_seeds": {"looks": []}},
        {"score": "first"},
        {"search": GRID | {"strategy": "random"}},
        {"search": GRID | {"rungs": 3}},
        {"search": GRID | {"tau_f": {"low": 0, "high": 1, "step": 0}}},
        {"options": {"signed": "yes"}},
    ],
)
def test_what_a_spec_may_not_be_is_refused_by_both(validator, changes):
    with pytest.raises(SpecError):
        parse_spec(TINY | changes)
    assert not validator.is_valid(TINY | changes)


def test_every_field_is_explained_with_its_default():
    described = {field.path: field for field in describe_fields()}
    assert {path for path in described if "." not in path} == set(StudySpec.model_fields)
    assert (described["epochs"].values, described["epochs"].default) == (
        "a whole number from 1 to 1,000,000",
        "none",
    )
    assert described["learning_rates"].default == "[0.001]"
    assert described["extend"].default == "true"
    assert described["name"].default == "required"
    assert described["search.rungs"].strategies == ("halving",)


def test_a_field_is_found_by_its_path_and_by_its_last_part():
    assert explain("search.tau_f") == explain("tau_f")
    assert [field.strategies for field in explain("tau_f")] == [
        tuple(name for name, search in SEARCHES.items() if issubclass(search, kind))
        for kind in (ListedSearch, BoundedSearch)
    ]


def test_a_field_that_is_not_there_is_refused_with_what_was_meant():
    with pytest.raises(UserError, match=r"'batchsize' is not a field \(did you mean batch_size\?\)"):
        explain("batchsize")
