"""What a user writes becomes a StudySpec, or one sentence that names the field and what it may be."""

import json
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.specs import BETWEEN, GOOD, SEQUENTIAL, changed, refusal, span
from trainables.layers import PRECISIONS
from trainables.tasks import task_names, task_type
from tuner.errors import SpecError, UserError
from tuner.spec.search import StrategyName
from tuner.spec.study import BASELINES, StudySpec, load_spec, parse_spec, preset_names, read_spec

JARGON = (
    "pydantic",
    "http",
    "Input",
    "validation",
    "Value error",
    "constrained",
    "Range",
    "dictionary",
    "type=",
    "tag",
    "Search",
)


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("colour", "red", "not a field"),
        ("search.tau", [1], "not a field"),
        ("search.tau_f", [], "from 1 to 1000 values"),
        ("search.tau_f", span(1, 0, 0.1), "low must not be above high, and they are 1 and 0"),
        ("search.tau_b", 0, "greater than 0"),
        ("search.tau_b", [0, 1], "greater than 0"),
        ("search.tau_b", span(0, 1, 0.5), "greater than 0"),
        ("search.tau_f", -1, "0 or more"),
        ("search.tau_f", math.nan, "finite"),
        ("search.tau_b", [1.0, math.inf], "finite"),
        ("search.tau_f", list(range(1001)), "must have at most 1000 values, got 1001"),
        ("search.tau_f", span(0, 1e300, 1e-300), "from 1 to 1000 values"),
        ("search.tau_f", span(0, 1e308, 1e-9), "from 1 to 1000 values"),
        ("search.tau_f", [1, 1.0], "twice"),
        (
            "search.strategy",
            "annealing",
            f"must be one of {', '.join(StrategyName)}, got 'annealing'",
        ),
        ("search.strategy", None, f"must be one of {', '.join(StrategyName)}"),
        ("search.tau_b_start", 1.0, "not a field (did you mean tau_b?); there are strategy, tau_f, tau_b"),
        ("learning_rates", [0.1, 0.1], "twice"),
        ("learning_rates", [0], "greater than 0"),
        ("learning_rates", [math.nan], "finite"),
        ("baselines", ["identity", "identity"], "twice"),
        (
            "baselines",
            ["straight"],
            f"one of {', '.join(BASELINES)}, got 'straight'",
        ),
        (
            "baselines",
            ["decoupled"],
            f"one of {', '.join(BASELINES)}, got 'decoupled'",
        ),
        (
            "baselines",
            ["identity", "soft"],
            f"task sbn has {', '.join(b for b in BASELINES if b != 'soft')}, got 'soft'",
        ),
        ("task", "chess", ", ".join(task_names())),
        ("dataset", "imagenet", "arrays, cifar10, digits, fashion_mnist, image_folder, mnist"),
        ("name", "<b>", "letters, digits"),
        ("name", "a" * 65, "1 to 64"),
        ("seeds", [0, 1, 2], "must be a whole number: how many seeds there are, not which"),
        ("confirm_seeds", [5, 10], "or {looks: [5, 10]}"),
        ("confirm_seeds", "ten", "or {looks: [5, 10]}"),
        ("score", "first", "must be best, last or {epoch: 10}"),
        ("score", 3, "must be best, last or {epoch: 10}"),
        ("seeds", 0, "greater than or equal to 1"),
        ("batch_size", 0, "greater than or equal to 1"),
        ("epochs", 0, "greater than or equal to 1"),
        ("confirm_seeds", -1, "greater than or equal to 0"),
        ("diagnostics", 1, "0 for none, or 2 or more"),
        ("diagnostics", -1, "greater than or equal to 0"),
        ("diagnostics", 10**7, "less than or equal to 1000000"),
        ("diagnostics", True, "must be a number, got true"),
        ("control", "scaled", "must be 'rescaled', got 'scaled'"),
        ("control", True, "must be 'rescaled'"),
        ("epochs", None, "either epochs or steps"),
        ("options.gates", 3, "units, signed"),
        ("options.units", [0], "from 1 to 100000"),
        ("dataset_options", [32], "must be a mapping of fields"),
        ("dataset_options.size", 32, "is not an option of dataset digits; it has none"),
    ],
)
def test_a_wrong_value_is_refused_by_name(field, value, allowed):
    message = refusal(changed(field, value, GOOD | {"options": {}, "dataset_options": {}}))
    # A list's entries are counted ("search.tau_b.1").
    assert re.match(rf"the spec is not valid: {re.escape(field)}(\.\d+)?: ", message), message
    assert allowed in message
    assert len(re.findall(r"(?:^|[:;]) [a-z_.0-9]+: ", message)) == 1


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("tau_b_start", 0, "greater than 0"),
        ("tau_b_start", 1e-40, "must be from 1e-30 to 1e+30"),  # which is 0 in single precision
        ("tau_b_start", -1, "greater than 0"),
        ("tau_b_start", math.nan, "finite"),
        ("tau_b_start", math.inf, "finite"),
        ("tau_b_start", True, "must be a number"),
        ("tau_b_start", [1.0], "must be a valid number"),
        ("tau_b_start", None, "must be a valid number"),
        ("tau_b", [0], "greater than 0"),
        ("tau_f", span(0, 1, -1), "greater than 0"),
        (
            "tau_start",
            1.0,
            "not a field (did you mean tau_b_start?); there are strategy, tau_f, tau_b, tau_b_start",
        ),
        ("strategy", "grid-sequential", f"must be one of {', '.join(StrategyName)}"),
    ],
)
def test_a_wrong_value_of_a_sequential_search_is_refused_by_name(field, value, allowed):
    message = refusal(changed("search", SEQUENTIAL | {field: value}))
    assert re.match(rf"the spec is not valid: search\.{field}(\.step)?: ", message), message
    assert allowed in message
    assert len(re.findall(r"(?:^|[:;]) [a-z_.0-9]+: ", message)) == 1
    assert not [word for word in JARGON if word in message], message


