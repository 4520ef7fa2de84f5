"""Ray's dashboard under the service's own address: who may see it, what is passed on, and what is
withheld.
"""

import time
from contextlib import contextmanager

import pytest
from fastapi.testclient import TestClient

from api.application.app import create
from api.settings import ServiceSettings
from api.studies import dashboard as passing
from api.studies.dashboard import COOKIE, Dashboard
from tests.support.fake_server import answering
from tests.support.served import SMALL
from tuner.ledger.api_keys import ApiKeys

FROM_OUR_PAGE = {"Sec-Fetch-Site": "same-origin"}
FROM_ELSEWHERE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}


class FakeRay:
    """A dashboard that keeps what it was asked."""

    def __init__(self):
        self.asked, self.ours, self.jobs = [], True, ["ab12-1"]

    def __call__(self, method, path, headers, _body):
        self.asked.append((method, path, dict(headers)))
        headers = {"Content-Type": "text/html", "Set-Cookie": "ray=secret", "ETag": '"1"'}
        if path.startswith("/api/jobs/") and "?" not in path and path.rpartition("/")[2] not in self.jobs:
            return 404, headers, b"no such job"
        return 200, headers, b"a page of Ray's"


@pytest.fixture
def ray():
    return FakeRay()


@pytest.fixture
def serve(tmp_path, ray, monkeypatch):
    """Makes clients of a service with such a dashboard."""
    monkeypatch.setenv("RAY_AUTH_TOKEN", "the-token")

    @contextmanager
    def served(**settings):
        with answering(ray) as address:
            app = create(ServiceSettings(home=tmp_path, rate_per_minute=0, **settings))
            service = app.state.service
            service.show(Dashboard(service.keys, lambda: address, lambda _: ray.ours))
            with TestClient(app, base_url="http://localhost", follow_redirects=False) as http:
                yield http

    return served


def key_of(http, *scopes):
    key, row = ApiKeys(http.app.state.service.ledger).create("me", scopes)
    return {"Authorization": f"Bearer {key}"} | FROM_OUR_PAGE, row


@pytest.mark.parametrize(
    ("asked", "passed_on"),
    [
        ("a%3Fb", "/a%3Fb"), ("a%23b?c=d", "/a%23b?c=d"), ("a b/[c]", "/a%20b/%5Bc%5D"),
        ("%C3%A9", "/%C3%A9"), ("/elsewhere.example", "/elsewhere.example"), ("a?b=%00", "/a?b=%00"),
    ],
)  # fmt: skip
def test_a_path_is_passed_on_as_it_came(serve, ray, asked, passed_on):
    with serve() as http:
        assert http.get(f"/ray/{asked}").status_code == 200
    assert ray.asked[-1][1] == passed_on


def test_without_keys_this_machine_may_look_and_the_token_stays_here(serve, ray):
    with serve() as http:
        assert http.get("/ray").headers["location"] == "/ray/"
        answer = http.get("/ray/api/jobs/?limit=2", headers={"Accept": "text/html", "Cookie": "other=secret"})
    assert (answer.status_code, answer.text, answer.headers["etag"]) == (200, "a page of Ray's", '"1"')
    assert "set-cookie" not in answer.headers
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    ((method, path, headers),) = ray.asked
    assert (method, path, headers["Authorization"]) == ("GET", "/api/jobs/?limit=2", "Bearer the-token")
    assert "Cookie" not in headers
    assert "the-token" not in str(answer.headers) + answer.text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_but_looking_is_passed_on(serve, ray, method):
    with serve() as http:
        assert http.request(method, "/ray/api/jobs/").status_code == 405
    assert ray.asked == []


def test_pages_of_other_sites_may_link_there_and_not_read(serve, ray):
    with serve() as http:
        assert http.get("/ray/worker/traceback?pid=1", headers=FROM_ELSEWHERE).status_code == 403
        assert ray.asked == []
        link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
        assert http.get("/ray/", headers=link).status_code == 200


def test_another_program_at_rays_port_gets_no_token(serve, ray):
    ray.ours = False
    with serve() as http:
        assert http.get("/ray/").status_code == 503
    assert ray.asked == []


