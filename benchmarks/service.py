"""Latency of the service: 16 clients at once, against a ledger with 10,000 studies and one finished study of
1,000 trials.

The server is a process of its own, the clients another, both on this machine. Answers are read whole, without
If-None-Match. Prints JSON: per request the median and the 95th percentile in milliseconds, and requests a
second.
"""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from tuner.ledger.new_study import insert_study
from tuner.ledger.rows import Proposal
from tuner.ledger.store import Ledger
from tuner.network import any_free_port
from tuner.spec.study import load_spec

CLIENTS, REQUESTS = 16, 50  # requests of each client
STUDIES, TRIALS, INTERVALS, SEEDS = 10_000, 1_000, 5, 5


def fill(ledger: Ledger) -> str:
    """The studies; the id of the one with trials."""
    spec = load_spec("sbn-digits").model_dump(mode="json")
    about = {"name": "bench", "task": "sbn", "spec": spec, "objective": "val_loss", "direction": "minimize"}
    with ledger.writing() as db:
        for _ in range(STUDIES - 1):
            insert_study(db, **about)
    study = ledger.create_study(**about)
    lease = ledger.acquire(study, {})
    side = round(TRIALS**0.5 + 0.5)
    pairs = [(0.1 * (i // side), 0.1 + 0.1 * (i % side)) for i in range(TRIALS)]
    proposals = [Proposal("search", "decoupled", round(f, 3), round(b, 3), 0.001) for f, b in pairs]
    ledger.start_population(lease, "bench", proposals, range(SEEDS))
    for interval in range(1, INTERVALS + 1):
        rows = {
            n: {"val_loss": [1 / interval + 0.001 * ((7 * n + s) % 100) for s in range(SEEDS)]}
            for n in range(TRIALS)
        }
        last = interval == INTERVALS
        ledger.record(lease, interval=interval, epoch=interval, training_s=1.0, rows=rows, final=last)
    ledger.release(lease, "succeeded")
    return study


async def ask(url: str, path: str) -> dict[str, float]:
    """Latencies of one request, asked by all clients at once."""
    elapsed: list[float] = []

    async def client() -> None:
        async with httpx.AsyncClient(base_url=url, timeout=60) as http:
            for _ in range(REQUESTS):
                start = time.perf_counter()
                answer = await http.get(path)
                answer.raise_for_status()
                elapsed.append(1000 * (time.perf_counter() - start))

    async with httpx.AsyncClient(base_url=url, timeout=60) as http:
        size = len(
            (await http.get(path)).raise_for_status().content
        )  # the first is computed, the others are what counts
    start = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    took = time.perf_counter() - start
    quantiles = statistics.quantiles(elapsed, n=20)
    return {
        "median_ms": statistics.median(elapsed),
        "p95_ms": quantiles[-1],
        "requests_per_s": len(elapsed) / took,
        "bytes": size,
    }


def main() -> None:
    """Starts the server, measures, ends it."""
    with tempfile.TemporaryDirectory() as home:
        ledger = Ledger(f"sqlite:///{Path(home) / 'ledger.db'}")
        study = fill(ledger)
        ledger.close()
        port = any_free_port()
        command = [
            sys.executable,
            "-m",
            "uvicorn",
            "--factory",
            "api.application.app:create",
            "--port",
            str(port),
            "--log-level",
            "error",
        ]
        environment = os.environ | {"TUNER_HOME": home, "TUNER_RATE_PER_MINUTE": "0", "OMP_NUM_THREADS": "1"}
        server = subprocess.Popen([*command, "--no-access-log"], env=environment)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url)
            paths = {
                "results of 1,000 trials": f"/studies/{study}/results",
                "the newest of 10,000 studies": "/studies",
            }
            measured: dict[str, Any] = {name: asyncio.run(ask(url, path)) for name, path in paths.items()}
        finally:
            server.terminate()
            server.wait()
    print(json.dumps({"clients": CLIENTS, "requests": measured}))


def _wait(url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{url}/healthz").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return
    sys.exit("benchmarks: the service did not start")


if __name__ == "__main__":
    main()
