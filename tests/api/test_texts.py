"""Texts that a database cannot store are refused before it is asked, with either database."""

import base64
import json
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient

from api.application.app import create
from api.settings import ServiceSettings
from tests.support.served import SMALL

JSON = {"Content-Type": "application/json"}
TEXTS = ["\0", "a\0b", "\ud800", "\x7f", "\x1b[31m", "\u202e", "a" * 300]


@pytest.fixture
def http(ledger, tmp_path):
    settings = ServiceSettings(home=tmp_path, ledger_url=ledger.url, rate_per_minute=0)
    with TestClient(create(settings), base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


def cursor(*parts):
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


@pytest.mark.parametrize("text", TEXTS)
def test_no_text_that_comes_in_is_an_error_of_the_database(http, text):
    known = http.post("/studies", json=SMALL).json()["id"]
    when = "2026-01-01T00:00:00+00:00"
    in_url = quote(text.encode("utf-8", "replace"))  # half a surrogate pair has no place in an address
    for value in (cursor(when, text), cursor(text, "a"), cursor(text), in_url):
        assert http.get(f"/studies?cursor={value}").status_code == 422
        assert http.get(f"/studies/{known}/trials?cursor={value}").status_code == 422
    for name in ("task", "prefix", "state"):
        assert http.get(f"/studies?{name}={in_url}").status_code == 422
    assert http.get(f"/studies/{known}/figures/{in_url}.png").status_code == 404
    content = json.dumps(SMALL | {"name": text}).encode()
    refused = http.post("/studies", content=content, headers=JSON)
    assert refused.status_code in (400, 422)
    options = json.dumps(SMALL | {"dataset_options": {"folder": text, text: 1}}).encode()
    assert http.post("/studies", content=options, headers=JSON).status_code in (400, 422)
    for field in ({"comment": text * 100}, {"tags": [text]}):
        beside = json.dumps(field).encode()
        written = http.patch(
            f"/studies/{known}", content=beside, headers={"Content-Type": "application/json"}
        )
        assert written.status_code < 500
    assert http.get(f"/studies/{known}").status_code == 200
    once = {b"Idempotency-Key": text.encode("utf-8", "surrogatepass")}
    assert http.post("/studies", json=SMALL, headers=once).status_code == 422


def test_a_backslash_before_u0000_is_text(http):
    study = http.post("/studies", json=SMALL).json()["id"]
    comment = "\\u0000 and C:\\\\u0000"
    assert http.patch(f"/studies/{study}", json={"comment": comment}).json()["comment"] == comment
    refused = http.patch(f"/studies/{study}", json={"comment": "a\\\0"})
    assert (refused.status_code, "U+0000" in refused.text) == (400, True)
