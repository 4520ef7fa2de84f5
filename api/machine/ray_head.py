"""A Ray of our own on loopback, with its dashboard, as a child process that ends with us.

`ray start --head --block` and all that it starts are one process group; the watcher of tuner/processes.py,
which holds a pipe from us, ends that group when we close the pipe or die. No other Ray on this machine is
touched.
"""

import os
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from tuner.driver.ray_private import LOOPBACK_ENVIRONMENT, NO_IDLE_WORKERS_ENVIRONMENT, RAY_COMMAND
from tuner.errors import UserError
from tuner.network import any_free_port, port_is_free
from tuner.processes import ChildProcess

DASHBOARD_PORT = 8265
_OBJECT_STORE_BYTES = 200_000_000  # populations are not sent through it
_OTHER_CLUSTERS = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS")  # a user's variables for another Ray


class RayHead:
    """Starts at once and gets ready while other things happen."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        """Starts Ray; `environment` is what its jobs, the studies' drivers, find in theirs."""
        self.port = DASHBOARD_PORT if port_is_free(DASHBOARD_PORT) else any_free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        folder = home / "ray"
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "head.log"
        # Sockets have short paths (107 bytes), and the state folder may have a long one.
        self._sessions = tempfile.TemporaryDirectory(prefix="tuner-ray-", ignore_cleanup_errors=True)
        # fmt: off
        command = [
            *RAY_COMMAND, "start", "--head", "--block", "--disable-usage-stats",
            "--node-ip-address", "127.0.0.1", "--port", str(any_free_port()),
            "--ray-client-server-port", str(any_free_port()),
            "--dashboard-host", "127.0.0.1", "--dashboard-port", str(self.port),
            "--dashboard-agent-listen-port", str(any_free_port()), "--include-log-monitor", "false",
            "--object-store-memory", str(_OBJECT_STORE_BYTES), "--temp-dir", self._sessions.name,
        ]
        # fmt: on
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        own = {"RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1", "PATH": path}
        self._process = ChildProcess(
            command,
            log=self.log,
            environment={name: value for name, value in os.environ.items() if name not in _OTHER_CLUSTERS}
            | LOOPBACK_ENVIRONMENT
            | NO_IDLE_WORKERS_ENVIRONMENT
            | own
            | dict(environment),
        )

    @property
    def process_id(self) -> int:
        """Of the process from which all of Ray's processes descend, those of its jobs included."""
        return self._process.process_id

    def wait_until_ready(self, timeout_s: float = 90.0) -> None:
        """Returns when the dashboard answers. Raises UserError where Ray ended or does not answer."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if not self._process.running:
                raise UserError(f"Ray ended while starting; its log is {self.log}")
            try:
                with urllib.request.urlopen(f"{self.uri}/api/version", timeout=2):  # noqa: S310  # loopback, http
                    return
            except urllib.error.HTTPError as answer:
                if answer.code in (401, 403):  # it is there, and wants its token
                    return
            except OSError:
                pass
            time.sleep(0.3)
        raise UserError(
            f"Ray did not answer on port {self.port} within {timeout_s:.0f} s; its log is {self.log}"
        )

    def stop(self) -> None:
        """Ends Ray and waits until it has gone."""
        self._process.stop()
        self._sessions.cleanup()
