"""/healthz and /readyz: they answer at once, with the last known state of each part."""

import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import BadStatusLine

import httpx
import pytest
from fastapi.testclient import TestClient

from api.answers import costly
from api.application.app import create
from api.settings import ServiceSettings
from api.studies import jobs
from api.studies import probe as probing
from api.studies.jobs import RayAwayError
from api.studies.probe import AWAY, NOT_YET, OK, Probe
from tests.support.patience import patient, wait_for
from tests.support.processes import kill
from tests.support.submissions import submitted
from tuner.errors import LedgerError, UserError
from tuner.ledger.api_keys import ApiKeys
from tuner.network import any_free_port, port_is_free


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(probing, "EVERY_S", 0.02)


@pytest.fixture
def silent():
    """The address of something that takes connections and never answers, as a stopped MLflow does."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def started(**parts):
    probe = Probe(parts, {"fixed": "not used"})
    probe.start()
    return probe


@pytest.mark.parametrize(
    "error", [UserError("no"), LedgerError("no"), ConnectionError(), ValueError(), BadStatusLine("SSH-2.0")]
)
def test_a_part_is_away_or_well_as_it_said_last(error):
    wrong = True

    def ask():
        if wrong:
            raise error

    probe = started(part=ask)
    wait_for(lambda: probe.said() == {"fixed": "not used", "part": AWAY}, 10)
    wrong = False
    wait_for(lambda: probe.said()["part"] == OK, 10)
    probe.stop()


def test_a_part_that_hangs_is_away_and_holds_up_no_other(monkeypatch):
    hanging, go_on = threading.Event(), threading.Event()

    def hang():
        if go_on.is_set():
            return
        hanging.set()
        go_on.wait(patient(30))

    assert Probe({"part": hang}, {}).said() == {"part": NOT_YET}
    probe = started(part=hang, other=lambda: None)
    assert hanging.wait(patient(10))
    monkeypatch.setattr(probing, "HANGS_S", 0.0)
    wait_for(lambda: probe.said() == {"fixed": "not used", "part": AWAY, "other": OK}, 10)
    monkeypatch.setattr(probing, "HANGS_S", 10.0)
    go_on.set()
    wait_for(lambda: probe.said()["part"] == OK, 10)
    probe.stop()


def test_the_end_waits_for_an_answer_that_is_on_its_way_and_for_no_part_that_hangs(monkeypatch):
    """The ledger is closed next, and a connection that is in use would stay open."""
    asked, go_on, answered = threading.Event(), threading.Event(), []

    def ask():
        asked.set()
        go_on.wait(patient(30))
        answered.append(True)

    monkeypatch.setattr(probing, "STOPPED_S", patient(30))
    probe = started(part=ask)
    assert asked.wait(patient(10))
    threading.Timer(0.2, go_on.set).start()
    probe.stop()
    assert answered == [True]

    asked.clear()
    go_on.clear()
    monkeypatch.setattr(probing, "STOPPED_S", 0.05)
    probe = started(part=ask)
    assert asked.wait(patient(10))
    probe.stop()
    assert answered == [True]
    go_on.set()


def test_readiness_is_the_ledgers_and_every_part_is_named(tmp_path, silent):
    def away():
        raise RayAwayError("away")

    app = create(ServiceSettings(home=tmp_path, ray_address="http://127.0.0.1:9", mlflow_uri=silent))
    with TestClient(app, base_url="http://localhost") as http:
        wait_for(lambda: http.get("/readyz").json()["parts"]["ray"] == AWAY, 30)
        wait_for(lambda: http.get("/readyz").json()["parts"]["mlflow"] == AWAY, 30)
        ready = http.get("/readyz")
        assert (ready.status_code, ready.json()["ready"]) == (200, True)
        assert ready.json()["parts"]["ledger"] == OK


def test_nobody_waits_while_every_thread_is_taken(served, monkeypatch):
    go_on, waiting = threading.Event(), threading.Semaphore(0)
    wait_for(lambda: httpx.get(f"{served.address}readyz").status_code == 200, 10)

    def held_up(*_args, **_kwargs):
        waiting.release()
        go_on.wait(patient(60))
        return []

    monkeypatch.setattr("tuner.ledger.pages.Pages.page", held_up)
    with ThreadPoolExecutor(60) as clients:
        asked = [
            clients.submit(httpx.get, f"{served.address}studies", timeout=patient(90)) for _ in range(60)
        ]
        for _ in range(40):  # as many threads as the routes share
            assert waiting.acquire(timeout=patient(30))
        for route in ("healthz", "readyz"):
            assert httpx.get(f"{served.address}{route}", timeout=patient(10)).status_code == 200
        go_on.set()
        assert {answer.result().status_code for answer in asked} == {200}


@pytest.mark.parametrize(
    ("route", "part", "made"),
    [
        ("/files/trials.csv", "api.answers.files.as_csv", b"a table"),
        ("/figures/landscape.png", "api.answers.figures.draw", b"a figure"),
        ("/results", "api.application.routes.reading.as_json", b"{}"),
        ("/files", "api.answers.figures.names", []),
        ("", "api.answers.figures.names", []),
    ],
)
def test_whoever_asks_for_much_that_is_costly_leaves_threads_for_the_others(
    served, monkeypatch, route, part, made
):
    go_on, ids = threading.Event(), [served.create() for _ in range(24)]
    for study in ids:
        served.ledger.release(served.ledger.acquire(study, {}), "succeeded")

    def make(*_args, **_more):
        assert go_on.wait(patient(60))
        return made

    if route.startswith("/figures"):
        monkeypatch.setattr("api.answers.figures.names", lambda *_: ["landscape"])
    monkeypatch.setattr(part, make)
    with ThreadPoolExecutor(24) as clients:
        routes = [f"{served.address}studies/{study}{route}" for study in ids]
        asked = [clients.submit(httpx.get, route, timeout=patient(90)) for route in routes]
        wait_for(lambda: sum(answer.done() for answer in asked) == len(ids) - costly.OF_ONE, 30)
        assert httpx.get(f"{served.address}tasks", timeout=patient(10)).status_code == 200
        go_on.set()
        answers = [answer.result() for answer in asked]
    assert sorted(a.status_code for a in answers) == [200] * costly.OF_ONE + [503] * (24 - costly.OF_ONE)
    assert {a.headers["retry-after"] for a in answers if a.status_code == 503} == {"3"}


def test_one_caller_leaves_places_for_the_others(served, monkeypatch):
    keys = ApiKeys(served.ledger)
    bearer = [{"Authorization": f"Bearer {keys.create(name, ['admin'])[0]}"} for name in ("many", "one")]
    go_on, ids = threading.Event(), [served.create() for _ in range(13)]

    def make(*_):
        assert go_on.wait(patient(60))
        return b"a table"

    monkeypatch.setattr("api.answers.files.as_csv", make)
    with ThreadPoolExecutor(13) as clients:

        def ask(study, headers):
            route = f"{served.address}studies/{study}/files/trials.csv"
            return clients.submit(httpx.get, route, headers=headers, timeout=patient(90))

        many = [ask(study, bearer[0]) for study in ids[:12]]
        wait_for(lambda: sum(answer.done() for answer in many) == 12 - costly.OF_ONE, 30)
        one = ask(ids[12], bearer[1])
        go_on.set()
        assert one.result().status_code == 200
        refused = [answer.result().status_code for answer in many].count(503)
    assert refused == 12 - costly.OF_ONE


QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def test_readiness_names_what_is_down(http):
    wait_for(lambda: http.get("/readyz").status_code == 200)
    answer = http.get("/readyz")
    assert answer.json()["parts"]["ledger"] == "ok"
    assert "TUNER_RAY_ADDRESS" in answer.json()["parts"]["ray"]


@pytest.mark.timeout(60)
def test_a_ray_that_hangs_is_named_and_stops_no_one(tmp_path, monkeypatch):
    for patience in ("PATIENCE_S", "SUBMIT_S", "PING_S"):
        monkeypatch.setattr(jobs, patience, 0.3)
    # Its port takes connections, as that of Ray's dashboard does while that is suspended.
    hanging = subprocess.Popen(
        [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port := any_free_port())], **QUIET
    )
    try:
        wait_for(lambda: not port_is_free(port))
        hanging.send_signal(signal.SIGSTOP)
        app = create(
            ServiceSettings(home=tmp_path, ray_address=f"http://127.0.0.1:{port}", rate_per_minute=0)
        )
        with TestClient(app, base_url="http://localhost") as http:
            wait_for(lambda: http.get("/readyz").json()["parts"]["ray"] == "does not answer")
            study = submitted(http)
            assert http.post(f"/studies/{study}/cancel").json()["state"] == "cancelled"
        service = app.state.service
        with pytest.raises(jobs.RayHangsError, match=r"does not answer within 0\.3 s"):
            service.jobs.status(f"{study}-1")
    finally:
        kill(hanging.pid)
        hanging.wait()
