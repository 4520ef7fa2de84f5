"""The projection into MLflow where a user has deleted something: without a server, on MLflow's store."""

import pytest

from tests.support.served import SMALL
from tuner.driver.drive import submit
from tuner.ledger.rows import Proposal
from tuner.ledger.store import Ledger
from tuner.spec.study import parse_spec
from tuner.tracking.projector import Projector

# MLflow's code has them, which runs in the server otherwise.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def ledger(tmp_path):
    opened = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    yield opened
    opened.close()


@pytest.fixture
def client(uri):
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri)


def measured(ledger, intervals=2):
    """A study with a trial of so many measurements."""
    study = submit(ledger, parse_spec(SMALL))
    lease = ledger.acquire(study, {})
    ledger.start_population(lease, "p", [Proposal("search", "decoupled", 0.5, 1.0, 0.001)], [0])
    for interval in range(1, intervals + 1):
        rows = {0: {"val_loss": [1.0 / interval]}}
        ledger.record(lease, interval=interval, epoch=interval, training_s=1, rows=rows, final=False)
    return study, lease


def send(ledger, study, uri):
    projector = Projector(ledger, study, uri)
    while not projector.sync():
        pass
    return projector


def losses(client, projector):
    """The measurements of the trial's run."""
    runs = client.search_runs([projector.experiment], "tags.trial = '0'")
    return [m.value for run in runs for m in client.get_metric_history(run.info.run_id, "val_loss")]


def test_a_study_whose_name_was_deleted_gets_an_experiment_beside_it(ledger, uri, client):
    first, _ = measured(ledger)
    deleted = send(ledger, first, uri).experiment
    client.delete_experiment(deleted)
    for expected in ("small (2)", "small (2)"):  # and the next one joins it
        study, _ = measured(ledger)
        sent = send(ledger, study, uri)
        assert client.get_experiment(sent.experiment).name == expected
    assert client.get_experiment(deleted).lifecycle_stage == "deleted"  # as its user wants it


def test_a_running_study_whose_experiment_is_deleted_is_sent_anew(ledger, uri, client):
    study, lease = measured(ledger)
    client.delete_experiment(send(ledger, study, uri).experiment)
    ledger.record(lease, interval=3, epoch=3, training_s=1, rows={0: {"val_loss": [0.25]}}, final=True)
    sent = send(ledger, study, uri)
    assert sorted(losses(client, sent)) == [0.25, 0.5, 1.0]


def test_a_running_study_whose_run_is_deleted_is_sent_anew(ledger, uri, client):
    study, lease = measured(ledger)
    for run in client.search_runs([send(ledger, study, uri).experiment]):
        client.delete_run(run.info.run_id)
    ledger.record(lease, interval=3, epoch=3, training_s=1, rows={0: {"val_loss": [0.25]}}, final=True)
    assert sorted(losses(client, send(ledger, study, uri))) == [0.25, 0.5, 1.0]


def test_what_was_sent_is_not_sent_again(ledger, uri, client):
    study, _ = measured(ledger)
    for _ in range(3):
        sent = send(ledger, study, uri)
    assert losses(client, sent) == [1.0, 0.5]


@pytest.mark.parametrize("lost", [1, 2])  # the answer about the study's parameters, then the trial's
def test_a_run_whose_parameters_did_not_arrive_gets_them_from_whoever_finds_it(
    ledger, uri, client, monkeypatch, lost
):
    from mlflow import MlflowClient

    study, _ = measured(ledger)
    log_batch, sent = MlflowClient.log_batch, []

    def breaks_off(self, run_id, *args, params=(), **more):
        sent.extend(run_id for _ in params[:1])
        if params and len(sent) == lost:
            raise OSError("killed, or MLflow is away")
        return log_batch(self, run_id, *args, params=params, **more)

    monkeypatch.setattr(MlflowClient, "log_batch", breaks_off)
    with pytest.raises(OSError, match="killed"):
        send(ledger, study, uri)
    projector = send(ledger, study, uri)
    runs = {run.data.tags.get("trial"): run for run in client.search_runs([projector.experiment])}
    assert runs["0"].data.params.items() >= {"estimator": "decoupled", "tau_f": "0.5"}.items()
    assert runs[None].data.params.items() >= {"dataset": "digits", "seeds": "2"}.items()
    assert len(runs) == 2
