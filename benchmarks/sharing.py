"""`make bench-sharing`: what studies cost each other that share the CPUs of one machine, which must be quiet.

A grid on digits of each of the three tasks, each time as a whole process with a folder of its own: one alone,
two at once, one alone again, and one beside a process that keeps one core busy. At once should take no longer
than the two alone together, and a busy neighbour on two cores make it no more than 2.2 times as long. Nothing
is confirmed, so that every run does the same work. Some ten minutes; --small is a minute that only shows that
it runs.
BENCH_JSON names a file for the numbers, which is written after every run.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

BUSY = "while True: pass"
AT_ONCE, BUSY_NEIGHBOUR = 1.0, 2.2  # what the two ratios should be at most
WAYS = ("alone", "at once", "beside a busy process")
ORDER = ("alone", "at once", "alone", "beside a busy process")  # a machine is slower at one time than another
# The same in every study: the grid of the presets, and nothing whose amount depends on what is found.
COMMON: dict[str, Any] = {
    "dataset": "digits",
    "search": {"strategy": "grid", "tau_f": [0.0, 0.1, 0.3, 0.5, 1.0], "tau_b": [0.1, 0.3, 0.5, 1.0, 2.0]},
    "confirm_seeds": 0,
    "extend": False,
    "refine": False,
    "reports": 10,
}
STUDIES: dict[str, dict[str, Any]] = {
    "sbn": {"epochs": 40, "batch_size": 64, "seeds": 3, "learning_rates": [0.001]},
    "catae": {
        "epochs": 40, "batch_size": 50, "seeds": 3, "learning_rates": [0.001],
        "options": {"hidden": [128, 64], "latents": 4, "classes": 8},
    },
    "dln": {
        "steps": 300, "batch_size": 100, "seeds": 3, "learning_rates": [0.01],
        "options": {"widths": [1000, 1000, 1000], "group_sum_temperature": 10.0},
    },
}  # fmt: skip


@dataclass(frozen=True)
class Sharing:
    """Seconds that one task's studies took; None where it has not been measured."""

    alone: float | None = None  # the mean of the runs
    at_once: float | None = None
    busy: float | None = None

    @property
    def at_once_to_one_after_the_other(self) -> float | None:
        """Of two studies."""
        return None if self.at_once is None or self.alone is None else self.at_once / (2 * self.alone)

    @property
    def busy_to_alone(self) -> float | None:
        """Of one beside a busy process."""
        return None if self.busy is None or self.alone is None else self.busy / self.alone

    @property
    def told(self) -> str:
        """The row of the table: seconds, then both ratios and whether they are as they should be."""
        cells = [_cell(value, "s") for value in (self.alone, self.at_once, self.busy)]
        for ratio, most in (
            (self.at_once_to_one_after_the_other, AT_ONCE),
            (self.busy_to_alone, BUSY_NEIGHBOUR),
        ):
            within = "" if ratio is None else " ok" if ratio <= most else " NO"
            cells.append(f"{_cell(ratio, 'x')}{within}")
        return "".join(f"{cell:>16}" for cell in cells)


def _cell(value: float | None, unit: str) -> str:
    return "-" if value is None else f"{value:.2f} {unit}"


def spec(task: str, *, small: bool) -> dict[str, Any]:
    """The study of a task."""
    given = {"name": f"sharing-{task}", "task": task} | COMMON | STUDIES[task]
    if small:
        length = "steps" if "steps" in given else "epochs"
        given |= {length: 10, "search": {"strategy": "grid", "tau_f": [0.0, 1.0], "tau_b": [1.0]}}
    return given


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table, a row for each task, and writes JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(STUDIES)}; default: all")
    parser.add_argument("--small", action="store_true", help="a few steps of each, which are no measurement")
    given = parser.parse_args(arguments)
    tasks = given.tasks or list(STUDIES)
    if unknown := sorted({*tasks} - STUDIES.keys()):
        parser.error(f"there is no study of {', '.join(unknown)}; there are {', '.join(STUDIES)}")
    machine = f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} before the start"
    print(machine)
    heads = (*WAYS, f"at once <= {AT_ONCE}", f"busy <= {BUSY_NEIGHBOUR}")
    print(f"{'':<8}" + "".join(f"{head.removeprefix('beside a '):>16}" for head in heads))
    measured: dict[str, Any] = {"machine": machine, "small": given.small}
    with tempfile.TemporaryDirectory() as folder:
        for task in tasks:
            file = Path(folder) / f"{task}.yaml"
            file.write_text(json.dumps(spec(task, small=given.small)), encoding="utf-8")  # JSON is YAML
            found = Sharing()
            for way in ORDER:
                found = with_run(found, way, file)
                measured[task] = asdict(found) | ratios(found)
                if target := os.environ.get("BENCH_JSON"):
                    Path(target).write_text(json.dumps(measured, indent=1), encoding="utf-8")
            print(f"{task:<8}{found.told}", flush=True)


def ratios(found: Sharing) -> Mapping[str, float | None]:
    """The two that matter, by name."""
    names = ("at_once_to_one_after_the_other", "busy_to_alone")
    return {name: getattr(found, name) for name in names}


def with_run(found: Sharing, way: str, file: Path) -> Sharing:
    """What was found, and one more run."""
    if way == "alone":
        took = together_s(file, 1)
        return replace(found, alone=took if found.alone is None else (found.alone + took) / 2)
    if way == "at once":
        return replace(found, at_once=together_s(file, 2))
    neighbour = subprocess.Popen([sys.executable, "-c", BUSY])
    try:
        return replace(found, busy=together_s(file, 1))
    finally:
        neighbour.kill()
        neighbour.wait()


def together_s(file: Path, count: int) -> float:
    """Seconds that so many studies of a file take which begin at the same time."""
    command = [str(Path(sys.executable).parent / "tuner"), "run", str(file), "--no-mlflow"]
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        running = [
            subprocess.Popen(
                command,
                env=os.environ | {"TUNER_HOME": str(Path(folder) / str(i))},
                stdout=subprocess.DEVNULL,
            )
            for i in range(count)
        ]
        ended = [process.wait() for process in running]
        elapsed = time.perf_counter() - began
    if any(ended):
        raise SystemExit(f"a study of {file.stem} has failed: {ended}")
    return elapsed


if __name__ == "__main__":
    main()
