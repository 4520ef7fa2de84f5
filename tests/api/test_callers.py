"""Who may ask the service, how often, and which studies they see: keys, owners, limits, streams."""

import threading

import httpx
import pytest
from fastapi.testclient import TestClient

from api.answers import events, streams
from api.application.app import create
from api.requests import callers
from api.requests.errors import Problem
from api.requests.limiter import Limiter
from api.settings import ServiceSettings
from tests.support.patience import patient, wait_for
from tests.support.served import SMALL
from tests.support.specs import TINY
from tests.support.submissions import submitted
from tuner.errors import UserError
from tuner.ledger.api_keys import ApiKeys
from tuner.ledger.store import Ledger
from tuner.ledger.tables import api_keys


@pytest.fixture
def make(tmp_path):
    """Makes a client of a service with some settings."""
    opened = []

    def made(**settings):
        app = create(ServiceSettings(home=tmp_path, **{"rate_per_minute": 0, **settings}))
        opened.append(TestClient(app, base_url="http://localhost"))
        return opened[-1].__enter__()

    yield made
    for client in opened:
        client.__exit__(None, None, None)


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


def keys_of(http):
    return ApiKeys(http.app.state.service.ledger)


# --- owners ---


def test_a_key_that_is_rotated_keeps_its_studies(make):
    http = make()
    key, row = keys_of(http).create("me", ["submit", "read"])
    study = http.post("/studies", json=SMALL, headers=bearer(key)).json()["id"]
    new, new_row = keys_of(http).rotate(row.id)
    assert http.get("/studies", headers=bearer(key)).status_code == 401
    assert [s["id"] for s in http.get("/studies", headers=bearer(new)).json()["items"]] == [study]
    assert (new_row.owner, new_row.scopes, new_row.name) == (row.owner, row.scopes, "me")
    with pytest.raises(UserError, match=r"there is no key .* that is valid"):
        keys_of(http).rotate(row.id)


def test_two_keys_of_one_owner_see_the_same_studies_and_a_third_does_not(make):
    http = make()
    laptop, row = keys_of(http).create("laptop", ["submit"])
    desktop, _ = keys_of(http).create("desktop", ["read"], owner=row.owner)
    other, _ = keys_of(http).create("other", ["read"])
    study = http.post("/studies", json=SMALL, headers=bearer(laptop)).json()["id"]
    assert http.get(f"/studies/{study}", headers=bearer(desktop)).status_code == 200
    assert http.get(f"/studies/{study}", headers=bearer(other)).status_code == 404
    with pytest.raises(UserError, match="there is no owner 'nobody'"):
        keys_of(http).create("x", ["read"], owner="nobody")


def test_no_route_tells_or_lets_change_what_is_anothers(make):
    http = make()
    mine, _ = keys_of(http).create("me", ["read", "submit"])
    another, _ = keys_of(http).create("another", ["read", "submit"])
    reader, _ = keys_of(http).create("reader", ["read"])
    study = http.post("/studies", json=SMALL | {"name": "hidden"}, headers=bearer(mine)).json()["id"]
    before = http.get(f"/studies/{study}", headers=bearer(mine)).json()
    asked = 0
    for path, operations in http.get("/openapi.json").json()["paths"].items():
        if "{study_id}" not in path:
            continue
        url = path.format(study_id=study, number=0, name="spec.yaml")
        for method in {*operations, *({"head"} if "get" in operations else ())}:
            given = {"json": {"comment": "x"}} if method == "patch" else {}
            given |= {"params": {"seeds": 1}} if path.endswith("/confirm") else {}
            expected = {another: 404, reader: 404 if method in ("get", "head") else 403, "guessed": 401}
            for key, status in expected.items():
                answer = http.request(method, url, headers=bearer(key), **given)
                assert (answer.status_code, "hidden" in answer.text) == (status, False), (method, path)
                asked += 1
    assert asked > 60
    for route in ("/studies", "/studies?correct=holm", "/studies?text=hidden", f"/studies?prefix={study}"):
        assert http.get(route, headers=bearer(another)).json()["items"] == []
    assert http.get(f"/studies/{study}", headers=bearer(mine)).json() == before


