"""A Ray of our own on loopback, with its dashboard, as a child process that ends with us.

`ray start --head --block` and all that it starts are one process group; the watcher of tuner/processes.py,
which holds a pipe from us, ends that group when we close the pipe or die. Nothing else that is called Ray on
this machine is touched.
"""

import os
import secrets
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from tuner.driver.ray_cluster import LOOPBACK
from tuner.errors import UserError
from tuner.processes import Watched, any_free_port, free

DASHBOARD_PORT = 8265
_OBJECT_STORE_BYTES = 200_000_000  # populations are not sent through it
# Workers that wait for work cost 60 MB each; Ray's own metrics agents are for clusters.
_LEAN = {
    "RAY_enable_worker_prestart": "0",
    "RAY_prestart_worker_first_driver": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}


def token_environment(home: Path) -> dict[str, str]:
    """Ray's token authentication without typing: a token of our own in the state folder, which only its owner
    can read.
    """
    if os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH"):
        return {"RAY_AUTH_MODE": "token"}
    file = home / "ray_token"
    if not file.exists():
        home.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
            opened.write(secrets.token_hex(32))
    return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(file)}


def token() -> str:
    """The token of the Ray that this process's environment names."""
    return (
        os.environ.get("RAY_AUTH_TOKEN")
        or Path(os.environ["RAY_AUTH_TOKEN_PATH"]).read_text(encoding="utf-8").strip()
    )


class RayHead:
    """Starts at once and gets ready while other things happen."""

    def __init__(self, home: Path, environment: Mapping[str, str]) -> None:
        """Starts Ray; `environment` is what its jobs, the studies' drivers, find in theirs."""
        self.port = DASHBOARD_PORT if free(DASHBOARD_PORT) else any_free_port()
        self.uri = f"http://127.0.0.1:{self.port}"
        folder = home / "ray"
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "head.log"
        # Sockets have short paths (107 bytes), and the state folder may have a long one.
        self._sessions = tempfile.TemporaryDirectory(prefix="tuner-ray-", ignore_cleanup_errors=True)
        command = [
            *(
                sys.executable,
                "-m",
                "ray.scripts.scripts",
                "start",
                "--head",
                "--block",
                "--disable-usage-stats",
            ),
            *(
                "--node-ip-address",
                "127.0.0.1",
                "--port",
                str(any_free_port()),
                "--ray-client-server-port",
                str(any_free_port()),
            ),
            *("--dashboard-host", "127.0.0.1", "--dashboard-port", str(self.port)),
            *("--dashboard-agent-listen-port", str(any_free_port()), "--include-log-monitor", "false"),
            *("--object-store-memory", str(_OBJECT_STORE_BYTES), "--temp-dir", self._sessions.name),
        ]
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        self._process = Watched(
            command,
            log=self.log,
            environment=os.environ
            | LOOPBACK
            | _LEAN
            | {"OMP_NUM_THREADS": "1", "PATH": path}
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
