"""`tuner serve` as a process that tests attack, and an ordinary client that measures meanwhile how it is
served.
"""

import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager

import httpx

from tests.support.paths import ROOT
from tests.support.patience import patient, wait_for
from tests.support.processes import alive, descendants, kill
from tuner.network import any_free_port

NOWHERE = "http://127.0.0.1:9"  # where nothing listens


class Stack:
    """`tuner serve` over a state folder."""

    def __init__(self, home, **settings):
        self.home, self.port = home, any_free_port()
        home.mkdir(parents=True, exist_ok=True)
        named = {f"TUNER_{name.upper()}": str(value) for name, value in settings.items()}
        self.environment = os.environ | {
            "TUNER_HOME": str(home),
            "TUNER_PORT": str(self.port),
            "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
            "OMP_NUM_THREADS": "1",
            **named,
        }
        self.log = home.parent / f"{home.name}.log"
        self.process = None
        self.started = set()  # every process that was ever seen of it

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def start(self):
        """Starts it; `wait` waits until it answers."""
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "api.cli", "serve"]
            self.process = subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        return self

    def wait(self, seconds=120):
        wait_for(lambda: self.running() and "Ctrl-C" in self.log.read_text(), seconds, every_s=0.3)
        wait_for(lambda: self.parts().get("ledger") == "ok", 30)
        return self

    def running(self):
        assert self.process.poll() is None, self.log.read_text()
        self.processes()
        return True

    def parts(self):
        """What /readyz says of each part."""
        try:
            return httpx.get(f"{self.url}/readyz", timeout=patient(5)).json()["parts"]
        except (httpx.HTTPError, ValueError):
            return {}

    def processes(self):
        """The service's process and all that descend from it."""
        found = [self.process.pid, *descendants(self.process.pid)]
        self.started |= set(found)
        return found

    def left(self):
        """What still runs of all that it ever started."""
        return [pid for pid in self.started if alive(pid)]

    def end(self, how=signal.SIGTERM):
        """Ends it, and waits until nothing is left. Its exit code."""
        self.processes()
        self.process.send_signal(how)
        code = self.process.wait(patient(60))
        wait_for(lambda: not self.left(), 60)
        return code

    def remove(self):
        """Whatever is left of it after a test."""
        if self.process is not None and self.process.poll() is None:
            self.processes()
            self.process.kill()
            self.process.wait()
        kill(*self.left())


class Client(threading.Thread):
    """Somebody who uses the service while it is attacked: how long each answer took, and what it was."""

    ROUTES = ("/healthz", "/readyz", "/studies", "/tasks", "/")

    def __init__(self, url, headers=None):
        super().__init__(daemon=True)
        self.url, self.headers, self.seconds, self.statuses, self.over = (
            url,
            headers or {},
            [],
            Counter(),
            False,
        )

    def run(self):
        with httpx.Client(base_url=self.url, headers=self.headers, timeout=patient(60)) as http:
            while not self.over:
                for route in self.ROUTES:
                    began = time.monotonic()
                    try:
                        self.statuses[http.get(route).status_code] += 1
                    except httpx.HTTPError as error:
                        self.statuses[type(error).__name__] += 1
                    self.seconds.append(time.monotonic() - began)
                time.sleep(0.02)

    def percentile(self, share):
        return statistics.quantiles(self.seconds, n=100)[round(100 * share) - 1]

    def told(self):
        return (
            f"{len(self.seconds)} answers, median {1000 * statistics.median(self.seconds):.0f} ms, "
            f"99th percentile {1000 * self.percentile(0.99):.0f} ms, {dict(self.statuses)}"
        )


@contextmanager
def a_client(url, headers=None):
    """A client that works while the block runs."""
    client = Client(url, headers)
    client.start()
    try:
        yield client
    finally:
        client.over = True
        client.join(patient(90))
        print(f"\n{client.told()}")


def fine(client, *, seconds=1.0):
    """Checks that the client was served as if nothing happened: no 5xx but 503, and in time."""
    wrong = {s: n for s, n in client.statuses.items() if not isinstance(s, int) or (s >= 500 and s != 503)}
    assert wrong == {}, client.told()
    assert client.percentile(0.99) < patient(seconds), client.told()
