"""The reference lists exactly what exists, with the true defaults."""

import dataclasses
import inspect
import re
from importlib import import_module

import pytest
import yaml

from api.application.app import create
from api.cli import cli
from api.settings import ClientSettings, ServiceSettings
from tests.support.markdown import DOCS, blocks, names, tables
from tests.support.tasks import BUILT_IN, OPTIONS
from trainables.data import DATASETS, OWN_DATA, load, options
from trainables.estimators import ESTIMATORS
from trainables.population import Configuration, Population
from trainables.tasks import task_metrics, task_type
from tuner.evidence.labels import method_label
from tuner.evidence.results import Gain, Results, TrialResult, Verdict
from tuner.settings import Settings
from tuner.spec.search import SEARCHES
from tuner.spec.study import StudySpec, load_spec, preset_names

REFERENCE = DOCS / "reference"
SPEC_PAGE = (REFERENCE / "spec.md").read_text(encoding="utf-8")


def rows(page, heading=None, table=0):
    """The rows of a table, without its head."""
    return tables(REFERENCE / page, heading)[table][1:]


def first_column(page, heading=None, table=0):
    """All names in the first column; one that is there twice is an error."""
    found = [name for row in rows(page, heading, table) for name in names(row[0])]
    assert len(found) == len(set(found))
    return found


def as_written(default):
    """A default as the tables have it."""
    if default is None:
        return "none"
    text = yaml.safe_dump(default, default_flow_style=True).replace("...", "").strip()
    return f"`{text}`"


def defaults(model):
    """{field: default as it is written} of a pydantic model."""
    return {
        name: "required" if field.is_required() else as_written(field.get_default(call_default_factory=True))
        for name, field in model.model_fields.items()
    }


# --- the spec


def test_every_field_of_a_spec_is_there_with_its_default():
    table = rows("spec.md", "Fields")
    assert {names(row[0])[0]: row[1] for row in table} == defaults(StudySpec)
    assert all(len(row) == 4 and row[2] and row[3] for row in table)


def test_every_strategy_is_there_with_its_fields():
    found = {names(row[0])[0]: names(row[2]) for row in rows("spec.md", "Search", 0)}
    assert found == {
        name: [f for f in search.model_fields if f != "strategy"] for name, search in SEARCHES.items()
    }


def test_every_field_of_a_search_is_there_with_its_default():
    expected = {name: default for search in SEARCHES.values() for name, default in defaults(search).items()}
    assert {names(row[0])[0]: row[1] for row in rows("spec.md", "Search", 1)} == expected


@pytest.mark.parametrize("task", BUILT_IN)
def test_every_option_of_a_task_is_there_with_its_default(task):
    found = {names(row[0])[0]: row[1] for row in rows("spec.md", task)}
    options = dataclasses.fields(task_type(task).options_type)
    assert found == {
        o.name: as_written(list(o.default) if isinstance(o.default, tuple) else o.default) for o in options
    }


@pytest.mark.parametrize("task", BUILT_IN)
def test_the_datasets_of_a_task_are_told(task):
    part = re.search(rf"^### {task}\n\n(.+?)\n\n", SPEC_PAGE, re.MULTILINE | re.DOTALL)[1]
    assert tuple(names(part)) == task_type(task).datasets


def test_every_dataset_is_there():
    values = {names(row[0])[0]: names(row[2]) for row in rows("spec.md", "Fields")}
    assert values["dataset"] == [OWN_DATA, *DATASETS]
    assert set(BUILT_IN) <= set(values["task"])


@pytest.mark.parametrize("name", options.BUILT_IN)
def test_every_option_of_a_dataset_is_there_with_its_default(name):
    module, _, function = DATASETS[name].partition(":")
    given = inspect.signature(getattr(import_module(f"trainables.data.{module}"), function)).parameters
    expected = {
        option: "required" if row.required else as_written(given[option].default)
        for option, row in options.BUILT_IN[name].items()
    }
    assert {names(row[0])[0]: row[1] for row in rows("spec.md", name)} == expected
    told = {heading for heading in DATASETS if re.search(rf"^### {heading}$", SPEC_PAGE, re.MULTILINE)}
    assert told == options.BUILT_IN.keys()


# --- presets, estimators


def test_every_preset_is_there_as_it_is():
    found = {names(row[0])[0]: row[1:5] for row in rows("presets.md")}
    assert found.keys() == set(preset_names())
    for name, cells in found.items():
        spec = load_spec(name)
        assert cells == [f"`{spec.task}`", f"`{spec.dataset}`", str(spec.trials_total), str(spec.seeds)]


