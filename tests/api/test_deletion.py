"""DELETE: what is removed with a study, and requests that arrive during it."""

import shutil

import pytest
from fastapi.testclient import TestClient

from api.answers.views import Views
from api.application.app import create
from api.application.routes import parts_of_studies
from api.application.service import Service
from api.settings import ServiceSettings
from tests.support.served import SMALL


@pytest.fixture
def http(tmp_path):
    settings = ServiceSettings(home=tmp_path, rate_per_minute=0, max_queued=3)
    with TestClient(create(settings), base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


def submitted(http):
    return http.post("/studies", json=SMALL).json()["id"]


def test_a_studys_files_go_with_it_and_those_of_others_stay(http, tmp_path):
    study, other = submitted(http), submitted(http)
    for room in ("reports", "artifacts", "checkpoints", "tune"):
        for owner in (study, other):
            (tmp_path / room / owner).mkdir(parents=True)
            (tmp_path / room / owner / "file").touch()
    http.post(f"/studies/{study}/cancel")
    assert http.delete(f"/studies/{study}").status_code == 204
    assert not list(tmp_path.rglob(study))
    assert len(list(tmp_path.rglob(f"{other}/file"))) == 4


@pytest.mark.parametrize(
    ("method", "route"),
    [
        ("GET", ""), ("GET", "/results"), ("GET", "/trials"), ("GET", "/curves"), ("GET", "/events"),
        ("GET", "/figures/landscape.png"), ("GET", "/search"), ("GET", "/trials/0"), ("GET", "/files"),
        ("GET", "/files/report.html"), ("GET", "/files/trials.csv"), ("GET", "/files/trials.parquet"),
        ("GET", "/files/figures/landscape.svg"), ("POST", "/cancel"), ("POST", "/resume"),
        ("POST", "/resume?restart_trials=true"), ("POST", "/confirm?seeds=1"), ("PATCH", ""), ("DELETE", ""),
    ],
)  # fmt: skip
def test_a_study_that_is_deleted_while_it_is_asked_for_is_not_there(http, monkeypatch, method, route):
    study = submitted(http)
    find = Service.find

    def found_and_deleted(self, study_id, caller):
        row = find(self, study_id, caller)
        self.queue.cancel(study_id)
        self.queue.delete(study_id)
        return row

    monkeypatch.setattr(Service, "find", found_and_deleted)
    written = {"comment": "late"} if method == "PATCH" else None
    answer = http.request(method, f"/studies/{study}{route}", json=written)
    if route == "/events":
        assert "event: deleted" in answer.text
    elif method == "GET":  # what was read of it before may still be told
        assert answer.status_code in (200, 404)
    else:
        assert answer.status_code == 404


def test_a_file_that_goes_with_its_study_while_it_is_asked_for_is_not_there(http, tmp_path, monkeypatch):
    study = submitted(http)
    folder = tmp_path / "artifacts" / study / "trial-0"
    folder.mkdir(parents=True)
    (folder / "model.bin").write_bytes(b"weights")
    route = f"/studies/{study}/files/trials/0/model.bin"
    assert http.get(route).content == b"weights"
    listed = parts_of_studies.trial_files

    def listed_and_removed(*where):
        found = listed(*where)
        shutil.rmtree(folder, ignore_errors=True)
        return found

    monkeypatch.setattr("api.answers.files.trial_files", listed_and_removed)
    assert http.get(route).status_code == 404
    assert http.get(route).json()["detail"].startswith("the study has no such file")


def test_a_family_has_the_studies_that_are_there(http, monkeypatch):
    study, other = submitted(http), submitted(http)
    listed = Views.listed

    def listed_and_deleted(self, page):
        lines = listed(self, page)
        http.app.state.service.queue.cancel(study)
        http.app.state.service.queue.delete(study)
        return lines

    monkeypatch.setattr(Views, "listed", listed_and_deleted)
    answer = http.get("/studies?correct=holm")
    assert (answer.status_code, [s["id"] for s in answer.json()["items"]]) == (200, [other])


def test_a_study_that_is_deleted_right_after_it_was_submitted_is_not_there(http, monkeypatch):
    service = http.app.state.service
    submit = service.queue.submit

    def submitted_and_deleted(**given):
        study, new = submit(**given)
        service.queue.cancel(study)
        service.queue.delete(study)
        return study, new

    monkeypatch.setattr(service.queue, "submit", submitted_and_deleted)
    assert http.post("/studies", json=SMALL).status_code == 404


def test_a_request_that_is_sent_again_after_the_deletion_makes_no_second_study(http):
    once = {"Idempotency-Key": "once"}
    study = http.post("/studies", json=SMALL, headers=once).json()["id"]
    http.post(f"/studies/{study}/cancel")
    http.delete(f"/studies/{study}")
    again = http.post("/studies", json=SMALL, headers=once)
    assert again.status_code == 409
    assert f"made study {study}, which has been deleted" in again.json()["detail"]


def test_the_place_in_the_queue_is_part_of_a_studys_version(http):
    first, second = submitted(http), submitted(http)
    before = http.get(f"/studies/{second}")
    assert before.json()["position"] == 2
    http.post(f"/studies/{first}/cancel")
    after = http.get(f"/studies/{second}", headers={"If-None-Match": before.headers["etag"]})
    assert (after.status_code, after.json()["position"]) == (200, 1)
    same = http.get(f"/studies/{second}", headers={"If-None-Match": after.headers["etag"]})
    assert same.status_code == 304


def test_so_many_studies_wait_and_the_next_is_told_to_come_again(http):
    for _ in range(3):
        last = submitted(http)
    refused = http.post("/studies", json=SMALL)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    http.post(f"/studies/{last}/cancel")
    assert http.post("/studies", json=SMALL).status_code == 202
