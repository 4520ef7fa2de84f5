"""A small MLflow server on loopback, as a child process: SQLite and files in the state folder.

Between us and the server stands a watcher (this file as a program). It holds the reading end of a pipe from us and ends the
server when that closes, so that nothing is left behind even where we are killed.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from tuner.errors import UserError

DEFAULT_PORT = 5000


class MlflowServer:
    """Starts at once and gets ready while other things happen."""

    def __init__(self, home: Path, port: int | None = None) -> None:
        """Args: home is the state folder; port None takes the usual one, or a free one where that is taken.

        Raises UserError where a port that was asked for is taken.
        """
        if port is not None and not free(port):
            raise UserError(f"port {port} on 127.0.0.1 is taken by another program; choose another one")
        self.port = port or (DEFAULT_PORT if free(DEFAULT_PORT) else any_free_port())
        self.uri = f"http://127.0.0.1:{self.port}"
        folder = home / "mlflow"
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "server.log"
        # One worker and no job runners: MLflow's own defaults start a dozen processes.
        command = [
            *(sys.executable, "-m", "tuner.mlflow_server"),
            *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"),
            *("--backend-store-uri", f"sqlite:///{folder / 'mlflow.db'}"),
            *("--artifacts-destination", str(folder / "artifacts")),
        ]
        environment = os.environ | {
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "OMP_NUM_THREADS": "1",
        }
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C reaches us, and we end the server when we are done with it.
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, env=environment, start_new_session=True
            )

    @property
    def process_id(self) -> int:
        """Of the watcher, from which the server and all of its processes descend."""
        return self._process.pid

    def wait_until_ready(self, timeout_s: float = 120.0) -> None:
        """Returns when the server answers. Raises UserError where it ended or does not."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise UserError(f"the MLflow server on port {self.port} ended while starting; its log is {self.log}")
            try:
                with urllib.request.urlopen(f"{self.uri}/health", timeout=2) as answer:  # noqa: S310  # loopback, http
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.3)
        raise UserError(f"the MLflow server on port {self.port} did not answer within {timeout_s:.0f} s; its log is {self.log}")

    def wait(self) -> int:
        """Waits until the server ends by itself."""
        return self._process.wait()

    def stop(self) -> None:
        """Ends the server and waits until it has gone."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def watch(command: list[str]) -> int:
    """Runs a command until it ends, or until standard input does; then ends its process group."""
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)

    def end_with_us() -> None:
        sys.stdin.buffer.read()
        _end(server)

    threading.Thread(target=end_with_us, daemon=True).start()
    return server.wait()


def _end(server: subprocess.Popen[bytes]) -> None:
    for sign, patience_s in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(patience_s)
            return


def free(port: int) -> bool:
    """Whether nothing on loopback has this port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def any_free_port() -> int:
    """A port of loopback that nothing has just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


if __name__ == "__main__":
    sys.exit(watch(sys.argv[1:]))
