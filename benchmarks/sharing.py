"""`make bench-sharing`: what studies cost each other that share the CPUs of one machine, which must be quiet.

The preset sbn-digits, each time as a whole process with a folder of its own: one alone, two at once, and one
beside a process that keeps one core busy. At once should not take longer than one after the other, and a busy
neighbour on two cores not more than 2.2 times as long as none. BENCH_JSON names a file for the numbers; the
arguments are presets to measure instead.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

BUSY = "while True: pass"


def main() -> None:
    """Prints a line for each way, and writes JSON."""
    measured = {"machine": f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} before the start"}
    print(measured["machine"])
    for preset in sys.argv[1:] or ["sbn-digits"]:
        elapsed = {"alone": together_s(preset, 1), "at once": together_s(preset, 2)}
        neighbour = subprocess.Popen([sys.executable, "-c", BUSY])
        try:
            elapsed["beside a busy process"] = together_s(preset, 1)
        finally:
            neighbour.kill()
            neighbour.wait()
        for way, seconds in (elapsed | compared(elapsed)).items():
            print(f"  {preset:<16}{way:<34}{seconds:8.2f}")
        measured[preset] = elapsed | compared(elapsed)
    if target := os.environ.get("BENCH_JSON"):
        Path(target).write_text(json.dumps(measured, indent=1), encoding="utf-8")


def together_s(preset: str, count: int) -> float:
    """Seconds that so many studies take which begin at the same time."""
    command = [str(Path(sys.executable).parent / "tuner"), "run", preset, "--no-mlflow"]
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
        raise SystemExit(f"a study of {preset} has failed: {ended}")
    return elapsed


def compared(elapsed: Mapping[str, float]) -> dict[str, float]:
    """The two ratios that matter."""
    return {
        "at_once_to_one_after_the_other": elapsed["at once"] / (2 * elapsed["alone"]),
        "busy_to_alone": elapsed["beside a busy process"] / elapsed["alone"],
    }


if __name__ == "__main__":
    main()
