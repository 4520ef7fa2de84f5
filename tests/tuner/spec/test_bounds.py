"""The work that reading a spec takes is bounded before it begins; it is counted here, not timed."""

import difflib

import pytest

from tests.support.specs import BETWEEN, GOOD, changed
from trainables import errors
from tuner.errors import MOST_FIELD_ERRORS, FieldError, SpecError
from tuner.spec import study
from tuner.spec.bounds import MAX_DEPTH, MAX_FIELDS, MAX_LIST, MAX_VALUES, too_large
from tuner.spec.study import parse_spec


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (
            changed("baselines", ["x"] * 6_000),
            FieldError("baselines", "must have at most 1000 values", "6000"),
        ),
        (
            changed("search.tau_f", [0] * 1_001),
            FieldError("search.tau_f", "must have at most 1000 values", "1001"),
        ),
        ({f"a{i}": 1 for i in range(101)}, FieldError("", "must have at most 100 fields", "101")),
        (GOOD | {"options": {"x": nested(MAX_DEPTH)}}, FieldError("options", "must be at most 20 deep")),
        (GOOD | {"options": {"x": [[1] * 999] * 11}}, FieldError("", "must have at most 10000 values")),
    ],
)
def test_what_is_larger_than_a_spec_may_be_is_refused_before_it_is_checked(monkeypatch, given, error):
    monkeypatch.setattr(study.StudySpec, "model_validate", lambda _: pytest.fail("it was checked"))
    with pytest.raises(SpecError) as refused:
        parse_spec(given)
    assert refused.value.errors == (error,)


def test_what_is_as_large_as_a_spec_may_be_is_checked():
    assert too_large({f"a{i}": [0] * 95 for i in range(MAX_FIELDS)}) == []
    assert too_large({"a": [0] * MAX_LIST, "b": nested(MAX_DEPTH - 1)}) == []
    assert too_large([0] * (MAX_LIST + 1)) != []


def test_a_mapping_that_holds_itself_is_refused():
    endless = dict(GOOD)
    endless["options"] = endless
    with pytest.raises(SpecError, match="must be at most 20 deep"):
        parse_spec(endless)


def test_the_search_ends_after_as_many_values_as_a_spec_may_have():
    looked = 0

    class Counting(list):
        def __iter__(self):
            nonlocal looked
            looked += 1
            return super().__iter__()

    wide = Counting(Counting([0] * 100) for _ in range(MAX_LIST))
    assert too_large(wide) == [FieldError("", f"must have at most {MAX_VALUES} values")]
    assert looked <= MAX_VALUES / 100 + 1


@pytest.mark.parametrize("wrong", [200, 999])
def test_a_wrong_list_makes_a_bounded_number_of_sentences(wrong):
    with pytest.raises(SpecError) as refused:
        parse_spec(changed("search.tau_f", ["x"] * wrong) | {"learning_rates": ["y"] * 100})
    assert len(refused.value.errors) == MOST_FIELD_ERRORS
    assert refused.value.more == wrong + 100 - MOST_FIELD_ERRORS
    assert len(str(refused.value)) < 10_000


def test_unknown_names_are_compared_with_the_known_ones_as_often_as_sentences_are_told(monkeypatch):
    compared = []

    def counting(name, *more, **keywords):
        compared.append(len(name))
        return difflib.get_close_matches(name, *more, **keywords)

    monkeypatch.setattr(errors, "get_close_matches", counting)
    with pytest.raises(SpecError):
        parse_spec(GOOD | {f"{i}{'x' * 5_000}": i for i in range(80)})
    assert len(compared) <= MOST_FIELD_ERRORS
    assert max(compared) <= 64


def test_a_search_of_many_trials_is_counted_and_not_made():
    search = BETWEEN | {"trials": 25_000}
    spec = parse_spec(GOOD | {"search": search, "learning_rates": [0.01]})
    assert spec.trials_total == 50_000  # half of them on the diagonal
    assert len(spec.baseline_temperatures) == 159


@pytest.mark.parametrize(
    "value", [{1, 2}, object(), float("nan"), [float("inf")], {"a": {"b": float("-inf")}}, b"x"]
)
def test_options_are_what_json_can_say(value):
    with pytest.raises(SpecError) as refused:
        parse_spec(GOOD | {"options": {"units": value}})
    (error,) = refused.value.errors
    assert error.field == "options.units"
    assert error.message.startswith("must be made of text, finite numbers, ")
