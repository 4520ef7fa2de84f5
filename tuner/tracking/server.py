"""A small MLflow server on loopback, as a child process: SQLite and files in the state folder.

This process holds the port, and the child answers on it. So a client either reaches this MLflow or waits,
also before the child is ready and while it is restarted.
"""

import http.client
import os
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from tuner.errors import UserError
from tuner.network import listen, listen_on_loopback
from tuner.processes import ChildProcess
from tuner.tracking.mlflow_private import (
    OF_OTHER_SERVERS,
    OF_OTHER_SERVERS_PREFIX,
    SERVER_ENVIRONMENT,
)

DEFAULT_PORT = 5000


class MlflowServer:
    """Starts at once and gets ready while other things happen."""

    name = "MLflow"

    def __init__(self, home: Path, port: int | None = None, *, keep_open: Sequence[int] = ()) -> None:
        """Args:
            home: the state folder.
            port: None takes the usual one, or a free one where that is taken.
            keep_open: see ChildProcess.

        Raises UserError where a port that was asked for is taken.
        """
        try:
            self._listener = listen("127.0.0.1", port) if port else listen_on_loopback(DEFAULT_PORT)
        except OSError as error:
            raise UserError(
                f"port {port} on 127.0.0.1 is taken by another program; choose another one"
            ) from error
        self.port: int = self._listener.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self._folder, self._keep_open = home / "mlflow", keep_open
        self._folder.mkdir(parents=True, exist_ok=True)
        self.log = self._folder / "server.log"
        self.start()

    def start(self) -> None:
        """Starts the server, again where it has ended; on the same port."""
        own = {"MLFLOW_DISABLE_TELEMETRY": "true", "OMP_NUM_THREADS": "1"}
        self._process = ChildProcess(
            [sys.executable, "-m", "tuner.tracking.mlflow_process", str(self._folder), str(self.port)],
            log=self.log,
            environment=_without_other_servers(os.environ) | SERVER_ENVIRONMENT | own,
            listener=self._listener,
            keep_open=self._keep_open,
        )

    @property
    def process_id(self) -> int:
        """Of the process from which the server and all of its workers descend."""
        return self._process.process_id

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.running

    def wait_until_ready(self, timeout_s: float = 120.0) -> None:
        """Returns when the server answers. Raises UserError where it ended or does not."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if not self.running:
                raise UserError(f"MLflow ended while starting; its log is {self.log}")
            if self.answers():
                return
            time.sleep(0.3)
        raise UserError(f"MLflow did not answer within {timeout_s:.0f} s; its log is {self.log}")

    def answers(self) -> bool:
        """Whether it answers now."""
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=2) as answer:  # noqa: S310  # loopback, http
                return bool(answer.status == 200)
        except (OSError, http.client.HTTPException):
            return False

    def healthy(self) -> bool:
        """Whether it does its work: it ends where a part of it does."""
        return self.running

    def wait(self) -> int:
        """Waits until the server ends by itself."""
        return self._process.wait()

    def end(self) -> None:
        """Ends the server and waits until it has gone. It can be started again."""
        self._process.stop()

    def stop(self) -> None:
        """Ends the server for good; others may have its port."""
        self.end()
        self._listener.close()


def _without_other_servers(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment without what is meant for another server: its prefix would move the addresses of this
    one, its options would have it start elsewhere or not at all.
    """
    return {
        name: value
        for name, value in environment.items()
        if name not in OF_OTHER_SERVERS and not name.startswith(OF_OTHER_SERVERS_PREFIX)
    }
