"""The service's caches: they stay within their bounds whatever is asked, and a client that has an answer
already is not sent it again.
"""

import threading

import pytest
from fastapi.testclient import TestClient

from api.answers.cache import Cache, bytes_of
from api.answers.conditional import answer
from api.application.app import create
from api.settings import ServiceSettings
from tests.support.specs import GOOD
from tuner.ledger.rows import Proposal


def test_the_one_used_least_lately_goes_first():
    cache = Cache[str](2)
    for name in ("a", "b"):
        cache.keep(name, 1, name)
    assert cache.get("a", 1, pytest.fail) == "a"
    cache.keep("c", 1, "c")
    assert [cache.find(name, 1) for name in "abc"] == ["a", None, "c"]
    assert len(cache) == 2


def test_a_new_version_takes_the_place_of_the_old_one():
    cache = Cache[str](10)
    made = [cache.get("a", version, lambda version=version: f"{version}") for version in (1, 2, 2, 1)]
    assert made == ["1", "2", "2", "1"]
    assert len(cache) == 1


def test_a_cache_of_bytes_counts_what_an_entry_takes_beside_them():
    cache = Cache[bytes](10_000, bytes_of)
    for i in range(1_000):
        cache.keep(i, 0, b"")  # as many as one likes, of nothing
    assert len(cache) < 40
    cache.keep("large", 0, b"x" * 20_000)
    assert cache.find("large", 0) is None  # it would have to be alone, and more than all
    assert cache.find(999, 0) == b""


def test_none_is_a_value_and_an_error_is_not():
    cache = Cache[str | None](10)
    assert cache.get("a", 1, lambda: None) is None
    assert cache.get("a", 1, pytest.fail) is None
    with pytest.raises(KeyError):
        cache.get("b", 1, {}.popitem)
    assert cache.get("b", 1, lambda: "made after all") == "made after all"


def test_a_value_is_made_by_one_thread():
    cache, made, began = Cache[int](10), [], threading.Barrier(8)

    def make():
        made.append(1)
        return len(made)

    def ask():
        began.wait()
        assert cache.get("a", 1, make) == 1

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


@pytest.mark.parametrize(
    ("match", "status"),
    [
        (None, 200),
        ('"7-running"', 304),
        ('W/"7-running"', 304),
        ('"6-running", "7-running"', 304),
        ("*", 304),
        ('"17-running"', 200),
        ("7-running", 200),
        ('"7-running', 200),
        ("", 200),
    ],
)
def test_a_tag_is_compared_whole(match, status):
    sent = answer(match, '"7-running"', lambda: b"{}")
    assert (sent.status_code, sent.body) == (status, b"{}" if status == 200 else b"")
    assert sent.headers["etag"] == '"7-running"'


# --- over the service ---


def trained(http, ledger):
    study = http.post("/studies", json=GOOD).json()["id"]
    lease = ledger.acquire(study, {})
    proposals = [Proposal("search", "decoupled", tau_f, 1.0, 0.001) for tau_f in (0.5, 1.0)]
    ledger.start_population(lease, "p", proposals, [0, 1])
    rows = {number: {"val_loss": [1.0, 2.0]} for number in (0, 1)}
    ledger.record(lease, interval=1, epoch=1, training_s=1, rows=rows, final=True)
    ledger.release(lease, "succeeded")
    return study


def test_every_answer_with_a_tag_is_sent_once(http, service):
    study = trained(http, service.ledger)
    routes = ["/results", "/trials", "/curves", "/figures/landscape.png", ""]
    for path in ["/studies", *(f"/studies/{study}{route}" for route in routes)]:
        tag = http.get(path).headers["etag"]
        for match in (tag, f'"another", W/{tag}', "*"):
            again = http.get(path, headers={"If-None-Match": match})
            assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag), path
        assert http.get(path, headers={"If-None-Match": f'"x{tag[1:]}'}).status_code == 200


def test_names_of_figures_that_there_are_not_leave_nothing_behind(http, service):
    study = trained(http, service.ledger)
    assert http.get(f"/studies/{study}/figures/landscape.png").status_code == 200
    kept = len(service.drawings)
    for i in range(30):
        assert http.get(f"/studies/{study}/figures/name-{i}.png").status_code == 404
    assert len(service.drawings) == kept == 1


def test_a_page_is_whole_even_if_its_lines_are_not_kept(tmp_path, monkeypatch):
    for bound in ("STUDIES_KEPT", "LINES_KEPT_BYTES"):
        monkeypatch.setattr(f"api.answers.views.{bound}", 2)
    with TestClient(
        create(ServiceSettings(home=tmp_path, rate_per_minute=0)), base_url="http://localhost"
    ) as http:
        made = [http.post("/studies", json=GOOD).json()["id"] for _ in range(5)]
        for _ in range(2):
            items = http.get("/studies").json()["items"]
            assert [row["id"] for row in items] == made[::-1]
            assert {row["progress"]["trials"]["total"] for row in items} == {6}


def test_what_is_written_beside_a_study_lets_nothing_be_made_again(http, service, monkeypatch):
    from api.answers import figures

    study, drawn = trained(http, service.ledger), []
    for part, made in (("names", ["landscape"]), ("draw", b"a picture")):
        monkeypatch.setattr(figures, part, lambda *_, made=made: drawn.append(1) or made)
    routes = ("", "/results", "/curves", "/search", "/files", "/figures/landscape.png", "/files/trials.csv")
    tags = {route: http.get(f"/studies/{study}{route}").headers.get("etag") for route in routes}
    assert len(drawn) == 2
    written = http.patch(f"/studies/{study}", json={"comment": "seen"}).raise_for_status()
    assert written.json()["figures"]
    for route in routes:
        again = http.get(f"/studies/{study}{route}", headers={"If-None-Match": tags[route] or ""})
        assert again.status_code == (200 if route in ("", "/files") else 304), route
    assert len(drawn) == 2


def test_an_etag_is_of_this_version_of_the_program(http, service, monkeypatch):
    study = trained(http, service.ledger)
    routes = [f"/studies/{study}{route}" for route in ("", "/results", "/trials/0", "/files/spec.yaml")]
    tags = {route: http.get(route).headers["etag"] for route in routes}
    monkeypatch.setattr("api.answers.versions.VERSION", "another")
    for route, tag in tags.items():
        assert http.get(route, headers={"If-None-Match": tag}).status_code == 200
