"""A study on a real cluster survives what happens there: everything is killed in turn, then the ledger and MLflow are read.

One head and two workers, PostgreSQL for the ledger and MLflow, one study that is paced (an interval a second while a file is
there), so that every fault comes in the middle of its work however fast the machine is. Each test does one thing to that study
and waits until it is well again; the last one lets it end, and checks what every fault must have left whole.
deploy/FAULTS.md is the table of all faults.
"""

import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import pytest
import yaml

from tests import checker
from tests.cluster import Cluster
from tests.postgresql import MISSING, PostgresqlServer
from tests.processes import alive, kill, wait_for
from tests.servers import Driver, MlflowProcess
from tuner.ledger import Ledger

pytestmark = [pytest.mark.faults, pytest.mark.skipif(MISSING is not None, reason=str(MISSING))]

INTERVALS = 30
SPEC = {
    "name": "faults",
    "task": "paced",
    "dataset": "digits",
    "search": {"strategy": "grid", "tau_f": [0.0, 0.5, 1.0, 1.5], "tau_b": [0.5, 1.0, 1.5, 2.0]},
    "seeds": 2,
    "epochs": INTERVALS,
    "reports": INTERVALS,
    "batch_size": 128,
    "population": 2,
    "baselines": ["identity"],
    "confirm_seeds": 2,
    "options": {"units": [16, 16]},
}
TASK = '''
import os, time
from pathlib import Path
from trainables.tasks.sbn import SBN

class Paced(SBN):
    """The SBN, a second for every evaluation while a file is there."""

    def evaluate(self, *arguments):
        if Path(os.environ["PACE"]).exists():
            time.sleep(1.0)
        return super().evaluate(*arguments)
'''


class Day:
    """The study and what it depends on."""

    def __init__(self, folder):
        self.folder, self.home, self.pace = folder, folder / "home", folder / "pace"
        self.home.mkdir()
        self.pace.touch()
        site = folder / "site"
        (site / "paced-1.0.dist-info").mkdir(parents=True)
        (site / "paced-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: paced\nVersion: 1.0\n")
        (site / "paced-1.0.dist-info" / "entry_points.txt").write_text("[trainables.tasks]\npaced = paced_task:Paced\n")
        (site / "paced_task.py").write_text(TASK)
        (folder / "spec.yaml").write_text(yaml.safe_dump(SPEC))
        os.environ["PACE"] = str(self.pace)
        self.study, self.driver, self.cluster = None, None, None
        self.ended = {}  # what trials ended with, of every look: it must not change any more
        self.site = f"{site}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        self.databases = PostgresqlServer()
        self.url = self.databases.create("tuner")
        self.mlflow_url = self.databases.create("mlflow").replace("postgresql:", "postgresql+psycopg:")
        self.mlflow = MlflowProcess(folder, self.mlflow_url)
        self.ledger = Ledger(self.url)
        self.ledger.patience_s = 60.0

    def start(self):
        self.new_cluster()
        self.mlflow.wait()

    def new_cluster(self):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", self.site)
            self.cluster = Cluster()

    def drive(self):
        """Starts the study, or resumes it."""
        environment = self.cluster.environment | {
            "TUNER_HOME": str(self.home),
            "TUNER_LEDGER_URL": self.url,
            "TUNER_MLFLOW_URI": self.mlflow.uri,
            "TUNER_RAY_ADDRESS": self.cluster.address,
            "TUNER_DEVICE": "cpu",
            "TUNER_GPUS_PER_POPULATION": "1",
            "TUNER_DEVICES": "2",  # also after a node is lost
            "TUNER_HUNG_AFTER_S": "12",
            "RAY_gcs_rpc_server_reconnect_timeout_s": "10",  # after which it gives a head up; Ray's own is 60
        }
        arguments = ["resume", self.study] if self.study else ["run", str(self.folder / "spec.yaml")]
        self.driver = Driver(self.folder, environment, *arguments)
        self.study = self.driver.study
        self.goes_on()

    def trials(self):
        found = self.ledger.trials(self.study)
        now = checker.outcomes(found)
        assert {n: now.get(n) for n in self.ended} == self.ended
        self.ended |= now
        return found

    def progress(self):
        """{population that runs: its last interval}."""
        running = {t.id: t.population for t in self.trials() if not t.terminal}
        last = dict.fromkeys(running.values(), 0)
        for m in self.ledger.measurements(self.study):
            if m.trial_id in running:
                last[running[m.trial_id]] = max(last[running[m.trial_id]], m.interval)
        return last

    def goes_on(self):
        """Waits until each population that runs now has reported again. Returns the seconds that took."""
        since, before = time.monotonic(), self.progress()

        def well():
            if self.driver is not None and not self.driver.running():
                pytest.fail(self.driver.said.read_text())
            now = self.progress()
            return len(now) == 2 and all(now.get(p, INTERVALS + 1) > interval for p, interval in before.items())

        try:
            wait_for(well, 120)
        except AssertionError as error:
            said = self.driver.said.read_text() if self.driver else ""
            raise AssertionError(f"{error}: {before} became {self.progress()}; the driver said\n{said}") from None
        return time.monotonic() - since

    def victim(self):
        """The process id of a population's worker."""
        return wait_for(lambda: [pid for pids in self.cluster.training() for pid in pids])[0]

    def stop(self):
        if self.driver is not None and self.driver.running():
            self.driver.kill()
        self.ledger.close()
        if self.cluster is not None:
            self.cluster.stop()
        self.mlflow.kill()
        self.databases.remove()
        shutil.rmtree(self.folder)


