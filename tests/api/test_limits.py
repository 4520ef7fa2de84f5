"""Limits on what a study may cost on a service: trials, members, weights, hours."""

import pytest
from fastapi.testclient import TestClient

from api.application.app import create
from api.settings import ServiceSettings
from tests.support.served import SMALL, Driver
from tuner.spec.study import load_spec, preset_names


@pytest.fixture
def planned(tmp_path):
    """Asks a service with some settings for a plan."""
    opened = []

    def ask(spec, **settings):
        app = create(ServiceSettings(home=tmp_path, rate_per_minute=0, **settings))
        opened.append(TestClient(app, base_url="http://localhost"))
        return opened[-1].__enter__().post("/studies/plan", json=spec)

    yield ask
    for client in opened:
        client.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("changes", "weights"),
    [
        ({"options": {"units": [100_000] * 1000}}, 999 * 10**10),
        ({"options": {"units": [20_000, 20_000]}}, 4 * 10**8),
        ({"task": "catae", "options": {"hidden": [100_000], "latents": 10_000, "classes": 100}}, 2 * 10**11),
        ({"task": "dln", "dataset": "digits", "options": {"widths": [1_000_000] * 10}}, 16 * 10**7),
    ],
)
def test_a_model_that_no_machine_holds_is_refused(planned, changes, weights):
    answer = planned(SMALL | {"baselines": []} | changes)
    assert answer.status_code == 422, answer.text
    told = {e["field"]: e["message"] for e in answer.json()["errors"]}
    assert told == {
        "options": f"a model may have at most 100000000 weights between its hidden layers, and has {weights}"
    }


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_within_the_limits(planned, name):
    assert planned({"preset": name}).status_code == 200


def test_a_service_may_limit_the_hours(planned):
    limited = planned(SMALL, max_hours=12.0).json()
    assert limited["spec"]["max_hours"] == 12.0
    assert limited["notes"] == ["max_hours: this service gives a study 12 hours"]
    assert planned(SMALL | {"max_hours": 2}, max_hours=12.0).json()["spec"]["max_hours"] == 2.0
    refused = planned(SMALL | {"max_hours": 13}, max_hours=12.0).json()
    assert [e["field"] for e in refused["errors"]] == ["max_hours"]
    assert planned(SMALL | {"max_hours": 13}).json()["spec"]["max_hours"] == 13.0


def test_a_presets_weights_are_counted():
    from trainables.tasks import task_type

    spec = load_spec("sbn-paper")
    assert task_type(spec.task).options_type.parse(spec.options).weights == 200 * 200


# --- of one owner ---


@pytest.fixture
def limited(tmp_path):
    """A service where an owner has three studies at most, of which one waits, and its parts."""
    app = create(ServiceSettings(home=tmp_path, rate_per_minute=0, max_studies=3, max_queued=1))
    with TestClient(app, base_url="http://localhost") as http:
        yield http, app.state.service


def test_what_is_resumed_or_confirmed_waits_as_what_is_submitted_does(limited):
    http, service = limited
    ends = {"resume": "failed", "resume?restart_trials=true": "interrupted", "confirm?seeds=2": "succeeded"}
    studies = {}
    for verb, state in ends.items():
        study = http.post("/studies", json=SMALL).json()["id"]
        studies[verb] = study
        Driver(service, study).finish(state)
    http.post(f"/studies/{studies['resume']}/resume").raise_for_status()
    for verb in list(ends)[1:]:
        before = http.get(f"/studies/{studies[verb]}").json()
        answer = http.post(f"/studies/{studies[verb]}/{verb}")
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "60")
        assert "TUNER_MAX_QUEUED" in answer.json()["detail"]
        assert http.get(f"/studies/{studies[verb]}").json() == before
    assert http.post(f"/studies/{studies['resume']}/resume").status_code == 202  # it waits already


def test_one_owner_keeps_so_many_studies(limited):
    http, _ = limited
    once = {"Idempotency-Key": "1"}
    made = [http.post("/studies", json=SMALL, headers=once).json()["id"]]
    for _ in range(2):
        http.post(f"/studies/{made[-1]}/cancel")
        made.append(http.post("/studies", json=SMALL).json()["id"])
    http.post(f"/studies/{made[-1]}/cancel")
    refused = http.post("/studies", json=SMALL)
    assert refused.status_code == 403
    assert "TUNER_MAX_STUDIES" in refused.json()["detail"]
    assert http.post("/studies", json=SMALL, headers=once).status_code == 200  # it made one already
    http.delete(f"/studies/{made[1]}")
    assert http.post("/studies", json=SMALL).status_code == 202
