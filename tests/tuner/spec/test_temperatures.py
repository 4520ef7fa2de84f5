"""Temperatures of a spec: their values, their rounding, and what is no temperature."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.specs import BETWEEN, GOOD, SEQUENTIAL, changed, refusal, span
from tuner.spec.study import parse_spec
from tuner.spec.temperatures import NARROWEST, Range, readable, rounded


@pytest.mark.parametrize(
    ("low", "high", "step", "values"),
    [
        (0.0, 2.0, 0.1, [i / 10 for i in range(21)]),
        (0.1, 0.3, 0.1, [0.1, 0.2, 0.3]),
        (0.5, 0.5, 1.0, [0.5]),
        (0.0, 1.0, 0.4, [0.0, 0.4, 0.8]),
        (1e-12, 3e-12, 1e-12, [1e-12, 2e-12, 3e-12]),
    ],
)
def test_a_range_has_its_values_exactly_and_ends_with_high(low, high, step, values):
    assert Range(low=low, high=high, step=step).values() == values


def test_a_billion_points_are_counted_and_not_made(monkeypatch):
    monkeypatch.setattr(Range, "values", lambda _: pytest.fail("the values were made"))
    assert Range(low=0, high=1e9, step=1).points == 1_000_000_001
    assert "got 1000000001" in refusal(changed("search.tau_f", span(0, 1e9, 1)))


def test_one_temperature_is_a_list_of_one():
    assert parse_spec(changed("search.tau_f", 0)).search.forward == [0.0]


# --- rounding ---


def test_starts_that_differ_by_rounding_are_one_value():
    spec = parse_spec(changed("search", SEQUENTIAL | {"tau_b": [0.3, 1.0], "tau_b_start": 0.1 + 0.2}))
    assert (spec.search.tau_b_start, spec.search.backward) == (0.3, [0.3, 1.0])


def test_a_sum_is_what_it_looks_like_and_a_small_temperature_is_kept():
    assert parse_spec(changed("search.tau_f", [0.1 + 0.2, 3 * 0.1 + 1])).search.forward == [0.3, 1.3]
    tiny = parse_spec(changed("search.tau_f", [0, 3e-12, 2e-11, 1]))
    assert tiny.search.forward == [0.0, 3e-12, 2e-11, 1.0]
    assert parse_spec(changed("search.tau_b", [4e-12])).search.backward == [4e-12]


@given(st.floats(1e-30, 1e30))
def test_rounding_keeps_ten_digits(value):
    assert rounded(value) == pytest.approx(value, rel=5.1e-10, abs=0)
    assert rounded(rounded(value)) == rounded(value)


# --- what is no temperature ---

NO_FORWARD = "must be 0 (which is argmax), or from 1e-30 to 1e+30"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        (
            "search.tau_f",
            1e-40,
            "search.tau_f: must be 0 (which is argmax), or from 1e-30 to 1e+30, got 1e-40",
        ),
        ("search.tau_f", [0, 1e-38, 1], "search.tau_f: must be 0 (which is argmax), or from 1e-30 to 1e+30"),
        ("search.tau_f", [1e31], "search.tau_f: must be 0 (which is argmax), or from 1e-30 to 1e+30"),
        ("search.tau_b", 5e-324, "search.tau_b: must be from 1e-30 to 1e+30"),
        ("search.tau_b", [1, 1e300], "search.tau_b: must be from 1e-30 to 1e+30, got 1e+300"),
        ("search.tau_f", span(False, True, 0.5), "search.tau_f.low: must be a number, got false"),
        ("search.tau_f", span(0, True, 0.5), "search.tau_f.high: must be a number, got true"),
        ("search.tau_f", span(0, 1, True), "search.tau_f.step: must be a number, got true"),
        ("search.tau_f", [True, 0.5], "search.tau_f.0: must be a number, got true"),
        (
            "search.tau_f",
            span(2, 0.5, 0.1),
            "search.tau_f: low must not be above high, and they are 2 and 0.5",
        ),
        ("search.tau_f", span(-1e308, 1e308, 1e-300), "search.tau_f: must have from 1 to 1000 values"),
        ("search.tau_f", span(0, 1e308, 5e-324), "search.tau_f: must have from 1 to 1000 values"),
        ("search.tau_f", span(0, 10**400, 1), "search.tau_f.high: must be a valid number"),
        ("search.tau_f", [], "search.tau_f: must have from 1 to 1000 values, got 0"),
        ("search.tau_f", None, "search.tau_f.0: must be a valid number, got null"),
    ],
)
def test_what_is_no_temperature_of_a_list_is_refused_in_a_sentence(field, value, said):
    assert said in refusal(changed(field, value))


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("tau_f", {"low": False, "high": True}, "search.tau_f.low: must be a number, got false"),
        ("tau_b", {"low": 1e-308, "high": 1e308}, "search.tau_b: must be from 1e-30 to 1e+30, got 1e-308"),
        ("tau_b", {"low": 2, "high": 1}, "search.tau_b: low must be less than high, and they are 2 and 1"),
        (
            "tau_b",
            {"low": 0.5, "high": 0.5000001},
            "search.tau_b: low and high must be further apart, and",
        ),
        ("trials", 10**15, "search.trials: must be less than or equal to 50000"),
    ],
)
def test_what_are_no_bounds_is_refused_in_a_sentence(field, value, said):
    assert said in refusal(changed(f"search.{field}", value, GOOD | {"search": BETWEEN}))


def test_a_billion_rounds_are_refused_before_they_are_counted():
    rounds = BETWEEN | {"strategy": "pbt", "rounds": 10**9}
    assert "search.rounds: must be less than or equal to 10000" in refusal(GOOD | {"search": rounds})


# --- between bounds ---


@pytest.mark.parametrize(
    ("value", "low", "high", "shown"),
    [
        (0.123456, 0.0, 1.0, 0.123),
        (1.23456, 0.1, 2.0, 1.23),
        (123.456, 100.0, 1000.0, 123.0),
        (1.23456e-9, 1e-9, 1e-3, 1.23e-9),
        (0.500023456, 0.5, 0.5001, 0.500023),
        (0.50004, 0.5, 0.500001, 0.500001),  # never beyond the bounds
        (0.0, 0.0, 1.0, 0.0),
    ],
)
def test_a_temperature_has_as_many_digits_as_its_range_needs(value, low, high, shown):
    assert readable(value, low, high, 10) == shown


@settings(max_examples=200)
@given(st.floats(1e-6, 1e6), st.floats(1.1 * NARROWEST, 1e6), st.integers(1, 2_000))
def test_a_range_has_as_many_values_as_it_is_divided_into(low, width, parts):
    high = low * (1 + width)
    n = max(parts, 100)
    values = [readable(low + (high - low) * i / n, low, high, parts) for i in range(n + 1)]
    assert all(low <= value <= high for value in values)
    assert len(set(values)) >= parts
    assert math.dist(values, sorted(values)) == 0


def test_the_baselines_of_a_narrow_range_are_within_it_and_not_one():
    narrow = {"low": 0.5, "high": 0.5001}
    spec = parse_spec(
        GOOD | {"search": BETWEEN | {"tau_f": narrow, "tau_b": narrow, "trials": 9}, "baselines": ["softmax"]}
    )
    assert len(spec.baseline_temperatures) == 3
    assert (spec.baseline_temperatures[0], spec.baseline_temperatures[-1]) == (0.5, 0.5001)


def test_a_negative_zero_is_zero():
    listed = parse_spec(changed("search.tau_f", [-0.0, 1.0])).search
    assert math.copysign(1, listed.forward[0]) == 1.0
    between = parse_spec(changed("search", BETWEEN | {"tau_f": {"low": -0.0, "high": 1.0}})).search
    assert [math.copysign(1, tau) for tau in (between.tau_f.low, between.forward[0])] == [1.0, 1.0]
    assert "-0.0" not in parse_spec(changed("search.tau_f", ["-0.0", 1.0])).model_dump_json()