def test_a_browser_of_an_administrator_may_look_and_others_may_not(serve):
    with serve() as http:
        admin, row = key_of(http, "admin")
        reader, _ = key_of(http, "read", "submit")
        study = http.post("/studies", json=SMALL, headers=reader | {"Sec-Fetch-Site": "none"}).json()["id"]
        http.get(f"/studies/{study}", headers=reader)
        assert http.get("/ray/").status_code == 401
        given = http.get(f"/studies/{study}", headers=admin).headers["set-cookie"]
        assert {"HttpOnly", "Path=/ray/", "SameSite=strict"} <= set(given.split("; "))
        assert http.get("/ray/").status_code == 200
        ApiKeys(http.app.state.service.ledger).revoke(row.id)
        assert http.get("/ray/").status_code == 401


def test_a_pass_ends_and_cannot_be_made(serve, monkeypatch):
    with serve() as http:
        admin, row = key_of(http, "admin")
        study = http.post("/studies", json=SMALL, headers=admin).json()["id"]
        http.get(f"/studies/{study}", headers=admin)
        good = http.cookies[COOKIE]
        later = str(int(time.time()) + 10**6)
        mac = good.rpartition(".")[2]
        forged = [f"{row.id}.{later}.{mac}", f"{row.id}.{later}.", f"{row.id}", "", "..", f"{good}x"]
        http.cookies.clear()
        for text in forged:
            assert http.get("/ray/", headers={"Cookie": f"{COOKIE}={text}"}).status_code == 401
        after = time.time() + 5 * 3600
        monkeypatch.setattr(passing.time, "time", lambda: after)
        assert http.get("/ray/", headers={"Cookie": f"{COOKIE}={good}"}).status_code == 401


def test_only_our_page_is_given_a_pass(serve):
    with serve() as http:
        admin, _ = key_of(http, "admin")
        study = http.post("/studies", json=SMALL, headers=admin).json()["id"]
        answer = http.get(f"/studies/{study}", headers=admin | {"Sec-Fetch-Site": "none"})
        assert "set-cookie" not in answer.headers


def test_a_study_links_to_its_job_there(serve):
    with serve() as http:
        study = http.post("/studies", json=SMALL).json()["id"]
        http.app.state.service.queue.claim(1)
        assert http.get(f"/studies/{study}").json()["links"]["job"] == f"/ray/job/{study}-1"


def test_where_ray_is_somebody_elses_there_is_no_such_page(tmp_path):
    app = create(ServiceSettings(home=tmp_path, ray_address="http://127.0.0.1:9"))
    with TestClient(app, base_url="http://localhost") as http:
        assert http.get("/ray/").status_code == 404


def test_a_studys_job_leads_to_its_page_while_ray_knows_it(serve, ray):
    with serve() as http:
        there = http.get("/ray/job/ab12-1")
        assert (there.status_code, there.headers["location"]) == (307, "/ray/#/jobs/ab12-1")
        ray.jobs.clear()  # it was started again
        gone = http.get("/ray/job/ab12-1")
        assert (gone.status_code, gone.json()["title"]) == (404, "Not found")
        assert "started again after the job had run" in gone.json()["detail"]
        asked = len(ray.asked)
        assert http.get("/ray/job/no-name").status_code == 404
        assert len(ray.asked) == asked


def test_a_browser_is_shown_a_page_that_leads_back(serve, ray):
    browser = {"Accept": "text/html,application/xhtml+xml", "Sec-Fetch-Mode": "navigate"}
    with serve() as http:
        gone = http.get("/ray/job/ff-1", headers=browser)
        ray.ours = False
        away = http.get("/ray/", headers=browser)
        read_by_program = http.get("/ray/")
    assert gone.status_code == 404
    assert gone.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in gone.headers["content-security-policy"]
    assert '<a href="/#/studies/ff">The study</a>' in gone.text
    assert "Ray knows no such job" in gone.text
    assert (away.status_code, away.headers["retry-after"]) == (503, "10")
    assert "Ray is being started again." in away.text
    assert '<a href="/#/">All studies</a>' in away.text
    assert read_by_program.headers["content-type"] == "application/problem+json"


def test_a_job_is_shown_to_administrators_only(serve):
    with serve() as http:
        key_of(http, "admin")
        http.get("/studies", headers=key_of(http, "read")[0])
        answer = http.get("/ray/job/ab12-1", headers={"Accept": "text/html"})
    assert answer.status_code == 401
    assert "is for administrators" in answer.text
