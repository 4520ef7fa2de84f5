"""The service while its database cannot be reached: it says so at once, accepts nothing that it cannot
keep, and works again afterwards.
"""

from fastapi.testclient import TestClient

from api.application.app import create
from api.settings import ServiceSettings
from tests.support.patience import wait_for
from tests.support.specs import TINY


def test_a_service_whose_database_is_away_says_so_and_works_again_after(postgresql, tmp_path, monkeypatch):
    monkeypatch.setattr("api.studies.probe.EVERY_S", 0.05)
    service = create(
        ServiceSettings(home=tmp_path, ledger_url=postgresql.create("service"), rate_per_minute=0)
    )
    with TestClient(service, base_url="http://localhost", raise_server_exceptions=False) as http:
        kept = http.post("/studies", json=TINY).json()["id"]
        postgresql.kill()
        try:
            wait_for(lambda: http.get("/readyz").status_code == 503)
            assert http.get("/readyz").json()["parts"]["ledger"] == "does not answer"
            assert http.get("/healthz").status_code == 200
            for answer in (
                http.get("/studies"),
                http.get(f"/studies/{kept}"),
                http.post("/studies", json=TINY),
            ):
                assert (answer.status_code, answer.headers["content-type"]) == (
                    503,
                    "application/problem+json",
                )
                assert "postgresql://" not in answer.text  # where it is, is the operator's
        finally:
            postgresql.start()
        wait_for(lambda: http.get("/readyz").json()["parts"]["ledger"] == "ok")
        assert [s["id"] for s in http.get("/studies").json()["items"]] == [kept]