@pytest.fixture(scope="module")
def the_day():
    made = Day(Path(tempfile.mkdtemp(prefix="tuner-faults-")))
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture
def day(the_day, record_property):
    """The study, in the middle of its work on both nodes."""
    if the_day.driver is None or not the_day.driver.running():
        the_day.drive()
    wait_for(lambda: all(the_day.cluster.training()), 60)
    yield the_day
    record_property("trials ended", len(the_day.ended))


def recovered(what, seconds):
    """Says how long a recovery took, to whoever runs the tests with -s."""
    print(f"{what}: {seconds:.1f} s until every population had reported again")


def test_populations_are_spread_over_the_nodes(day):
    assert [len(workers) for workers in day.cluster.training()] == [1, 1]


def test_a_worker_that_is_killed_is_replaced(day):
    victim = day.victim()
    kill(victim)
    recovered("worker", day.goes_on())
    assert all(victim not in workers for workers in day.cluster.training())


def test_a_worker_that_hangs_is_killed_and_replaced(day):
    victim = day.victim()
    os.kill(victim, signal.SIGSTOP)
    recovered("suspended worker", day.goes_on())
    assert not alive(victim)
    assert "has not reported for" in day.driver.said.read_text()


def test_a_node_that_is_lost_is_done_without_and_a_new_one_is_used(day):
    lost = day.cluster.workers.pop()
    kill(lost.pid_of("raylet"))
    lost.kill()  # what the raylet's end has left of it
    since = time.monotonic()
    day.cluster.add_worker()
    day.goes_on()
    recovered("raylet", time.monotonic() - since)
    wait_for(lambda: all(day.cluster.training()), 60)


def test_training_does_not_wait_for_an_mlflow_that_is_away(day):
    day.mlflow.kill()
    for _ in range(3):
        day.goes_on()
    day.mlflow.start()
    day.mlflow.wait()


def test_a_driver_waits_for_a_database_that_is_away(day):
    before = [m.id for m in day.ledger.measurements(day.study)]
    day.databases.kill()
    time.sleep(5)
    day.databases.start()
    recovered("PostgreSQL, after its 5 s away", day.goes_on())
    assert [m.id for m in day.ledger.measurements(day.study)][: len(before)] == before


def test_the_database_and_a_worker_lost_at_once(day):
    victim = day.victim()
    day.databases.kill()
    kill(victim)
    time.sleep(3)
    day.databases.start()
    recovered("PostgreSQL and a worker", day.goes_on())


def test_a_driver_that_is_killed_leaves_a_study_to_resume(day):
    since = time.monotonic()
    day.driver.kill()
    assert day.ledger.study(day.study).state == "interrupted"
    day.drive()
    recovered("driver", time.monotonic() - since)


def test_a_head_that_is_killed_interrupts_a_study_which_resumes_on_a_new_cluster(day):
    since = time.monotonic()
    day.cluster.head.kill()
    wait_for(lambda: not day.driver.running(), 90)
    print(f"head: the driver ended after {time.monotonic() - since:.1f} s and said\n{day.driver.said.read_text()}")
    assert day.driver.process.returncode != 0
    assert day.ledger.study(day.study).state == "interrupted"
    day.cluster.stop()
    day.new_cluster()
    since = time.monotonic()
    day.drive()
    recovered("head, on a new cluster", time.monotonic() - since)


def test_after_all_of_it_every_trial_ended_once_and_nothing_is_lost_or_doubled(day):
    day.pace.unlink()
    wait_for(lambda: not day.driver.running(), 120)
    assert day.driver.process.returncode == 0, day.driver.said.read_text()
    day.trials()  # what ended between the faults has not changed
    assert day.ledger.study(day.study).state == "succeeded"
    trials = checker.check_ledger_and_mlflow(day.url, day.mlflow_url, day.study, intervals=INTERVALS)
    assert [t.role for t in trials].count("search") == 16
    assert {t.state for t in trials} == {"succeeded"}
    assert not list((day.home / "checkpoints").glob("*"))
