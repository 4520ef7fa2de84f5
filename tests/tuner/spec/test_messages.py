"""Errors about wrong fields stay structured from where they are found to where they are shown."""

import pickle
from dataclasses import dataclass
from typing import ClassVar

import pytest

from tests.support.specs import GOOD, SEQUENTIAL, changed
from trainables.errors import OptionError, unknown
from trainables.tasks.base import Objective, Options
from trainables.tasks.sbn import SBN
from tuner.errors import MOST_FIELD_ERRORS, FieldError, SpecError, UserError
from tuner.spec.study import BASELINES, parse_spec


def errors(spec):
    with pytest.raises(SpecError) as refused:
        parse_spec(spec)
    return refused.value.errors


def test_a_wrong_field_has_its_path_what_it_must_be_and_what_came():
    assert errors(changed("seeds", 0)) == (FieldError("seeds", "must be greater than or equal to 1", "0"),)
    assert errors(changed("search.tau_b", [1, "x: y, got z"])) == (
        FieldError(
            "search.tau_b.1",
            "must be a valid number, unable to parse string as a number",
            "'x: y, got z'",
        ),
    )
    (unfit,) = errors(changed("baselines", ["soft"]))
    assert (unfit.field, unfit.got) == ("baselines", "'soft'")
    assert unfit.message == f"task sbn has {', '.join(name for name in BASELINES if name != 'soft')}"


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (None, "null"),
        (True, "true"),
        ([1], "a list"),
        ({"a": 1}, "a mapping"),
        ("x" * 200, repr("x" * 80)),
        (10**400, "a number of many digits"),
        (1.5, "1.5"),
    ],
)
def test_what_came_is_shown_in_few_words(value, got):
    (error,) = errors(changed("seeds", value))
    assert (error.field, error.got) == ("seeds", got)


@pytest.mark.parametrize(
    ("rates", "error"),
    [
        ([], FieldError("learning_rates", "must have at least 1 values", "0")),
        (
            [i / 1000 for i in range(1, 102)],
            FieldError("learning_rates", "must have at most 100 values", "101"),
        ),
    ],
)
def test_a_list_of_another_length_is_told_with_its_length(rates, error):
    assert errors(GOOD | {"learning_rates": rates}) == (error,)


def test_what_is_wrong_with_fields_together_is_told_at_once():
    spec = GOOD | {
        "steps": 3,
        "dataset": "cifar10",
        "baselines": ["soft", "identity"],
        "options": {"unit": 1},
    }
    assert [e.field for e in errors(spec)] == ["epochs", "dataset", "baselines", "options.unit"]


def test_of_a_unions_complaints_the_one_about_the_part_is_told():
    assert [e.field for e in errors(changed("search.tau_f", [[1], 2, "x"]))] == [
        "search.tau_f.0",
        "search.tau_f.2",
    ]
    assert [e.field for e in errors(changed("search.tau_f", {"low": 0, "high": "x"}))] == [
        "search.tau_f.high",
        "search.tau_f.step",
    ]


@pytest.mark.parametrize(
    ("field", "meant"),
    [
        ("taks", "task"),
        ("seed", "seeds"),
        ("search.tau_ff", "tau_f"),
        ("options.unit", "units"),
        ("SEEDS", "seeds"),
        ("step", "steps"),
    ],
)
def test_a_field_that_is_nearly_one_is_asked_for(field, meant):
    (error,) = errors(changed(field, 1, GOOD | {"options": {}}))
    assert error.field == field
    assert f" (did you mean {meant}?); " in error.message


@pytest.mark.parametrize("field", ["tau_f", "tau_b", "strategy", "trials"])
def test_a_field_of_the_search_that_stands_beside_it_is_told_where_it_belongs(field):
    (error,) = errors(GOOD | {field: 1})
    assert (error.field, error.message) == (
        field,
        f"is not a field here; it is one of search: write search.{field}",
    )


def test_a_name_like_no_other_has_no_suggestion():
    assert unknown("q" * 100_000, "a field", ["task"]) == "is not a field; it has task"
    assert (
        unknown("q", "an option of dataset digits", []) == "is not an option of dataset digits; it has none"
    )


def test_a_spec_of_errors_is_told_up_to_a_limit():
    spec = GOOD | {f"field_{i}": i for i in range(MOST_FIELD_ERRORS + 7)}
    with pytest.raises(SpecError) as refused:
        parse_spec(spec)
    assert len(refused.value.errors) == MOST_FIELD_ERRORS
    assert refused.value.more == 7
    assert str(refused.value).endswith("; and 7 more")
    assert str(refused.value).count("is not a field") == MOST_FIELD_ERRORS


def test_the_sentence_is_made_of_the_errors():
    one = FieldError("seeds", "must be a number", "'x'")
    assert str(one) == "seeds: must be a number, got 'x'"
    assert str(FieldError("", "must be a mapping of fields")) == "must be a mapping of fields"
    refused = SpecError([one, FieldError("name", "is missing")])
    assert str(refused) == "the spec is not valid: seeds: must be a number, got 'x'; name: is missing"
    assert isinstance(refused, UserError)


# --- a task of a user's own ---


@dataclass(frozen=True)
class MineOptions(Options):
    size: int
    kind: str = "plain"

    def __post_init__(self):
        if self.size > 9:
            raise OptionError("size", "must be 9 or less", str(self.size))
        if self.kind != "plain":
            raise ValueError(f"I do not like {self.kind}: sorry, got it?")


class Mine(SBN):
    objective: ClassVar = Objective("val_loss", "minimize")
    options_type: ClassVar = MineOptions


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"size": 10}, FieldError("options.size", "must be 9 or less", "10")),
        ({}, FieldError("options.size", "is missing")),
        (
            {"siez": 1},
            FieldError(
                "options.siez", "is not an option of this task (did you mean size?); it has size, kind"
            ),
        ),
        # what is worded otherwise, or was not foreseen, is told of the options as a whole
        ({"size": 1, "kind": "odd"}, FieldError("options", "I do not like odd: sorry, got it?")),
        (
            {"size": "big"},
            FieldError("options", "'>' not supported between instances of 'str' and 'int'"),
        ),
    ],
)
def test_whatever_a_users_task_raises_is_told_at_a_field(monkeypatch, options, expected):
    monkeypatch.setattr("tuner.spec.study.task_names", lambda: ["mine", "sbn"])
    monkeypatch.setattr("tuner.spec.study.task_declaration", lambda _: Mine)
    assert errors(GOOD | {"task": "mine", "options": options}) == (expected,)


def test_an_option_error_goes_from_process_to_process():
    there = pickle.loads(pickle.dumps(OptionError("size", "must be 9 or less", "10")))
    assert (there.field, there.message, there.got) == ("size", "must be 9 or less", "10")
    assert str(there) == "size: must be 9 or less, got 10"
    assert isinstance(there, ValueError)


def test_a_search_of_another_strategy_has_other_fields():
    (error,) = errors(GOOD | {"search": SEQUENTIAL | {"eta": 3}})
    assert error == FieldError("search.eta", "is not a field; there are strategy, tau_f, tau_b, tau_b_start")
