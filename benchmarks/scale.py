"""What a large study costs its driver: 1,000 and 10,000 trials with next to nothing to train, through the
real driver and Ray.

`python -m benchmarks.scale` prints a table, and writes it as JSON to the file that BENCH_JSON names. Every
study is a process of its own with a private Ray and a ledger in SQLite, so that its peak of memory is its
own. Costs are compared between the first and the last tenth of the trials: what grows with the trials that
are done would show there.
"""

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.engine import Connection

from tuner.driver.drive import drive, submit
from tuner.ledger.store import Ledger
from tuner.settings import Settings
from tuner.spec.study import StudySpec, parse_spec

HERE = Path(__file__).parent
SIDES = {1_000: (40, 25), 10_000: (100, 100)}  # trials: values of tau_f and of tau_b
STEP = 0.02  # between temperatures


def spec(trials: int) -> StudySpec:
    """The study: the smallest networks there are, for an epoch."""
    forward, backward = SIDES[trials]
    return parse_spec(
        {
            "name": "scale", "task": "sbn", "dataset": "digits", "seeds": 3, "epochs": 1, "batch_size": 1024,
            "search": {
                "strategy": "grid",
                "tau_f": {"low": 0.0, "high": (forward - 1) * STEP, "step": STEP},
                "tau_b": {"low": STEP, "high": backward * STEP, "step": STEP},
            },
            "confirm_seeds": 3, "options": {"units": [1]},
        }
    )  # fmt: skip


@dataclass(frozen=True)
class Point:
    """What the driver had used when a report had been written."""

    ended: int  # trials
    training_s: float  # of their populations, one after another
    ledger_s: float  # in the ledger, reading and decoding included
    cpu_s: float  # of the driver's process
    wall_s: float


class TimedLedger(Ledger):
    """A ledger that knows how long its driver was in it."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.ledger_s, self.points = 0.0, [Point(0, 0.0, 0.0, 0.0, 0.0)]

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._timed(), super().reading() as db:
            yield db

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self._timed(), super().writing() as db:
            yield db

    @contextmanager
    def _timed(self) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.ledger_s += time.perf_counter() - start

    def record(self, *arguments: Any, **named: Any) -> None:
        """A report."""
        super().record(*arguments, **named)
        last = self.points[-1]
        training_s = last.training_s + named["training_s"]
        used = (self.ledger_s, time.process_time(), time.perf_counter())
        self.points.append(Point(last.ended + len(named["rows"]), training_s, *used))

    def per_trial(self, trials: int) -> dict[str, dict[str, float]]:
        """Milliseconds a trial, in the first and in the last tenth of them."""
        tenth = trials // 10
        after = {
            done: next(p for p in self.points if p.ended >= done) for done in (tenth, trials - tenth, trials)
        }
        parts = {"first": (self.points[1], after[tenth]), "last": (after[trials - tenth], after[trials])}
        costs: dict[str, Callable[[Point], float]] = {
            "between_ms": lambda p: p.wall_s - p.training_s,
            "cpu_ms": lambda p: p.cpu_s,
            "ledger_ms": lambda p: p.ledger_s,
        }
        return {
            name: {part: 1000 * (cost(b) - cost(a)) / (b.ended - a.ended) for part, (a, b) in parts.items()}
            for name, cost in costs.items()
        }


def study(trials: int) -> dict[str, Any]:
    """Runs a study in this process; what it took."""
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(home=Path(home))
        ledger = TimedLedger(settings.ledger_address)
        start = time.perf_counter()
        name = submit(ledger, spec(trials))
        outcome = drive(ledger, name, settings, mlflow=False, say=lambda line: print(line, file=sys.stderr))
        end, cpu_s = time.perf_counter(), time.process_time()
        rows, points = ledger.trials(name), ledger.points
        ledger.close()
        size = sum(file.stat().st_size for file in Path(home).glob("ledger.db*"))
    return {
        "trials": len(rows),
        "populations": len({t.population for t in rows}),
        "wall_s": end - start,
        **ledger.per_trial(trials),
        "training_s": outcome.study.training_s,
        "report_s": end - points[-1].wall_s,
        "cpu_s": cpu_s,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "ledger_mb": size / 2**20,
    }


def show(measured: dict[str, Any]) -> None:
    """A study's table."""
    print(
        f"\n{measured['trials']} trials in {measured['populations']} populations, {measured['wall_s']:.0f} s"
    )

    def tenths(name: str) -> str:
        return "{first:.2f} ms, {last:.2f} ms".format(**measured[name])

    rows = {
        "between the trainings of populations, a trial: first and last tenth": tenths("between_ms"),
        "the driver's processor time, a trial": tenths("cpu_ms"),
        "in the ledger, a trial (wall time)": tenths("ledger_ms"),
        "from the last report to the end: analysis and report": f"{measured['report_s']:.1f} s",
        "peak of the driver's memory": f"{measured['peak_mb']:.0f} MB",
        "ledger": f"{measured['ledger_mb']:.1f} MB, {1024 * measured['ledger_mb'] / measured['trials']:.1f} "
        "KB a trial",
    }
    for name, value in rows.items():
        print(f"  {name:<70}{value}")


def main() -> None:
    """Both studies; or, with a number of trials, one of them as a line of JSON."""
    if len(sys.argv) == 2:
        print(json.dumps(study(int(sys.argv[1]))))
        return
    # What else the machine is doing spoils every timing, so it is on record.
    machine = f"{platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} before the start"
    print(machine)
    measured: dict[str, Any] = {"machine": machine}
    for trials in SIDES:
        command = [sys.executable, "-m", "benchmarks.scale", str(trials)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=HERE.parent)
        measured[str(trials)] = json.loads(done.stdout.splitlines()[-1])
        show(measured[str(trials)])
    if target := os.environ.get("BENCH_JSON"):
        Path(target).write_text(json.dumps(measured, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
