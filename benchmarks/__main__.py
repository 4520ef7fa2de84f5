"""`make bench`: prints one table of measurements and ratios, and writes it as JSON to the file that
BENCH_JSON names.
"""

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
    known = {
        "search": search,
        "population": population,
        "autoencoder": autoencoder,
        "gates": gates,
        "modules": modules,
        "estimators": estimators,
    }
    names = sys.argv[1:] or list(known)
    if unknown := set(names) - set(known):
        sys.exit(f"benchmarks: there is no {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    # What else the machine is doing spoils every timing, so it is on record.
    measured = {
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f} before the "
        "start"
    }
    print(measured["machine"])
    for name in names:
        measured[name] = known[name]()
    if target := os.environ.get("BENCH_JSON"):
        Path(target).write_text(json.dumps(measured, indent=1), encoding="utf-8")


def search() -> dict[str, Any]:
    """The same search, ours as a command and the plain Ray Tune script, each as a whole process."""
    with tempfile.TemporaryDirectory() as home:
        ours = _timed(
            [str(Path(sys.executable).parent / "tuner"), "run", str(HERE / "search.yaml"), "--no-mlflow"],
            {"TUNER_HOME": home},
        )
    theirs = _timed([sys.executable, "-m", "benchmarks.plain_tune"], {})
    print("\nThe same search: SBN on digits, 5 x 5 grid, 3 seeds, 60 epochs; wall time of the whole process")
    _row("plain Ray Tune, one model a Tune trial, 2 at a time", f"{theirs:8.1f} s", "1.0 x")
    _row("tuner run", f"{ours:8.1f} s", f"{theirs / ours:.1f} x")
    return {"plain_tune_s": theirs, "tuner_s": ours, "ratio": theirs / ours}


def population() -> dict[str, Any]:
    """Populations against plain models on FashionMNIST."""
    measured = _module("population", str(Settings.from_environment().data_folder))
    print(f"\nSBN on FashionMNIST, training only, {measured['device']}")
    _row("plain torch models, one after the other", f"{measured['plain']:8.2f} member-epochs/s", "1.0 x")
    for name, rate in measured["populations"].items():
        floor = f"{rate / measured['plain']:.1f} x   {measured['gflops'][name]:.0f} GFLOP/s"
        _row(f"population of {name}", f"{rate:8.2f} member-epochs/s", floor)
    peaks = ", ".join(f"{p:.0f}" for p in measured["peaks_mb"])
    print(
        f"  peak memory of a population of 25: {measured['per_member_mb']:.1f} MB a member above "
        f"{measured['before_mb']:.0f} MB;"
    )
    print(f"  after each interval: {peaks} MB")
    return measured


def autoencoder() -> dict[str, Any]:
    """A population of categorical autoencoders against plain models on MNIST."""
    measured = _module("autoencoder", str(Settings.from_environment().data_folder))
    print(
        f"\nCategorical autoencoder on MNIST, training only, {measured['steps']} steps of every model, "
        f"{measured['device']}"
    )
    gflops, ratio = measured["gflops"], measured["population"] / measured["plain"]
    rows = {
        "plain torch models, one after the other": "plain",
        f"population of {measured['members']}": "population",
    }
    for name, key in rows.items():
        share = f"{gflops[key]:.0f} GFLOP/s, {gflops[key] / gflops['peak']:.0%} of the peak"
        _row(
            name,
            f"{measured[key]:8.3f} member-epochs/s",
            f"{measured[key] / measured['plain']:.1f} x   {share}",
        )
    limit = gflops["peak"] / gflops["plain"]
    print(
        f"  the peak is a large product's {gflops['peak']:.0f} GFLOP/s: in float32 more than {limit:.1f} x "
        "is not to be had"
    )
    return measured | {"ratio": ratio, "limit": limit}


def gates() -> dict[str, Any]:
    """Logic gate networks: ours against two public libraries, in time and memory."""
    measured = _module("gates")
    print(
        "\nLogic gate network, 4 x 12,000 gates, 9,216 bits, batch 100: a member's training step, "
        f"{measured['device']}"
    )
    peers = measured["peers"]
    fastest = min(peers, key=lambda name: peers[name]["step_s"])
    rows = [(name, 1, peer) for name, peer in peers.items()]
    rows += [(f"population of {n}", int(n), whole) for n, whole in measured["populations"].items()]
    ratios = {}
    for name, members, whole in rows:
        step_s, memory_mb = whole["step_s"] / members, whole["memory_mb"] / members
        speed, memory = peers[fastest]["step_s"] / step_s, memory_mb / peers[fastest]["memory_mb"]
        ratios[name] = {"speed": speed, "memory": memory}
        _row(
            name,
            f"{1000 * step_s:8.1f} ms {memory_mb:8.0f} MB",
            f"speed {speed:.1f} x, memory {memory:.2f} x",
        )
    print(
        f"  against {fastest}, the fastest peer; memory is the peak above the idle process, divided by the "
        "members"
    )
    return measured | {"fastest_peer": fastest, "ratios": ratios}


def modules() -> dict[str, Any]:
    """A population of plain modules, beside the built-in task and the modules one after the other."""
    measured = _module("modules")
    print(
        f"\nSBN 784-200-200-10 as a module, a training step of {measured['members']} members, "
        f"{measured['device']}"
    )
    names = {
        "plain": "plain modules, one after the other",
        "modules": f"population of modules ({measured['stack']})",
        "built_in": "population of the built-in task",
    }
    for key, name in names.items():
        step, speed_up = measured["milliseconds"][key], measured["milliseconds"]["plain"]
        _row(name, f"{step:8.1f} ms", f"{speed_up / step:.1f} x")
    print(f"  the module's step takes {measured['of_built_in']:.2f} times the built-in one's")
    return measured


def estimators() -> dict[str, Any]:
    """The estimators by themselves against the usual ways to write them."""
    measured = _module("estimators")
    for table, rows in measured["tables"].items():
        print(f"\nEstimators, forward and backward, {table}, {measured['device']}")
        for row in rows:
            row["ratio"] = row["usual_us"] / row["ours_us"]
            times = f"{row['usual_us']:8.0f} us -> {row['ours_us']:.0f} us"
            _row(f"{row['estimator']} {row['shape']}", times, f"{row['ratio']:.2f} x")
    return measured


def _module(name: str, *arguments: str) -> dict[str, Any]:
    """What the module of that name measured, in a process of its own."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True, cwd=HERE.parent)
    if done.returncode:
        sys.exit(f"benchmarks: {name} failed; the reason is above")
    measured: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return measured


def _timed(command: list[str], environment: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run(
        command, check=True, env=os.environ | environment, cwd=HERE.parent, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - start


def _row(*cells: str) -> None:
    print(f"  {cells[0]:<56}{cells[1]:<28}{cells[2]}")


if __name__ == "__main__":
    main()
