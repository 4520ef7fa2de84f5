"""A Ray of our own on loopback, with its dashboard, as a child process that ends with us.

`ray start --head --block` and all that it starts are one process group, which ends when we end it or die. No
other Ray on this machine is touched, and no other program is taken for this one's dashboard.
"""

import http.client
import os
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from api.studies.ray_token import token
from tuner.driver.ray_private import (
    HEAD_PROGRAMS,
    LOOPBACK_ENVIRONMENT,
    NO_IDLE_WORKERS_ENVIRONMENT,
    RAY_COMMAND,
    START_PATIENCE_ENVIRONMENT,
)
from tuner.errors import UserError
from tuner.network import any_free_port, port_is_free
from tuner.processes import ChildProcess
from tuner.temporary import SocketFolder

DASHBOARD_PORT = 8265
_OBJECT_STORE_BYTES = 200_000_000  # populations are not sent through it
# Not for jobs: a user's variables for another Ray, and the secrets of who is told of studies.
_NOT_FOR_JOBS = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS", "TUNER_NOTIFY")


class RayHead:
    """Starts at once and gets ready while other things happen."""

    name = "Ray"

    def __init__(self, home: Path, environment: Mapping[str, str], *, keep_open: Sequence[int] = ()) -> None:
        """Starts Ray.

        Args:
            home: the state folder.
            environment: what its jobs, the studies' drivers, find in theirs.
            keep_open: see ChildProcess.
        """
        self.port = DASHBOARD_PORT if port_is_free(DASHBOARD_PORT) else any_free_port()
        self._environment, self._keep_open = dict(environment), keep_open
        folder = home / "ray"
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "head.log"
        self._folder = SocketFolder()
        self.start()

    def start(self) -> None:
        """Starts Ray, again where it has ended: on the same port, if nobody has taken it meanwhile."""
        if not port_is_free(self.port):
            self.port = any_free_port()
        # fmt: off
        command = [
            *RAY_COMMAND, "start", "--head", "--block", "--disable-usage-stats",
            "--node-ip-address", "127.0.0.1", "--port", str(any_free_port()),
            "--ray-client-server-port", str(any_free_port()),
            "--dashboard-host", "127.0.0.1", "--dashboard-port", str(self.port),
            "--dashboard-agent-listen-port", str(any_free_port()), "--include-log-monitor", "false",
            "--object-store-memory", str(_OBJECT_STORE_BYTES),
            # Ray opens this folder to all users, and the one around it is closed.
            "--temp-dir", str(self._folder.path / "ray"),
        ]
        # fmt: on
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        own = {"RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1", "PATH": path}
        self._process = ChildProcess(
            command,
            log=self.log,
            environment={name: value for name, value in os.environ.items() if name not in _NOT_FOR_JOBS}
            | LOOPBACK_ENVIRONMENT
            | NO_IDLE_WORKERS_ENVIRONMENT
            | START_PATIENCE_ENVIRONMENT
            | own
            | self._environment,
            keep_open=[*self._keep_open, self._folder.lock],
        )

    @property
    def uri(self) -> str:
        """The dashboard's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def process_id(self) -> int:
        """Of the process from which all of Ray's processes descend, those of its jobs included."""
        return self._process.process_id

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._process.running

    def wait_until_ready(self, timeout_s: float = 90.0) -> None:
        """Returns when the dashboard answers. Raises UserError where Ray ended or does not answer."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if not self.running:
                raise UserError(f"Ray ended while starting; its log is {self.log}")
            if self.answers():
                return
            time.sleep(0.3)
        raise UserError(
            f"Ray did not answer on port {self.port} within {timeout_s:.0f} s; its log is {self.log}"
        )

    def listens(self) -> bool:
        """Whether it is this Ray that has the dashboard's port: its token is sent to nobody else."""
        return self._process.listens_on(self.port)

    def is_at(self, address: str) -> bool:
        """Whether an address is that of this Ray's dashboard, now: it may have been before it was started
        again, and another program's since.
        """
        return address == self.uri and self.listens()

    def healthy(self) -> bool:
        """Whether all of it is there: Ray does not mind where a part of it ends in good order."""
        return self._process.runs_programs(HEAD_PROGRAMS) and self.listens()

    def answers(self) -> bool:
        """Whether the dashboard answers now."""
        if not self.listens():
            return False
        known = token(os.environ | self._environment)
        headers = {"Authorization": f"Bearer {known}"} if known else {}
        request = urllib.request.Request(f"{self.uri}/api/version", headers=headers)  # noqa: S310  # loopback, http
        try:
            with urllib.request.urlopen(request, timeout=2):  # noqa: S310
                return True
        except (OSError, http.client.HTTPException):
            return False

    def end(self) -> None:
        """Ends Ray and waits until it has gone. It can be started again."""
        self._process.stop()

    def stop(self) -> None:
        """Ends Ray for good."""
        self.end()
        self._folder.remove()
