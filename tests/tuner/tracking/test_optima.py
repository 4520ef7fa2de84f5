"""The experiment of all studies' optima: what a run says, and that sending again doubles nothing."""

import json
from pathlib import Path

import pytest

from tests.support.served import Driver, Served
from trainables.tasks import task_metrics
from tuner.evidence.analysis import results
from tuner.ledger.store import Ledger
from tuner.tracking.metric_names import metric_name
from tuner.tracking.optima import optimum_runs
from tuner.tracking.projector import Projector
from tuner.tracking.views import optima_view, study_view

# MLflow's code has them, which runs in the server otherwise.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


_NOWHERE = Path("there", "are", "no", "artifacts")


class Alone(Served):
    """A ledger with studies, and no service."""

    def __init__(self, home):
        self.ledger = Ledger(f"sqlite:///{home}/ledger.db")


@pytest.fixture
def alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = Alone(tmp_path)
    yield made
    made.ledger.close()


def finished(alone, **changes):
    study = alone.create(**changes)
    Driver(alone, study).finish()
    return study


def test_a_run_says_where_the_optimum_is_and_what_it_gains(alone):
    study = finished(alone, options={"units": [8, 8]})
    row, trials = alone.ledger.study(study), alone.ledger.trials(study)
    found = results(row, trials)
    runs = {run.tags["method"]: run for run in optimum_runs(row, found)}
    assert runs.keys() == {"off_diagonal", "diagonal", "identity"}
    off = runs["off_diagonal"]
    assert (off.params["tau_f"], off.params["tau_b"], off.params["task"]) == ("0.1", "0.5", "sbn")
    assert off.params["options.units"] == "[8, 8]"
    gain = found.gain
    assert [off.metrics[name] for name in ("gain", "gain_low", "gain_high")] == [gain.mean, *gain.ci95]
    assert (
        off.metrics["objective"] == off.metrics["val_loss"] == found.confirmed["off_diagonal"].objective.mean
    )
    assert runs["diagonal"].metrics["off_diagonal_gain"] == gain.mean
    assert runs["identity"].metrics["off_diagonal_gain"] == found.gains["identity"].mean
    assert "gain" not in runs["identity"].metrics


def test_a_study_under_way_has_none(alone):
    study = alone.create()
    driver = Driver(alone, study)
    driver.report(driver.start(driver.search(), driver.spec.search_seeds), 4, final=True)
    driver.report(driver.start(driver.best(), driver.fresh_seeds, "c"), 4, final=True)
    row = alone.ledger.study(study)
    assert optimum_runs(row, results(row, alone.ledger.trials(study))) == []


def test_sending_again_doubles_nothing_and_replaces_what_has_changed(alone, uri):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)

    def runs():
        experiment = client.get_experiment_by_name("optima").experiment_id
        return {run.info.run_id: run for run in client.search_runs([experiment])}

    first, second = finished(alone, name="first"), finished(alone, name="optima")
    for study in (first, second):
        send(alone, study, uri)
    before = runs()
    assert sorted(run.data.tags["study"] for run in before.values()) == sorted([first, second] * 3)
    send(alone, first, uri)
    assert runs().keys() == before.keys()
    stale = next(run for run in before.values() if run.data.tags["study"] == first)
    client.set_tag(stale.info.run_id, "content", "of another version")
    send(alone, first, uri)
    assert len(runs()) == 6
    assert stale.info.run_id not in runs()
    assert alone.ledger.study(first).mlflow_optima == client.get_experiment_by_name("optima").experiment_id
    # The study that is called like this experiment has one of its own.
    assert client.get_experiment_by_name("study optima") is not None


def send(alone, study, uri):
    projector = Projector(alone.ledger, study, uri)
    while not projector.sync():
        pass
    projector.publish([], _NOWHERE)
    assert projector.problem is None


@pytest.mark.parametrize(
    ("task", "name", "expected"),
    [
        ("sbn", "val_loss", "val_loss"),
        ("sbn", "train_loss", "train_loss"),
        ("sbn", "grad_norm", "gradient/norm"),
        ("sbn", "grad_snr_initial", "gradient/snr_initial"),
        ("sbn", "inactive_1e-05", "inactive/1e-05"),
        ("dln", "gate_nand", "gate_type/nand"),
    ],
)
def test_diagnostics_have_sections_of_their_own(task, name, expected):
    assert metric_name(name, task_metrics(task)) == expected


@pytest.mark.parametrize("task", ["sbn", "catae", "dln"])
def test_a_view_begins_with_the_objective_and_fits_into_a_tag(alone, task):
    study = alone.ledger.study(alone.create(task=task, baselines=[]))
    text = study_view(study, task_metrics(task))
    view = json.loads(text)
    first = view["compareRunCharts"][0]
    assert (first["type"], first["metricKey"], first["scaleType"]) == ("LINE", "val_loss", "log")
    assert first["metricSectionId"] == view["compareRunSections"][0]["uuid"]
    assert study.id in view["searchFilter"]
    assert len(text) < 20_000  # MLflow's limit


def test_the_optima_are_plotted_against_each_other():
    scatter = json.loads(optima_view())["compareRunCharts"][0]
    assert (scatter["type"], scatter["xaxis"]["key"], scatter["yaxis"]["key"]) == (
        "SCATTER",
        "tau_f",
        "tau_b",
    )