def test_without_a_strategy_those_there_are_are_told():
    message = refusal(changed("search", {"tau_f": [0.0], "tau_b": [1.0]}))
    assert (
        message
        == f"the spec is not valid: search.strategy: is missing; it must be one of {', '.join(StrategyName)}"
    )


def test_a_task_refuses_the_baselines_that_it_has_not():
    reference = task_type("dln").estimators
    assert "soft" in reference
    assert "soft" not in task_type("sbn").estimators
    spec = changed("task", "dln") | {"baselines": ["soft"]}
    assert parse_spec(spec).baselines == ["soft"]
    assert "baselines: task sbn has" in refusal(spec | {"task": "sbn"})


def test_the_options_of_a_dataset_are_checked():
    folder = GOOD | {
        "task": "dln",
        "dataset": "image_folder",
        "dataset_options": {"folder": "images", "size": 8},
    }
    assert parse_spec(folder).dataset_options == {"folder": "images", "size": 8}
    for wrong in ("-1", None, 1.5):
        assert "; " not in (message := refusal(changed("dataset_options.size", wrong, folder)))
        assert message.startswith("the spec is not valid: dataset_options.size: must be ")
    assert "dataset_options.folder: is missing; it must be " in refusal(
        folder | {"dataset_options": {"size": 8}}
    )
    assert "dataset_options.colour: is not an option of dataset image_folder" in refusal(
        changed("dataset_options.colour", True, folder)
    )


def test_a_users_task_that_cannot_be_imported_is_told_by_name(monkeypatch):
    def broken(name):
        raise ValueError(f"task {name!r} (mine:Task) cannot be imported: ImportError: no module mine")

    monkeypatch.setattr("tuner.spec.study.task_names", lambda: ["mine", "sbn"])
    monkeypatch.setattr("tuner.spec.study.task_declaration", broken)
    message = refusal(changed("task", "mine"))
    assert (
        message
        == "the spec is not valid: task: task 'mine' (mine:Task) cannot be imported: ImportError: no module "
        "mine"
    )


def test_a_field_named_like_a_part_of_the_spec_is_none():
    assert "Range: is not a field; there are name, task, " in refusal({**GOOD, "Range": 1})
    assert "search.grid: is not a field; there are strategy, tau_f, tau_b" in refusal(
        changed("search.grid", 1)
    )


def test_epochs_and_steps_together_are_refused():
    assert "epochs: give either epochs or steps" in refusal(changed("steps", 10))


