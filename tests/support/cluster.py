"""A real Ray cluster on this machine: a head without CPUs and workers, each with processes and a loopback
address of its own.

Every worker claims two CPUs and one GPU; the GPU does not exist, Ray only counts it. Nodes are started and
ended by their process ids.
"""

import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.paths import ROOT
from tests.support.patience import wait_for
from tests.support.processes import alive, command, descendants, kill
from tuner.network import any_free_port

RAY = str(Path(sys.executable).parent / "ray")
_MEMORY = ["--object-store-memory", str(80 * 2**20)]


class Node:
    """A head or a worker: `ray start --block` and what it started."""

    def __init__(self, arguments, environment, log):
        self.log = log
        with log.open("ab") as out:
            started = [RAY, "start", "--block", "--disable-usage-stats", *_MEMORY, *arguments]
            self.process = subprocess.Popen(
                started, env=environment, stdout=out, stderr=out, start_new_session=True
            )

    def joined(self):
        """Whether it is part of the cluster."""
        return self.process.poll() is None and "Ray runtime started" in self.log.read_text()

    def pid_of(self, program):
        """The process id of this node's "raylet" or "gcs_server"."""
        assert self.process.poll() is None, self.log.read_text()
        return next((pid for pid in descendants(self.process.pid) if f"/{program} " in command(pid)), None)

    def workers(self):
        """The process ids of the populations' workers on this node."""
        return [pid for pid in descendants(self.process.pid) if "Trainable" in command(pid)]

    def kill(self):
        """kill -9 of everything at once: the machine is gone."""
        kill(*descendants(self.process.pid), self.process.pid)
        self.process.wait()


class Cluster:
    """A head and two workers."""

    def __init__(self):
        # Not pytest's folder: a socket's path may have 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="tuner-ray-"))
        self._hosts = iter(range(2, 250))  # 127.0.0.1 itself Ray would replace by the machine's own address
        host = self._host()
        self.address = f"{host}:{any_free_port()}"
        self.environment = os.environ | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": secrets.token_hex(20),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_enable_worker_prestart": "0",
            # a node that is gone shows after seconds, not half a minute
            "RAY_health_check_period_ms": "1000",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
            "OMP_NUM_THREADS": "1",
        }
        place = [
            "--node-ip-address",
            host,
            "--port",
            self.address.partition(":")[2],
            "--temp-dir",
            str(self.folder / "ray"),
        ]
        self.head = self._start("--head", *place, "--num-cpus", "0", "--include-dashboard", "false")
        self.workers = []
        for _ in range(2):
            self.add_worker()

    def _host(self):
        return f"127.0.0.{next(self._hosts)}"

    def _start(self, *arguments):
        """Starts a node and waits until it has joined. Ray gives one up after 30 s, which a busy machine may
        take: then again.
        """
        for _ in range(3):
            node = Node(arguments, self.environment, self.folder / f"node-{secrets.token_hex(3)}.log")
            wait_for(lambda node=node: node.joined() or node.process.poll() is not None, 120)
            if node.joined():
                return node
        raise AssertionError(node.log.read_text())

    def add_worker(self):
        """One more node."""
        size = ["--num-cpus", "2", "--num-gpus", "1"]
        self.workers.append(self._start("--address", self.address, "--node-ip-address", self._host(), *size))

    def training(self):
        """The populations' workers of each node that is there."""
        return [node.workers() for node in self.workers if node.process.poll() is None]

    def whole(self):
        """Whether the head and two workers are there."""
        return alive(self.head.process.pid) and [alive(node.process.pid) for node in self.workers] == [
            True,
            True,
        ]

    def stop(self):
        """Ends it at once: nobody needs it any more."""
        for node in [*self.workers, self.head]:
            if alive(node.process.pid):
                node.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
