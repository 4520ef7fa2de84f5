"""The service against the real stack: Ray, MLflow, the API as processes, and what happens when they are
killed.
"""

import os
import re
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from api.client import Client, ServiceError
from api.machine.ray_head import RayHead
from api.studies.ray_token import token_environment
from tests.support.patience import patient, wait_for
from tests.support.processes import alive, command, descendants, exposed
from tests.support.served import CHROMIUM, MISSING_BROWSER
from tests.support.specs import TINY
from tuner.ledger.store import Ledger
from tuner.network import any_free_port
from tuner.tracking.server import MlflowServer

pytestmark = pytest.mark.stack


class Api:
    """`tuner serve` over a Ray and an MLflow that outlive it."""

    def __init__(self, home, environment):
        self.home, self.environment, self.process, self.parts = home, os.environ | environment, None, ()
        self.url = f"http://127.0.0.1:{environment['TUNER_PORT']}"

    def start(self):
        command = [sys.executable, "-m", "api.cli", "serve"]
        with (self.home / "api.log").open("ab") as log:
            self.process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        wait_for(self.answers, 60)

    def answers(self):
        try:
            with Client(self.url) as client:
                return client.newest() is not None
        except ServiceError:
            return False

    def pids(self):
        """Of the API, and of all that belongs to its Ray and its MLflow."""
        roots = [self.process.pid, *(part.process_id for part in self.parts)]
        return [pid for root in roots for pid in (root, *descendants(root))]

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    home = tmp_path_factory.mktemp("service")
    settings = {
        "TUNER_HOME": str(home),
        "TUNER_MAX_RUNNING": "2",
        "PYTHONPATH": str(Path.cwd()),
        **token_environment(home),
    }
    mlflow = MlflowServer(home)
    settings["TUNER_MLFLOW_URI"] = mlflow.uri
    ray = RayHead(home, settings)
    api = Api(
        home,
        settings
        | {"TUNER_RAY_ADDRESS": ray.uri, "TUNER_PORT": str(any_free_port()), "TUNER_RATE_PER_MINUTE": "0"},
    )
    api.parts = (mlflow, ray)
    try:
        mlflow.wait_until_ready(patient(120))
        ray.wait_until_ready(patient(90))
        api.start()
        yield api
    finally:
        if api.process:
            api.process.terminate()
            api.process.wait()
        ray.stop()
        mlflow.stop()


@pytest.fixture
def client(api):
    with Client(api.url) as client:
        yield client


@pytest.fixture
def ledger(api):
    ledger = Ledger(f"sqlite:///{api.home}/ledger.db")
    yield ledger
    ledger.close()


def ended(client, study, seconds=150):
    return wait_for(
        lambda: (
            (s := client.status(study))["state"] in ("succeeded", "failed", "cancelled", "interrupted") and s
        ),
        seconds,
    )


def driver_of(ledger, study):
    """The process that drives a study, once something has been measured."""
    wait_for(lambda: ledger.measurements(study), 90)
    with ledger.reading() as db:
        holder = db.exec_driver_sql("select holder from studies where id = ?", (study,)).scalar_one()
    return int(holder.rpartition(":")[2])


@pytest.mark.timeout(600)  # four drivers start, and one of them is missed only when its lease ends
def test_three_studies_on_a_limit_of_two_survive_a_kill_of_the_api_and_of_a_driver(api, client, ledger):
    spec = TINY | {
        "confirm_seeds": 0,
        "baselines": [],
        "members_per_population": 4,
        "epochs": 24,
        "reports": 12,
    }
    once = "the-same"
    first = client.submit(spec, idempotency_key=once)["id"]
    assert client.submit(spec, idempotency_key=once)["id"] == first
    others = [client.submit(spec | {"name": f"other-{n}"})["id"] for n in range(2)]
    most = 0

    def busy():
        nonlocal most
        rows = client.newest()
        most = max(most, sum(r["state"] == "running" for r in rows))
        return ledger.measurements(first)

    wait_for(busy, 90)
    driver = driver_of(ledger, first)
    before = {t.number: t for t in ledger.trials(first) if t.terminal}
    api.kill()
    os.kill(driver, signal.SIGKILL)
    api.start()
    for study in (first, *others):
        wait_for(lambda study=study: busy() and client.status(study)["state"] == "succeeded", 200)
    assert most <= 2
    trials = ledger.trials(first)
    assert len(trials) == 4
    assert all(t.state == "succeeded" for t in trials)
    for number, trial in before.items():  # what had finished was not run again
        assert (trials[number].attempts, trials[number].finished_at) == (trial.attempts, trial.finished_at)
    assert re.fullmatch(rf".*/{first}-2", client.status(first)["links"]["job"])
    intervals = {}
    for m in ledger.measurements(first):
        intervals.setdefault(m.trial_id, []).append(m.interval)
    assert len(intervals) == len(trials)
    assert all(sorted(seen) == list(range(1, 13)) for seen in intervals.values())


def test_a_cancel_stops_training_within_15_s_and_is_final(api, client, ledger):
    # One interval takes far longer than a cancel may: the driver is not waited for to report.
    spec = TINY | {
        "confirm_seeds": 0,
        "baselines": [],
        "epochs": 4000,
        "reports": 2,
        "options": {"units": [200, 200]},
    }
    study = client.submit(spec)["id"]
    wait_for(lambda: any(t.state == "running" for t in ledger.trials(study)), 90)
    with ledger.reading() as db:
        driver = int(
            db.exec_driver_sql("select holder from studies where id = ?", (study,))
            .scalar_one()
            .rpartition(":")[2]
        )
    assert driver in api.pids()
    assert exposed(api.pids()) == []
    assert client.cancel(study)["cancelling"]
    client.cancel(study)
    assert ended(client, study, 15)["state"] == "cancelled"
    wait_for(lambda: not Path(f"/proc/{driver}").exists(), 15)
    assert {t.state for t in ledger.trials(study)} == {"stopped"}
    assert client.cancel(study)["state"] == "cancelled"
    with pytest.raises(ServiceError, match="was cancelled"):
        client.resume(study)