def test_a_million_trials_are_refused():
    spec = changed("search", {"strategy": "grid", "tau_f": span(0, 999, 1), "tau_b": span(1, 1000, 1)})
    assert "search: must have at most 50000 trials, got 1000000" in refusal(spec)


def test_a_sequential_search_has_few_trials_of_many_values():
    search = {
        "strategy": "sequential",
        "tau_f": span(0, 999, 1),
        "tau_b": span(1, 1000, 1),
        "tau_b_start": 0.5,
    }
    spec = changed("search", search)
    assert parse_spec(spec).trials_total == 2000
    refused = refusal(spec | {"learning_rates": [i / 100 for i in range(1, 31)]})
    assert "search: must have at most 50000 trials, got 60000" in refused


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", 3),
        ("task", ["sbn"]),
        ("search", "grid"),
        ("search.strategy", None),
        ("search.tau_f", {"low": 0, "high": 1}),
        ("search.tau_f", {"low": 0, "high": 1, "steps": 0.1}),
        ("search.tau_f", span("a", 1, 0.1)),
        ("search.tau_b", "all"),
        ("search.tau_b", [[1]]),
        ("learning_rates", []),
        ("learning_rates", [None]),
        ("seeds", "many"),
        ("seeds", 1.5),
        ("baselines", "softmax"),
        ("options", [200, 200]),
        ("dataset_options", "images"),
    ],
)
def test_a_refusal_speaks_of_fields_only(field, value):
    message = refusal(changed(field, value))
    assert message.startswith("the spec is not valid: ")
    assert field in message
    assert not [word for word in JARGON if word in message], message


@pytest.mark.parametrize("given_value", [None, 3, "sbn-digits", [GOOD]])
def test_what_is_no_mapping_is_refused(given_value):
    assert "must be a mapping of fields" in refusal(given_value)


def test_every_wrong_field_is_told():
    message = refusal({**GOOD, "seeds": 0, "epochs": -1, "search": {"strategy": "grid", "tau_f": [-1]}})
    assert all(f"{field}: " in message for field in ("seeds", "epochs", "search.tau_f", "search.tau_b"))


def test_an_unknown_preset_lists_those_there_are():
    with pytest.raises(UserError, match=r"no preset 'sbn-mars': use one of .*sbn-digits.*sbn-paper"):
        load_spec("sbn-mars")


@pytest.mark.parametrize("name", preset_names())
def test_presets_load_and_survive_json(name):
    spec = load_spec(name)
    assert spec.name == name
    assert parse_spec(spec.model_dump(mode="json")) == spec


def test_the_paper_preset_is_the_papers_study():
    spec = load_spec("sbn-paper")
    assert spec.search.forward == [i / 10 for i in range(21)]
    assert spec.search.backward == [0.1, 0.3, 0.5, 0.7, 0.9, 1.1, 1.3, 1.5, 1.7, 1.9, 2.0]
    assert len(spec.search.forward) * len(spec.search.backward) == 231
    assert (spec.seeds, spec.epochs, spec.batch_size, spec.learning_rates) == (5, 100, 128, [0.001])
    # identity once, softmax and gumbel at the 20 positive temperatures
    assert spec.trials_total == 231 + 1 + 20 + 20


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*GOOD, "low", "high", "x"]), inner, max_size=4)
    ),
    max_leaves=8,
)
NUMBERS = st.floats() | st.sampled_from([0, 1, 0.1, -1])
SPANS = st.builds(span, NUMBERS, NUMBERS, NUMBERS) | st.fixed_dictionaries({"low": NUMBERS, "high": NUMBERS})
FIELDS = st.sampled_from(
    [
        *StudySpec.model_fields,
        *(f"search.{n}" for n in ("strategy", "tau_f", "tau_b", "tau_b_start", "trials", "x")),
    ]
)
SEARCHES = st.sampled_from([GOOD["search"], SEQUENTIAL, BETWEEN, BETWEEN | {"strategy": "pbt", "rounds": 2}])


def spec_or_sentence(given):
    """What is accepted can be kept and counted."""
    try:
        spec = parse_spec(given)
        assert parse_spec(json.loads(json.dumps(spec.model_dump(mode="json"), allow_nan=False))) == spec
        assert 1 <= spec.planned_trials <= spec.planned_members
        assert all(math.isfinite(tau) for tau in spec.baseline_temperatures)
    except UserError as error:
        assert str(error).startswith("the spec is not valid: ")  # noqa: PT017  # both ends are right


