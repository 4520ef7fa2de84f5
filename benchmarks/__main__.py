"""`make bench`: prints one table of measurements and ratios, and writes it as JSON to the file that BENCH_JSON names."""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tuner.settings import Settings

HERE = Path(__file__).parent


def main() -> None:
    """Runs the benchmarks that are named as arguments, or all."""
    known = {"search": search, "population": population}
    names = sys.argv[1:] or list(known)
    if unknown := set(names) - set(known):
        sys.exit(f"benchmarks: there is no {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    measured = {"machine": f"{platform.machine()}, {os.cpu_count()} CPUs"}
    for name in names:
        measured[name] = known[name]()
    if target := os.environ.get("BENCH_JSON"):
        Path(target).write_text(json.dumps(measured, indent=1), encoding="utf-8")


def search() -> dict[str, Any]:
    """The same search, ours as a command and the plain Ray Tune script, each as a whole process."""
    with tempfile.TemporaryDirectory() as home:
        ours = _timed(
            [str(Path(sys.executable).parent / "tuner"), "run", str(HERE / "search.yaml"), "--no-mlflow"], {"TUNER_HOME": home}
        )
    theirs = _timed([sys.executable, "-m", "benchmarks.plain_tune"], {})
    print("\nThe same search: SBN on digits, 5 x 5 grid, 3 seeds, 60 epochs; wall time of the whole process")
    _row("plain Ray Tune, one model a Tune trial, 2 at a time", f"{theirs:8.1f} s", "1.0 x")
    _row("tuner run", f"{ours:8.1f} s", f"{theirs / ours:.1f} x")
    return {"plain_tune_s": theirs, "tuner_s": ours, "ratio": theirs / ours}


def population() -> dict[str, Any]:
    """Populations against plain models on FashionMNIST."""
    folder = Settings.from_environment().data_folder
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.population", str(folder)], check=True, capture_output=True, text=True, cwd=HERE.parent
    )
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    print(f"\nSBN on FashionMNIST, training only, {measured['device']}")
    _row("plain torch models, one after the other", f"{measured['plain']:8.2f} member-epochs/s", "1.0 x")
    for name, rate in measured["populations"].items():
        floor = f"{rate / measured['plain']:.1f} x   {measured['gflops'][name]:.0f} GFLOP/s"
        _row(f"population of {name}", f"{rate:8.2f} member-epochs/s", floor)
    peaks = ", ".join(f"{p:.0f}" for p in measured["peaks_mb"])
    print(
        f"  peak memory of a population of 25: {measured['per_member_mb']:.1f} MB a member above {measured['before_mb']:.0f} MB;"
    )
    print(f"  after each interval: {peaks} MB")
    return measured


def _timed(command: list[str], environment: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, env=os.environ | environment, cwd=HERE.parent, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def _row(*cells: str) -> None:
    print(f"  {cells[0]:<56}{cells[1]:<28}{cells[2]}")


if __name__ == "__main__":
    main()
