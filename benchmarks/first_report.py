"""`make bench-first`: seconds from POST /studies to the first report of the preset sbn-digits, on a service
that runs already (`tuner serve`, in a process and a folder of its own). The machine must be quiet.

Beside it two steps on the way, from the ledger: when a driver has the study, and when its first trials are
there. Each study is cancelled after its first report, and the next one is posted some seconds later.
BENCH_JSON names a file for the numbers.
"""

import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tuner.ledger.rows import StudyState
from tuner.ledger.store import Ledger
from tuner.network import any_free_port

STUDIES = 6
LOOK_EVERY_S, BETWEEN_S = 0.02, 6.0
STEPS = ("driver", "trials", "report")


def first_report(http: httpx.Client, ledger: Ledger, number: int) -> dict[str, float]:
    """Posts a study: the seconds after which it had each of STEPS."""
    start = time.perf_counter()
    body = {"preset": "sbn-digits", "name": f"first-report-{number}"}
    study: str = http.post("/studies", json=body).raise_for_status().json()["id"]
    there: dict[str, Callable[[], Any]] = {
        "driver": lambda: ledger.study(study).state is not StudyState.QUEUED,
        "trials": lambda: ledger.trials(study),
        "report": lambda: ledger.measurements(study, limit=1),
    }
    seconds = {}
    for step in STEPS:
        while not there[step]():
            time.sleep(LOOK_EVERY_S)
        seconds[step] = time.perf_counter() - start
    http.post(f"/studies/{study}/cancel").raise_for_status()
    while ledger.study(study).state is not StudyState.CANCELLED:
        time.sleep(LOOK_EVERY_S)
    return seconds


def measured(studies: int) -> list[dict[str, float]]:
    """Of so many studies, one after the other, on one service."""
    with tempfile.TemporaryDirectory() as home:
        port = any_free_port()
        environment = {name: v for name, v in os.environ.items() if not name.startswith(("TUNER_", "RAY_"))}
        environment |= {"TUNER_HOME": home, "TUNER_PORT": str(port)}
        serve = subprocess.Popen(
            [sys.executable, "-m", "api.cli", "serve"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as http:
                _wait(http, serve)
                ledger = Ledger(f"sqlite:///{Path(home) / 'ledger.db'}")
                found = []
                for number in range(studies):
                    time.sleep(BETWEEN_S)
                    found.append(first_report(http, ledger, number))
                    print("  ".join(f"{step} {s:.2f} s" for step, s in found[-1].items()), flush=True)
                ledger.close()
            return found
        finally:
            serve.send_signal(signal.SIGINT)
            serve.wait()


def _wait(http: httpx.Client, serve: "subprocess.Popen[bytes]") -> None:
    """Until the service is ready. Ends the program where the service has ended."""
    while serve.poll() is None:
        try:
            http.get("/readyz").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return
    sys.exit("benchmarks: the service did not start")


def main() -> None:
    """Measures, and prints each study and the medians."""
    studies = int(sys.argv[1]) if len(sys.argv) == 2 else STUDIES
    # What else the machine is doing spoils every timing, so it is on record.
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} before the start"
    print(machine)
    found = measured(studies)
    medians = {step: statistics.median(seconds[step] for seconds in found) for step in STEPS}
    print("median: " + "  ".join(f"{step} {s:.2f} s" for step, s in medians.items()))
    if target := os.environ.get("BENCH_JSON"):
        content = {"machine": machine, "studies": found, "median": medians}
        Path(target).write_text(json.dumps(content, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