@settings(max_examples=60, deadline=None)
@given(ANYTHING)
def test_whatever_is_given_ends_in_a_spec_or_a_sentence(anything):
    spec_or_sentence(anything)


@settings(max_examples=150, deadline=None)
@given(SEARCHES, FIELDS, ANYTHING | SPANS | st.lists(NUMBERS, max_size=3))
def test_whatever_a_field_is_given_ends_in_a_spec_or_a_sentence(search, field, anything):
    spec_or_sentence(changed(field, anything, GOOD | {"search": search}))


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("search.tau_f", [0, 1], "search.tau_f: must be a range {low, high}"),
        ("search.tau_f", {"low": -1, "high": 1}, "search.tau_f: must be 0 or more"),
        ("search.tau_b", {"low": 0, "high": 1}, "search.tau_b: must be greater than 0"),
        ("search.tau_b", {"low": 1, "high": 1}, "search.tau_b: low must be less than high"),
        (
            "search.tau_b",
            {"low": 1, "high": 2, "step": 1},
            "search.tau_b.step: is not a field; there are low, high",
        ),
        ("search.tau_b", {"low": 1}, "search.tau_b.high: is missing"),
        ("search.trials", 0, "search.trials: must be greater than or equal to 1"),
        ("search.batch", 0, "search.batch: must be greater than or equal to 1"),
    ],
)
def test_a_search_between_bounds_is_refused_by_name(field, value, complaint):
    assert complaint in refusal(changed(field, value, GOOD | {"search": BETWEEN}))


def test_rungs_and_rounds_need_a_report_each():
    halving = GOOD | {"search": GOOD["search"] | {"strategy": "halving", "rungs": 5}, "epochs": 9}
    assert "search.rungs: each of the 5 must end with a report of its own, and the training has 9" in refusal(
        halving
    )
    rounds = GOOD | {"search": BETWEEN | {"strategy": "pbt", "rounds": 10}, "epochs": 9}
    assert (
        "search.rounds: each of the 10 must end with a report of its own, and the training has 9"
        in refusal(rounds)
    )


def test_the_old_name_of_a_field_is_read_with_a_note():
    notes = []
    spec = parse_spec(GOOD | {"population": 50}, notes.append)
    assert spec == parse_spec(GOOD | {"members_per_population": 50})
    assert notes == [
        "population is called members_per_population now; the next version will not know the old name"
    ]
    parse_spec(GOOD | {"population": None}, pytest.fail)  # as studies in a ledger have it
    parse_spec(GOOD | {"members_per_population": 50}, pytest.fail)


def test_the_old_name_of_a_field_is_checked_like_the_new_one():
    assert "members_per_population: must be greater than or equal to 1" in refusal(GOOD | {"population": 0})
    both = GOOD | {"population": 3, "members_per_population": 4}
    assert "population: is the old name of members_per_population; give" in refusal(both)


def test_the_precisions_are_those_of_the_engine():
    for precision in PRECISIONS:
        assert parse_spec(GOOD | {"precision": precision}).precision == precision
    assert refusal(GOOD | {"precision": "float16"}).startswith("the spec is not valid: precision: must be")
    assert parse_spec(GOOD).precision == "float32"


def test_steps_are_recorded_unless_it_is_off():
    assert (parse_spec(GOOD).compile, parse_spec(GOOD | {"compile": "off"}).compile) == ("auto", "off")
    assert refusal(GOOD | {"compile": "on"}).startswith("the spec is not valid: compile: must be")


def test_a_spec_that_was_accepted_is_read_where_its_task_and_its_data_are_not():
    elsewhere = {"task": "gone", "dataset": "gone_too", "options": {"a": 1}}
    known = load_spec("sbn-digits")
    there = known.model_dump(mode="json") | elsewhere
    with pytest.raises(SpecError, match="task: must be one of"):
        parse_spec(there)
    read = read_spec(there)
    assert read.model_dump(mode="json") == there
    assert read.planned_trials == known.planned_trials
    with pytest.raises(SpecError, match="seeds"):  # of another version
        read_spec(there | {"seeds": 0})
