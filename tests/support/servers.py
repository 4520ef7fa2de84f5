"""An MLflow server and a study's driver as processes that tests can kill."""

import os
import subprocess
import sys
import urllib.request

from tests.support.commands import TUNER
from tests.support.patience import patient, wait_for
from tests.support.processes import descendants, kill
from tuner.network import any_free_port


class MlflowProcess:
    """`mlflow server` on loopback over a database that others have made; small, as tuner/tracking/server.py
    starts it.
    """

    def __init__(self, folder, database):
        self._folder, self._database = folder, database
        self._port = any_free_port()
        self.uri = f"http://127.0.0.1:{self._port}"
        self._process = None
        self.start()

    def start(self):
        environment = os.environ | {
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }
        place = ["--host", "127.0.0.1", "--port", str(self._port), "--workers", "1"]
        stores = [
            "--backend-store-uri",
            self._database,
            "--artifacts-destination",
            str(self._folder / "artifacts"),
        ]
        with (self._folder / "mlflow.log").open("ab") as log:
            command = [sys.executable, "-m", "mlflow", "server", *place, *stores]
            self._process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, start_new_session=True
            )

    def wait(self):
        """Waits until it answers."""

        def answers():
            assert self._process.poll() is None, (self._folder / "mlflow.log").read_text()
            try:
                with urllib.request.urlopen(f"{self.uri}/health", timeout=patient(2)) as answer:
                    return answer.status == 200
            except OSError:
                return False

        wait_for(answers, 120)

    def running(self):
        return self._process.poll() is None

    def kill(self):
        kill(*descendants(self._process.pid), self._process.pid)
        self._process.wait()


class Driver:
    """`tuner run` or `tuner resume`."""

    def __init__(self, folder, environment, *arguments):
        self.said = folder / f"driver-{len(list(folder.glob('driver-*')))}.log"
        with self.said.open("wb") as log:
            command = [TUNER, *arguments]
            self.process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    @property
    def study(self):
        """The study's id, once it is printed."""
        return wait_for(
            lambda: (
                self._running() and (words := self.said.read_text().split())[:1] == ["study"] and words[1:2]
            ),
            60,
        )[0]

    def _running(self):
        assert self.process.poll() in (None, 0), self.said.read_text()
        return True

    def running(self):
        return self.process.poll() is None

    def kill(self):
        kill(self.process.pid)
        self.process.wait()