# --- a table of keys that is emptied ---


def empty(http):
    with http.app.state.service.ledger.writing() as db:
        db.execute(api_keys.delete())


def test_a_service_that_others_can_reach_answers_nobody_when_its_keys_are_gone(make):
    local = make()
    key, _ = keys_of(local).create("me", ["admin"])
    http = make(host="0.0.0.0", allowed_hosts="*")
    assert http.get("/studies", headers=bearer(key)).status_code == 200
    empty(http)
    for headers in ({}, bearer(key)):
        for route in ("/studies", "/tasks", "/metrics"):
            assert http.get(route, headers=headers).status_code == 401
    assert http.post("/studies", json=SMALL).status_code == 401
    assert local.get("/studies").status_code == 200  # this one is for the machine itself


def test_a_service_that_has_had_keys_answers_nobody_when_they_are_gone(make):
    http = make()
    key, _ = keys_of(http).create("me", ["admin"])
    assert http.get("/studies", headers=bearer(key)).status_code == 200
    empty(http)  # it may be behind a proxy that others reach
    assert [http.get("/studies", headers=headers).status_code for headers in ({}, bearer(key))] == [401, 401]


def test_an_address_beyond_loopback_is_seen_whatever_the_settings_say(make):
    http = make(allowed_hosts="*")
    assert http.get("/studies").status_code == 200
    http.base_url = "http://10.1.2.3"  # which is where the request comes to
    assert http.get("/studies").status_code == 401


# --- limits ---


def test_keys_are_not_looked_up_for_an_address_that_asks_too_often(make, monkeypatch):
    http = make(rate_per_minute=8)  # two at once
    keys_of(http).create("me", ["read"])
    looked_up = []
    find = ApiKeys.find
    monkeypatch.setattr(ApiKeys, "find", lambda self, key: looked_up.append(key) or find(self, key))
    answers = [http.get("/studies", headers=bearer(f"guess-{n}")).status_code for n in range(20)]
    assert answers == [401] * 2 + [429] * 18
    assert len(looked_up) == 2


@pytest.mark.parametrize("route", ["/", "/docs", "/static/app.js", "/openapi.json"])
def test_what_needs_no_key_is_limited_too_and_health_is_not(make, route):
    http = make(rate_per_minute=8)  # two at once
    assert [http.get(route).status_code for _ in range(4)] == [200, 200, 429, 429]
    assert {http.get("/healthz").status_code for _ in range(20)} == {200}


def test_keys_at_one_address_do_not_limit_each_other(make):
    http = make(rate_per_minute=8)
    keys = [keys_of(http).create(str(n), ["read"])[0] for n in range(4)]
    for key in keys:
        assert [http.get("/tasks", headers=bearer(key)).status_code for _ in range(3)] == [200, 200, 429]


# --- streams ---


@pytest.fixture
def fast(monkeypatch):
    monkeypatch.setattr(events, "EVERY_S", 0.05)


class Stream(threading.Thread):
    """An event stream that is read until it ends."""

    def __init__(self, service, study, key=None):
        super().__init__(daemon=True)
        self.url = f"{service.address}studies/{study}/events"
        self.headers, self.first, self.text, self.status = (
            bearer(key) if key else {},
            threading.Event(),
            "",
            None,
        )
        self.start()

    def run(self):
        with httpx.stream("GET", self.url, headers=self.headers, timeout=patient(60)) as answer:
            for chunk in answer.iter_text():
                self.text += chunk
                self.first.set()


