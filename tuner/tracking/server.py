"""A small MLflow server on loopback, as a child process: SQLite and files in the state folder."""

import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from tuner.errors import UserError
from tuner.network import any_free_port, port_is_free
from tuner.processes import ChildProcess
from tuner.tracking.mlflow_private import SERVER_ENVIRONMENT

DEFAULT_PORT = 5000


class MlflowServer:
    """Starts at once and gets ready while other things happen."""

    def __init__(self, home: Path, port: int | None = None) -> None:
        """Args: home is the state folder; port None takes the usual one, or a free one where that is taken.

        Raises UserError where a port that was asked for is taken.
        """
        if port is not None and not port_is_free(port):
            raise UserError(f"port {port} on 127.0.0.1 is taken by another program; choose another one")
        self.port = port or (DEFAULT_PORT if port_is_free(DEFAULT_PORT) else any_free_port())
        self.uri = f"http://127.0.0.1:{self.port}"
        folder = home / "mlflow"
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "server.log"
        # One worker: MLflow's default is four.
        # fmt: off
        command = [
            sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port),
            "--workers", "1", "--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}",
            "--artifacts-destination", str(folder / "artifacts"),
        ]
        # fmt: on
        # A prefix in the environment is meant for another server, and would move this one's addresses.
        inherited = {name: value for name, value in os.environ.items() if name != "MLFLOW_STATIC_PREFIX"}
        own = {"MLFLOW_DISABLE_TELEMETRY": "true", "OMP_NUM_THREADS": "1"}
        environment = inherited | SERVER_ENVIRONMENT | own
        self._process = ChildProcess(command, log=self.log, environment=environment)

    @property
    def process_id(self) -> int:
        """Of the process from which the server and all of its workers descend."""
        return self._process.process_id

    def wait_until_ready(self, timeout_s: float = 120.0) -> None:
        """Returns when the server answers. Raises UserError where it ended or does not."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if not self._process.running:
                raise UserError(
                    f"the MLflow server on port {self.port} ended while starting; its log is {self.log}"
                )
            try:
                with urllib.request.urlopen(f"{self.uri}/health", timeout=2) as answer:  # noqa: S310  # loopback, http
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.3)
        raise UserError(
            f"the MLflow server on port {self.port} did not answer within {timeout_s:.0f} s; its log is "
            f"{self.log}"
        )

    def wait(self) -> int:
        """Waits until the server ends by itself."""
        return self._process.wait()

    def stop(self) -> None:
        """Ends the server and waits until it has gone."""
        self._process.stop()