def test_every_estimator_is_there_with_its_temperatures():
    found = {names(row[0])[0]: (row[1], row[2], names(row[3])) for row in rows("estimators.md")}
    assert found.keys() == ESTIMATORS.keys()
    for name, (called, noise, temperatures) in found.items():
        estimator = ESTIMATORS[name]
        assert called == method_label(name)
        if estimator.tied:
            assert temperatures == ["tau_f = tau_b = tau"]
        else:
            assert tuple(temperatures) == estimator.temperatures
        if estimator.s is None:
            assert names(noise) == ["tau" if estimator.tied else "tau_f"]
        else:
            assert noise == ("-" if estimator.surrogate.relaxed else f"{estimator.s:g}")


# --- metrics


@pytest.fixture(scope="module", params=BUILT_IN)
def measured(request, one_thread):  # noqa: ARG001
    """(task, the metrics that a report of it has, those that diagnostics add)."""
    cls = task_type(request.param)
    dataset = load("digits", "unused")
    task = cls(dataset, cls.options_type.parse(OPTIONS[request.param]))
    trial = Configuration("decoupled", 0.5, 1.0, 0.01)
    population = Population(task, dataset, [trial], [0], batch_size=32)
    return request.param, set(population.evaluate()), set(population.diagnose(passes=2))


def test_every_metric_of_a_task_is_there_and_no_other(measured):
    task, metrics, _ = measured
    assert set(first_column("metrics.md", task)) == metrics
    for cells in rows("metrics.md", task):
        if len(called := names(cells[0])) == 1:
            assert cells[1] == task_metrics(task).of(called[0]).title


def test_every_metric_that_the_engine_adds_is_there(measured):
    *_, diagnosed = measured
    assert set(first_column("metrics.md", "Every task")) == diagnosed | {"train_loss", "test_*"}


# --- results


def test_every_field_of_the_results_is_there():
    assert first_column("results.md", "Results") == list(Results.model_fields)


def test_every_field_of_a_trial_and_of_a_gain_is_there():
    assert set(first_column("results.md", "A trial")) == set(TrialResult.model_fields)
    assert set(first_column("results.md", "A gain")) == set(Gain.model_fields)


def test_every_verdict_is_explained_in_the_readme_and_in_the_explanation():
    words = {str(verdict) for verdict in Verdict}
    explained = tables(DOCS / "explanation" / "verdict.md", "The verdicts")[0][1:]
    shown = tables(DOCS.parent / "README.md", "How to read a verdict")[0][1:]
    assert {row[0] for row in explained} == {row[0] for row in shown} == words


# --- settings


def test_every_setting_is_there_once_and_where_it_belongs():
    service = ServiceSettings.model_fields.keys() - Settings.model_fields.keys()
    for heading, expected in (
        ("Where things are, and how populations are placed", Settings.model_fields),
        ("The service", service),
        ("Clients of the service", ClientSettings.model_fields),
    ):
        assert set(first_column("settings.md", heading)) == {f"TUNER_{name.upper()}" for name in expected}


def test_the_defaults_of_settings_are_told():
    told = {names(row[0])[0]: row[2] for table in tables(REFERENCE / "settings.md") for row in table[1:]}
    for name, field in (ServiceSettings.model_fields | ClientSettings.model_fields).items():
        default = told[f"TUNER_{name.upper()}"]
        if field.default is None:
            assert default
        else:
            written = f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
            assert default == f"`{written}`"


# --- command line, API


def test_every_verb_is_there():
    verbs = [f"tuner {name}" for name, command in cli.commands.items() if not command.hidden]
    assert sorted(first_column("cli.md")) == sorted(verbs)


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    app = create(ServiceSettings(home=tmp_path_factory.mktemp("home")))
    yield app.openapi()
    app.state.service.ledger.close()


def test_every_route_is_there(described):
    routes = [
        f"{method.upper()} {path}" for path, methods in described["paths"].items() for method in methods
    ]
    assert sorted(first_column("api.md")) == sorted(routes)


def test_the_requests_shown_are_to_routes_that_exist(described):
    shown = {
        path
        for page in DOCS.rglob("*.md")
        for block in blocks(page)
        for path in re.findall(r"http://127\.0\.0\.1:8000(/[\w/.-]+)", block.text)
    }
    assert shown
    assert shown <= set(described["paths"])