@pytest.mark.usefixtures("fast")
def test_the_stream_of_a_key_that_is_revoked_ends(served):
    keys = ApiKeys(served.ledger)
    (mine, row), (others, _) = keys.create("a", ["admin"]), keys.create("b", ["admin"])
    study = served.create()
    ending, going_on = Stream(served, study, mine), Stream(served, study, others)
    for stream in (ending, going_on):
        assert stream.first.wait(patient(20))
    keys.revoke(row.id)
    ending.join(patient(20))
    assert not ending.is_alive()
    assert "event: done" not in ending.text
    assert going_on.is_alive()
    served.ledger.release(served.ledger.acquire(study, {}), "succeeded")
    going_on.join(patient(20))
    assert "event: done" in going_on.text


@pytest.mark.usefixtures("fast")
def test_the_stream_of_whoever_had_no_key_ends_when_there_are_keys(served):
    stream = Stream(served, served.create())
    assert stream.first.wait(patient(20))
    ApiKeys(served.ledger).create("first", ["admin"])
    stream.join(patient(20))
    assert not stream.is_alive()


@pytest.mark.usefixtures("fast")
def test_one_caller_has_so_many_streams_and_gets_others_when_they_end(served):
    study = served.create()
    most = [Stream(served, study) for _ in range(streams.MOST_STREAMS)]
    for stream in most:
        assert stream.first.wait(patient(30))
    one_more = httpx.get(most[0].url)
    assert (one_more.status_code, one_more.headers["retry-after"]) == (429, "10")
    served.ledger.release(served.ledger.acquire(study, {}), "succeeded")
    for stream in most:
        stream.join(patient(30))
    wait_for(lambda: httpx.get(most[0].url).status_code == 200, 20)


def test_the_words_of_the_header_do_not_matter_but_the_key_does(make):
    http = make()
    key, _ = keys_of(http).create("me", ["read"])
    assert http.get("/tasks", headers={"Authorization": f"bearer  {key} "}).status_code == 200
    for wrong in (f"Basic {key}", key, f"Bearer {key}x", "Bearer", "Bearer \x00", ""):
        assert http.get("/tasks", headers={"Authorization": wrong}).status_code == 401
    assert callers.EVERYBODY.sees is None


def test_a_key_sees_its_own_studies_and_does_what_its_scopes_say(http, service):
    before = submitted(http)
    keys = ApiKeys(service.ledger)
    mine, reader, admin = (
        {"Authorization": f"Bearer {keys.create(name, scopes)[0]}"}
        for name, scopes in (("a", ["read", "submit"]), ("b", ["read"]), ("c", ["admin"]))
    )
    refused = http.get("/studies")
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert http.get("/studies", headers={"Authorization": "Bearer nonsense"}).status_code == 401
    study = http.post("/studies", json=TINY, headers=mine).json()["id"]
    assert http.post("/studies", json=TINY, headers=reader).status_code == 403
    assert [r["id"] for r in http.get("/studies", headers=mine).json()["items"]] == [study]
    assert http.get("/studies", headers=reader).json()["items"] == []
    assert http.get(f"/studies/{study}", headers=reader).status_code == 404
    assert [r["id"] for r in http.get("/studies", headers=admin).json()["items"]] == [study, before]
    keys.revoke(keys.list()[0].id)
    assert http.get("/studies", headers=mine).status_code == 401
    assert http.get("/healthz").status_code == http.get("/").status_code == 200  # these need none


def test_without_a_key_only_loopback_is_bound(tmp_path):
    settings = ServiceSettings(home=tmp_path, host="0.0.0.0")
    with pytest.raises(UserError, match=r"loopback only, not to 0\.0\.0\.0"):
        create(settings)
    ledger = Ledger(settings.ledger_address)
    ApiKeys(ledger).create("first", ["admin"])
    ledger.close()
    create(settings).state.service.ledger.close()


def test_too_many_requests_wait():
    now = 0.0
    limiter = Limiter(60, clock=lambda: now)
    for _ in range(15):
        limiter.take("a")
    with pytest.raises(Problem) as refused:
        limiter.take("a")
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (429, "2")
    limiter.take("b")
    now = 2.0
    limiter.take("a")
