"""A day in the life of a cluster: a paced study and everything it depends on, as processes that a test kills
and restarts.
"""

import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest
import yaml

from tests.support import checker
from tests.support.cluster import Cluster
from tests.support.patience import wait_for
from tests.support.postgresql import PostgresqlServer
from tests.support.servers import Driver, MlflowProcess
from tuner.ledger.store import Ledger

INTERVALS = 30
SPEC = {
    "name": "faults",
    "task": "paced",
    "dataset": "digits",
    "search": {
        "strategy": "grid",
        "tau_f": {"low": 0.0, "high": 1.75, "step": 0.25},
        "tau_b": [0.5, 1.0, 1.5, 2.0, 2.5],
    },
    "seeds": 2,
    "epochs": INTERVALS,
    "reports": INTERVALS,
    "batch_size": 128,
    "members_per_population": 2,
    "baselines": ["identity"],
    "confirm_seeds": 2,
    "options": {"units": [16, 16]},
}
TASK = '''
import os, time
from pathlib import Path
from trainables.tasks.sbn import SBN

seen = []  # datasets, kept so that none has the place in memory of an earlier one

class Paced(SBN):
    """The SBN, a second for every evaluation while a file is there. It writes down who uses which dataset
    in memory.
    """

    def __init__(self, dataset, options):
        super().__init__(dataset, options)
        seen.append(dataset)
        with open(os.environ["READS"], "a") as file:
            print(os.getpid(), id(dataset), file=file)

    def evaluate(self, *arguments):
        if Path(os.environ["PACE"]).exists():
            time.sleep(1.0)
        return super().evaluate(*arguments)
'''


class Day:
    """The study and what it depends on."""

    def __init__(self):
        # Not pytest's folder, which is closed to other users: as root, PostgreSQL runs as another.
        self.folder = Path(tempfile.mkdtemp(prefix="tuner-faults-"))
        self.home, self.pace, self.reads = (self.folder / name for name in ("home", "pace", "reads"))
        self.home.mkdir()
        self.study, self.driver, self.cluster = None, None, None
        self.ended = {}  # what trials ended with, of every look: it must not change any more
        self.site = f"{_site(self.folder / 'site')}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
        self.databases = PostgresqlServer()
        self.url = self.databases.create("tuner")
        self.mlflow_url = self.databases.create("mlflow").replace("postgresql:", "postgresql+psycopg:")
        self.mlflow = MlflowProcess(self.folder, self.mlflow_url)
        self.ledger = Ledger(self.url)
        self.ledger.patience_s = 60.0

    def put_right(self):
        """Everything runs, whatever the last test has left; a driver whose cluster had to be replaced does
        not.
        """
        if not self.databases.running():
            self.databases.start()
        if not self.mlflow.running():
            self.mlflow.start()
        if self.cluster is None or not self.cluster.whole():
            self.end_driver()
            if self.cluster is not None:
                self.cluster.stop()
            self.new_cluster()
        self.mlflow.wait()

    def new_cluster(self):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", self.site)
            patch.setenv("PACE", str(self.pace))
            patch.setenv("READS", str(self.reads))
            self.cluster = Cluster()

    def environment(self, **more):
        """What a driver is started with."""
        return self.cluster.environment | {
            "TUNER_HOME": str(self.home),
            "TUNER_LEDGER_URL": self.url,
            "TUNER_MLFLOW_URI": self.mlflow.uri,
            "TUNER_RAY_ADDRESS": self.cluster.address,
            "TUNER_DEVICE": "cpu",
            "TUNER_GPUS_PER_POPULATION": "1",
            "RAY_gcs_rpc_server_reconnect_timeout_s": "10",  # after which it gives a head up; Ray's own is 60
            **more,
        }

    def drive(self):
        """Starts the study, or resumes it; when this returns it trains on both nodes."""
        self.pace.touch()
        arguments = ["resume", self.study] if self.study else ["run", self.spec("study")]
        # Two populations, also after a node is lost.
        environment = self.environment(TUNER_DEVICES="2", TUNER_HUNG_AFTER_S="12")
        self.driver = Driver(self.folder, environment, *arguments)
        self.study = self.driver.study
        self.goes_on()

    def spec(self, name, **changes):
        """A file with the study's spec, changed."""
        file = self.folder / f"{name}.yaml"
        file.write_text(yaml.safe_dump(SPEC | changes))
        return str(file)

    def trials(self):
        """The study's trials, of which those that had ended must be as they were."""
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
        """Waits until each population that runs now has reported twice (one report may have been on its way).
        The seconds.
        """
        since, before = time.monotonic(), self.progress()

        def well():
            if self.driver is not None and not self.driver.running():
                pytest.fail(self.driver.said.read_text())
            now = self.progress()
            return len(now) == 2 and all(
                now.get(p, INTERVALS) >= min(interval + 2, INTERVALS) for p, interval in before.items()
            )

        try:
            wait_for(well, 120)
        except AssertionError as error:
            said = self.driver.said.read_text() if self.driver else ""
            raise AssertionError(
                f"{error}: {before} became {self.progress()}; the driver said\n{said}"
            ) from None
        return time.monotonic() - since

    def victim(self):
        """The process id of a population's worker."""
        return wait_for(lambda: [pid for pids in self.cluster.training() for pid in pids])[0]

    def end_driver(self):
        if self.driver is not None and self.driver.running():
            self.driver.kill()

    def stop(self):
        self.end_driver()
        self.ledger.close()
        if self.cluster is not None:
            self.cluster.stop()
        self.mlflow.kill()
        self.databases.remove()
        shutil.rmtree(self.folder)


def _site(folder):
    """A folder with the task as an installed package."""
    (folder / "paced-1.0.dist-info").mkdir(parents=True)
    (folder / "paced-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: paced\nVersion: 1.0\n"
    )
    (folder / "paced-1.0.dist-info" / "entry_points.txt").write_text(
        "[trainables.tasks]\npaced = paced_task:Paced\n"
    )
    (folder / "paced_task.py").write_text(TASK)
    return folder