def test_what_cannot_be_trained_has_failed_with_a_sentence_and_the_page_comes_up(api, client):
    import httpx

    dashboard = next(pid for pid in api.pids() if "/dashboard.py" in command(pid))
    os.kill(dashboard, signal.SIGSTOP)
    try:
        study = client.submit(TINY | {"batch_size": 5000})["id"]
        parts = {"ledger": "ok", "ray": "does not answer", "mlflow": "ok"}
        wait_for(lambda: httpx.get(f"{client.server}/readyz").json() == {"ready": True, "parts": parts}, 30)
    finally:
        os.kill(dashboard, signal.SIGCONT)
    found = ended(client, study, 60)
    assert found["state"] == "failed"
    assert "batch_size" in found["reason"]
    page = httpx.get(f"{client.server}/")
    assert page.status_code == 200
    assert "script-src 'self'" in page.headers["content-security-policy"]
    well = {"ready": True, "parts": dict.fromkeys(["ledger", "ray", "mlflow"], "ok")}
    wait_for(lambda: httpx.get(f"{client.server}/readyz").json() == well, 30)


def test_the_remote_verbs_say_what_the_service_says(api, client):
    def tuner(*arguments):
        environment = api.environment | {"TUNER_SERVER": api.url}
        command = [sys.executable, "-m", "api.cli", *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=patient(60), check=False
        )

    newest = client.newest()[0]["id"]
    assert tuner("results", "latest", "--json", "--server", api.url).stdout.strip() == client.results_text(
        newest
    )
    assert tuner("status", newest[:6]).stdout.startswith(f"study {newest}")
    watched = tuner("watch", newest)
    assert f"study {newest}: failed" in watched.stdout
    refused = tuner("submit", "nope")
    assert (refused.returncode, "Traceback" in refused.stderr) == (2, False)


def addresses(said):
    """What `tuner serve` has said of its parts: {part: its address}."""
    return dict(line.split() for line in said.splitlines() if line.startswith(("page ", "MLflow ", "Ray ")))


def follow_the_links(page, address, study):
    """From a study's page to its run and its trials in MLflow, and to its job and its actors in Ray."""
    from playwright.sync_api import expect

    slow, title, began = 1000 * patient(30), f"{TINY['name']} · {study}", "population 1: trials 0-"

    def shows(there, text):
        expect(there.get_by_text(text).first).to_be_visible(timeout=slow)

    page.goto(f"{address}#/studies/{study}")
    for link, text in (
        ("MLflow run", TINY["name"]),
        ("Compare its trials in MLflow", "Objective: val_loss"),
        ("Ray job", title),
    ):
        with page.context.expect_page() as opened:
            page.get_by_role("link", name=link).click()
        shows(opened.value, text)
    ray = opened.value
    shows(ray, began)  # the job's own log
    for view, text in (("jobs", title), ("actors", f"populations of {title}")):
        ray.goto(re.sub("#.*", f"#/{view}", ray.url))
        shows(ray, text)
    ray.get_by_role("row", name=f"populations of {title}").get_by_role("link").first.click()
    ray.get_by_role("tab", name="stdout").click()
    shows(ray, f"{title} · {began}")


@pytest.mark.skipif(CHROMIUM is None, reason=MISSING_BROWSER or "")
def test_the_pages_links_lead_there_and_ctrl_c_ends_what_was_started_and_only_that(
    tmp_path, api, client, browser
):
    others = api.pids()
    environment = os.environ | {
        "TUNER_HOME": str(tmp_path),
        "PYTHONPATH": str(Path.cwd()),
        "TUNER_PORT": str(any_free_port()),
    }
    said = tmp_path / "serve.log"
    with said.open("wb") as log:
        command = [sys.executable, "-m", "api.cli", "serve"]
        serve = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for(lambda: serve.poll() is None and "Ctrl-C" in said.read_text(), 120)
        page = addresses(said.read_text())["page"]
        with Client(page) as mine:
            study = mine.submit(TINY | {"confirm_seeds": 0, "epochs": 4000, "reports": 400})["id"]
            wait_for(lambda: (links := mine.status(study)["links"])["mlflow"] and links["job"], 90)
        with closing(Ledger(f"sqlite:///{tmp_path}/ledger.db")) as ledger:
            driver = driver_of(ledger, study)
            with closing(browser.new_page()) as opened:
                follow_the_links(opened, page, study)
            started = descendants(serve.pid)
            assert driver in started
            serve.send_signal(signal.SIGINT)
            wait_for(lambda: not any(map(alive, [serve.pid, *started])), 60)
            assert serve.wait() == 0
            assert "Traceback" not in said.read_text()
            ended = ledger.study(study)
            assert ended.state == "interrupted"
            # A driver has ten seconds to say why; on a busy machine that may be too few.
            assert ended.reason is None or ended.reason.endswith("the Ray that ran it has ended")
        assert [pid for pid in others if not alive(pid)] == []
        client.newest()  # the other service still answers
    finally:
        if serve.poll() is None:
            serve.kill()  # its watchers end the rest
            serve.wait()
