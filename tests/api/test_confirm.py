"""Seeds that are added to a study of the service: how they are asked for, queued, counted and refused."""

import pytest
from fastapi.testclient import TestClient

from api.application.app import create
from api.settings import ServiceSettings
from tests.support.served import SMALL, Driver
from tuner.ledger.study_queue import StudyQueue


@pytest.fixture
def study(http, service):
    """A study that has succeeded, with three fresh seeds."""
    study_id = http.post("/studies", json=SMALL).json()["id"]
    Driver(service, study_id).finish()
    return study_id


def finish(service, study):
    driver = Driver(service, study)
    service.ledger.release(driver.lease, "succeeded")


def test_seeds_are_added_once_and_the_study_is_queued_for_the_service(http, service, study):
    before = http.get(f"/studies/{study}").json()
    for _ in range(2):
        answer = http.post(f"/studies/{study}/confirm?seeds=4")
        assert (answer.status_code, answer.json()["state"]) == (202, "queued")
        assert answer.headers["location"] == f"/studies/{study}"
    row = answer.json()
    confirmed = service.ledger.study(study)
    assert confirmed.added_seeds == (4,)
    methods = sum(t.role == "confirm" for t in service.ledger.trials(study))
    for counted, more in (("trials", 3), ("members", 3 * 4)):
        assert row["progress"][counted]["total"] - before["progress"][counted]["total"] == more
    assert methods == 3
    assert row["spec"] == before["spec"]
    assert StudyQueue(service.ledger).claim(9)[0] == study
    assert http.post(f"/studies/{study}/confirm?seeds=5").status_code == 409


def test_more_than_there_is_room_for_is_refused_by_field(http, service, study):
    answer = http.post(f"/studies/{study}/confirm?seeds=998")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "seeds")
    assert "at most 997" in answer.json()["errors"][0]["message"]
    for wrong in ("0", "1001", "x"):
        assert http.post(f"/studies/{study}/confirm?seeds={wrong}").status_code == 422
    assert http.post(f"/studies/{study}/confirm").status_code == 422
    assert service.ledger.study(study).state == "succeeded"
    assert http.post("/studies/none/confirm?seeds=1").status_code == 404


def test_a_study_that_would_be_larger_than_the_service_allows_is_refused(tmp_path):
    app = create(ServiceSettings(home=tmp_path, rate_per_minute=0, max_members=40))
    with TestClient(app, base_url="http://localhost") as http:
        study = http.post("/studies", json=SMALL).json()["id"]
        Driver(app.state.service, study).finish()
        answer = http.post(f"/studies/{study}/confirm?seeds=50")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "seeds")


def test_a_study_that_has_not_succeeded_gets_none(http):
    study = http.post("/studies", json=SMALL).json()["id"]
    answer = http.post(f"/studies/{study}/confirm?seeds=5")
    assert answer.status_code == 409
    assert "added to a study that has succeeded" in answer.json()["detail"]
