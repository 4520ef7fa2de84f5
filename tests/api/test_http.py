"""Rules of HTTP for every route: HEAD, Allow, an id for each request; and a line in the log for each
change.
"""

import logging

import pytest
from fastapi.testclient import TestClient

from api import logs
from api.application.app import create
from api.settings import ServiceSettings
from tests.support.served import SMALL
from tuner.ledger.api_keys import ApiKeys


@pytest.fixture
def service(tmp_path):
    return create(ServiceSettings(home=tmp_path, rate_per_minute=0))


@pytest.fixture
def http(service):
    with TestClient(service, base_url="http://localhost") as client:
        yield client


@pytest.fixture
def study(http):
    return http.post("/studies", json=SMALL).json()["id"]


ROUTES = [
    "/", "/docs", "/static/app.js", "/openapi.json", "/healthz", "/readyz", "/metrics", "/tasks", "/presets",
    "/studies", "/studies/{id}", "/studies/{id}/results", "/studies/{id}/trials", "/studies/{id}/curves",
    "/studies/{id}/search", "/studies/{id}/files", "/studies/{id}/files/spec.yaml", "/studies/{id}/trials/0",
    "/studies/{id}/files/trials.csv", "/studies/{id}/figures/landscape.png", "/studies/none", "/nowhere",
]  # fmt: skip


@pytest.mark.parametrize("route", ROUTES)
def test_head_is_get_without_its_body(http, study, route):
    route = route.format(id=study)
    get, head = http.get(route), http.head(route)
    assert (head.status_code, head.content) == (get.status_code, b"")
    differ = {"x-request-id", "etag"} if route == "/metrics" else {"x-request-id"}
    without = [{n: v for n, v in answer.headers.items() if n not in differ} for answer in (get, head)]
    if route != "/metrics":  # whose content the request itself changes
        assert without[0] == without[1]


def test_head_of_a_stream_ends(http, study):
    head = http.head(f"/studies/{study}/events")
    assert (head.status_code, head.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")


@pytest.mark.parametrize(
    ("method", "route", "allowed"),
    [
        ("PUT", "/studies", "GET, HEAD, POST"),
        ("PUT", "/studies/{id}", "DELETE, GET, HEAD, PATCH"),
        ("PUT", "/studies/plan", "POST"),
        ("GET", "/studies/plan", "POST"),
        ("GET", "/studies/{id}/cancel", "POST"),
        ("POST", "/healthz", "GET, HEAD"),
        ("DELETE", "/", "GET, HEAD"),
        ("POST", "/static/app.js", "GET, HEAD"),
    ],
)
def test_a_method_that_is_not_allowed_is_told_which_are(http, study, method, route, allowed):
    answer = http.request(method, route.format(id=study))
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.headers["content-type"] == "application/problem+json"


def test_every_route_is_told_with_all_of_its_methods(http, study):
    for path, operations in http.get("/openapi.json").json()["paths"].items():
        url = path.format(study_id=study, number=0, name="landscape")
        methods = {method.upper() for method in operations}
        methods |= {"HEAD"} & {"HEAD" for method in methods if method == "GET"}
        for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - methods:
            answer = http.request(method, url)
            told = (answer.status_code, set(answer.headers.get("allow", "").split(", ")))
            assert told == (405, methods), (method, path)


@pytest.mark.parametrize(
    "path", ["/%0A", "/docs%0A", "/studies%0a", "/%00", "/ray/%0d%0aX:1", "/static/a%7f"]
)
def test_a_path_with_a_control_character_is_nobodys(http, path):
    assert http.get(path).status_code == 404


def test_every_answer_has_a_name_and_a_proxys_own_is_kept(http):
    names = {http.get("/healthz").headers["x-request-id"] for _ in range(3)}
    assert len(names) == 3
    for route in ("/healthz", "/studies/none", "/nowhere"):
        assert (
            http.get(route, headers={"X-Request-ID": "from-a-proxy"}).headers["x-request-id"]
            == "from-a-proxy"
        )
    for bad in ("short", "a" * 65, "a line feed", "<script>"):
        assert http.get("/healthz", headers={"X-Request-ID": bad}).headers["x-request-id"] != bad


@pytest.fixture
def logged(http, monkeypatch):  # noqa: ARG001  # the service sets up its logs when it starts
    """The log reaches pytest."""
    monkeypatch.setattr(logging.getLogger("tuner"), "propagate", True)


@pytest.mark.usefixtures("logged")
def test_who_did_what_to_which_study_is_in_the_log(http, service, caplog):
    key, row = ApiKeys(service.state.service.ledger).create("me", ["submit"])
    headers = {"Authorization": f"Bearer {key}", "X-Request-ID": "the-request"}
    with caplog.at_level(logging.INFO, logger="tuner.audit"):
        study = http.post("/studies", json=SMALL, headers=headers).json()["id"]
        http.patch(f"/studies/{study}", json={"comment": "secret thoughts"}, headers=headers)
        for _ in range(2):
            http.post(f"/studies/{study}/cancel", headers=headers)
        assert http.post(f"/studies/{study}/resume", headers=headers).status_code == 409
        http.delete(f"/studies/{study}", headers=headers)
    lines = [r for r in caplog.records if r.name == "tuner.audit"]
    assert [r.message for r in lines] == [
        "submitted 'small'", "annotated", "cancel: cancelled", "cancel: cancelled", "deleted 'small'",
    ]  # fmt: skip
    assert {(r.study, r.key, r.request) for r in lines} == {(study, row.id, "the-request")}
    assert f"study={study} key={row.id} request=the-request" in logs.TextFormatter().format(lines[0])
    assert key not in logs.JsonFormatter().format(lines[0])
