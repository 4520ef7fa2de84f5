"""`make gpu-check DATA=FOLDER`: what only a GPU can show, in 13 minutes. Needs torch and triton only.

(a) correctness, on random data; (b) the time of a step beside what this card's measured bandwidth and peak
allow, and the kernels that it goes into; (c) the paper's studies on the data of a folder, most valuable
first. Each part has a time limit, and writes its results as JSON as soon as it has them, so that reaching the
limit loses nothing. On a CPU, or with --tiny, it only shows that the check runs: none of its numbers is then
a measurement of a GPU.
"""

import argparse
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks import plain
from benchmarks.gpu import STUDIES, Study, random_dataset
from benchmarks.gpu_correctness import correctness
from benchmarks.measure import alternate, synchronize
from benchmarks.paper import PLANS, REPORTS, TINY_REPORTS, Data, StudyFile, built, grid
from trainables.capture import recorder
from trainables.data import DataError, Dataset, load
from trainables.data.fingerprint import fingerprint
from trainables.layers import PRECISIONS, products
from trainables.population import Configuration, Population
from trainables.scoring import ScoreRule

LIMITS_S = {"correctness": 180.0, "table": 150.0, "kernels": 30.0, "paper": 420.0}
MEMBERS = {"SBN grid": (25, 250, 1155), "CatAE": (16, 100, 400), "DLN, 16 members": (1, 4, 16)}


@dataclass(frozen=True)
class Check:
    """What a check runs on, and where its results go."""

    device: torch.device
    data: str
    out: Path
    tiny: bool
    precision: str = "tf32"  # of the paper's studies

    def write(self, name: str, found: object, *, indent: int | None = 1) -> None:
        """Replaces NAME.json in the folder of results."""
        target = self.out / f"{name}.json"
        partial_file = target.with_suffix(".partial")
        partial_file.write_text(json.dumps(found, indent=indent), encoding="utf-8")
        partial_file.replace(target)

    def population(
        self, study: Study, dataset: Dataset, trials: int, seeds: int, **keywords: Any
    ) -> Population:
        """Decoupled trials over the paper's temperatures, as an accelerator trains them."""
        configurations = [
            Configuration("decoupled", 0.1 * (t % 21), 0.1 + 0.2 * (t // 21 % 11), study.lr)
            for t in range(trials)
        ]
        return self.trained(study, dataset, configurations, seeds, **keywords)

    def trained(
        self,
        study: Study,
        dataset: Dataset,
        configurations: Sequence[Configuration],
        seeds: int,
        **keywords: Any,
    ) -> Population:
        """Some trials of a study, as an accelerator trains them."""
        batch = min(study.batch, len(dataset.train) // 4)
        return Population(
            built(study, dataset, tiny=self.tiny), dataset, configurations, range(seeds),
            batch_size=batch, accelerator=True, **keywords,
        )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the parts. Returns 1 where a check of correctness has failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="data", help="folder of the datasets")
    parser.add_argument("--out", default="build/gpu-check", help="folder of the results")
    parser.add_argument("--parts", nargs="+", default=list(LIMITS_S), choices=list(LIMITS_S))
    parser.add_argument("--precision", default="tf32", choices=PRECISIONS, help="of the paper's studies")
    parser.add_argument("--tiny", action="store_true", help="small models, few steps, random data")
    given = parser.parse_args(arguments)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    check = Check(device, given.data, Path(given.out), given.tiny, given.precision)
    check.out.mkdir(parents=True, exist_ok=True)
    check.write("device", described(device))
    parts: dict[str, Callable[[Check, Callable[[], bool]], bool]] = {
        "correctness": checked,
        "table": table,
        "kernels": kernels,
        "paper": paper,
    }
    passed = True
    for name in given.parts:
        end = time.monotonic() + LIMITS_S[name]
        passed &= parts[name](check, lambda end=end: time.monotonic() < end)
    return 0 if passed else 1


def described(device: torch.device) -> dict[str, Any]:
    """What the results were found on."""
    found = {"torch": torch.__version__, "device": str(device), "date": time.strftime("%Y-%m-%d")}
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        found |= {"name": properties.name, "memory_bytes": properties.total_memory}
        found |= {"capability": [properties.major, properties.minor], "cuda": torch.version.cuda}
        found |= {"driver": _driver()}
    return found


# --- (b) the table ---


def _driver() -> str:
    """The version of the GPU's driver, which torch does not tell."""
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        told = subprocess.run(query, capture_output=True, text=True, check=True, timeout=20).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return f"unknown: {error}"
    return told.split("\n")[0]


def checked(check: Check, in_time: Callable[[], bool]) -> bool:
    """What gpu_correctness.py says of this device."""
    for found in correctness(check.device, in_time):
        check.write("correctness", found)
    return all(said in ("ok", "needs CUDA") for row in found.values() for said in row.values())


def table(check: Check, in_time: Callable[[], bool]) -> bool:
    """Milliseconds of a step, and the share of the floor, by study, members and precision."""
    limits = {p: peaks(check, p) for p in ("float32", "tf32")}
    rows: list[dict[str, Any]] = []
    for study in STUDIES:
        if not in_time():
            break
        dataset = random_dataset(study.shape, 20 * study.batch).to(check.device)
        plain_s = {precision: _plain_step_s(check, study, dataset, precision) for precision in limits}
        for members in (2,) if check.tiny else MEMBERS[study.name]:
            for precision in limits:
                if not in_time():
                    break
                row = {"study": study.name, "members": members, "precision": precision}
                try:
                    row |= _measured(check, study, dataset, members, plain_s[precision], precision, limits)
                except Exception as error:  # noqa: BLE001  # what does not fit must not cost the other rows
                    row["problem"] = f"{type(error).__name__}: {error}"
                rows.append(row)
                print(f"  {study.name:<18}{members:6} {precision:<9}{_told(row)}")
                check.write("table", {"limits": limits, "rows": rows})
    return all("problem" not in row for row in rows)


def _measured(
    check: Check,
    study: Study,
    dataset: Dataset,
    members: int,
    plain_s: float,
    precision: str,
    limits: Mapping[str, Mapping[str, float]],
) -> dict[str, Any]:
    """What a row of the table says."""
    step_s = _step_s(check, study, dataset, members, precision)
    limit = limits[precision]
    share = members / (study.trials * study.seeds * study.steps)
    floor_s = share * max(study.flop / limit["flop_per_s"], study.traffic / limit["bytes_per_s"])
    return {
        "step_s": step_s,
        "floor_share": None if check.tiny else floor_s / step_s,
        "plain_step_s": plain_s,  # of one model in plain torch
        # As many plain models, one after the other, take so many times as long.
        "ratio_to_one_at_a_time": members * plain_s / step_s,
    }


def _told(row: Mapping[str, Any]) -> str:
    if "problem" in row:
        return str(row["problem"])
    ratio = f"{row['ratio_to_one_at_a_time']:8.1f} x one plain model at a time"
    return f"{1000 * row['step_s']:10.3f} ms a step{ratio}"


def _step_s(check: Check, study: Study, dataset: Dataset, members: int, precision: str) -> float:
    """A step of a population, recorded where the device can."""
    seeds = study.seeds if members % study.seeds == 0 else 1
    record = recorder(check.device, "auto")
    models = check.population(study, dataset, members // seeds, seeds, precision=precision, recorder=record)
    steps = 2 if check.tiny else 64
    return alternate({"steps": partial(models.train, steps)}, rounds=3, warmup=2)["steps"] / steps


def _plain_step_s(check: Check, study: Study, dataset: Dataset, precision: str) -> float:
    """A step of one model in plain torch, on the same device with the same precision."""
    task, sizes = PLANS[study.name].name, {}
    if check.tiny and task == "dln":
        sizes = {"widths": (60, 50)}
    train = plain.trained(task, dataset, batch=study.batch, lr=study.lr, **sizes)
    steps = 2 if check.tiny else 64
    with products(precision):
        return alternate({"steps": partial(train, steps)}, rounds=3, warmup=2)["steps"] / steps


def peaks(check: Check, precision: str) -> dict[str, float]:
    """Measured bandwidth of a copy, and operations a second of a product of two large matrices."""
    n, numbers = (256, 2**20) if check.tiny else (8192, 2**28)
    a, b = (torch.randn(n, n, device=check.device) for _ in range(2))
    source = torch.zeros(numbers, device=check.device)
    target = torch.empty_like(source)
    with products(precision):
        taken = alternate({"product": lambda: a @ b, "copy": lambda: target.copy_(source)}, rounds=5)
    return {"flop_per_s": 2 * n**3 / taken["product"], "bytes_per_s": 8 * numbers / taken["copy"]}


MOST_KERNELS = 12  # of a study that are told


def kernels(check: Check, in_time: Callable[[], bool]) -> bool:
    """Where the time of a step goes, by study: what the device ran, in milliseconds a step, the longest
    first, and how often; what a report and the order of an epoch take beside it.
    """
    found: dict[str, Any] = {}
    for study in STUDIES:
        if not in_time():
            break
        dataset = random_dataset(study.shape, 20 * study.batch).to(check.device)
        seeds = 1 if check.tiny else study.seeds
        members = 2 if check.tiny else MEMBERS[study.name][-1]
        models = check.population(study, dataset, members // seeds, seeds, precision=check.precision)
        models.train(4)
        steps = 4
        profiled = _profiled(check.device, partial(models.train, steps))
        rows = [
            {"name": name[:120], "calls": calls / steps, "ms": 1000 * seconds / steps}
            for name, calls, seconds in profiled[:MOST_KERNELS]
        ]
        whole = 1000 * sum(seconds for _, _, seconds in profiled) / steps
        report = alternate({"report": lambda m=models: m.report(ScoreRule())}, rounds=2)["report"]
        found[study.name] = {"members": members, "kernels_ms": whole, "report_s": report, "kernels": rows}
        print(f"  {study.name:<18}{members:6} {whole:10.3f} ms of kernels a step, {report:.3f} s a report")
        for row in rows:
            print(f"    {row['ms']:9.3f} ms {row['calls']:7.1f} x {row['name'][:80]}")
        check.write("kernels", found)
        del models
    return True


def _profiled(device: torch.device, run: Callable[[], object]) -> list[tuple[str, int, float]]:
    """(name, how often, seconds on the device) of what it runs, the longest first."""
    on_gpu = device.type == "cuda"
    activity = torch.profiler.ProfilerActivity.CUDA if on_gpu else torch.profiler.ProfilerActivity.CPU
    with torch.profiler.profile(activities=[activity]) as profiler:
        run()
        synchronize()
    rows = [
        (e.key, e.count, (e.self_device_time_total if on_gpu else e.self_cpu_time_total) / 1e6)
        for e in profiler.key_averages()
    ]
    return sorted((row for row in rows if row[2] > 0), key=lambda row: -row[2])


# --- (c) the paper ---


def paper(check: Check, in_time: Callable[[], bool]) -> bool:
    """The paper's studies, one after the other; each writes its measurements after every report, for
    `tuner import`.
    """
    passed = True
    for study in STUDIES:
        file = StudyFile(
            study, described(check.device),
            hours=LIMITS_S["paper"] / 3600, tiny=check.tiny, precision=check.precision,
        )  # fmt: skip
        if not in_time():
            check.write(file.name, file.not_started("not reached in time"))
            continue
        try:
            file.data, dataset = _data(check, study)
            file.examples = None if check.tiny else fingerprint(dataset)
        except DataError as error:
            check.write(file.name, file.not_started(f"no data: {error}"))
            print(f"  {study.name:<18}{error}")
            continue
        content = file.not_started("nothing was reported")
        try:
            for content in _trained(check, study, dataset.to(check.device), file, in_time):
                check.write(file.name, content, indent=None)  # hundreds of thousands of numbers
        except Exception as error:  # noqa: BLE001  # what does not fit must not cost the other studies
            check.write(file.name, content | {"reason": f"{type(error).__name__}: {error}"})
            print(f"  {study.name:<18}{type(error).__name__}: {error}")
            passed = False
    return passed


def _data(check: Check, study: Study) -> tuple[Data | None, Dataset]:
    """The first of the plan's datasets that is there.

    Raises:
        DataError: none is; what it says is of the first.
    """
    if check.tiny:
        return None, random_dataset(study.shape, 400)
    missing: list[DataError] = []
    for name, options in PLANS[study.name].data:
        try:
            return (name, options), load(name, check.data, options)
        except DataError as error:
            missing.append(error)
    raise missing[0]


def _trained(
    check: Check, study: Study, dataset: Dataset, file: StudyFile, in_time: Callable[[], bool]
) -> Iterator[dict[str, Any]]:
    """The content of a study's file after each report."""
    seeds, steps, number = (2, 8, TINY_REPORTS) if check.tiny else (study.seeds, study.steps, REPORTS)
    models = check.trained(
        study, dataset, grid(study, tiny=check.tiny), seeds,
        recorder=recorder(check.device, "auto"), total_steps=steps, precision=check.precision,
    )  # fmt: skip
    began = time.monotonic()
    for report in range(1, number + 1):
        loss = models.train(round(steps * report / number) - models.steps)
        metrics = {"train_loss": loss} | models.report(ScoreRule())
        ended = models.steps == steps
        if ended:
            tested = models.test().items()
            metrics |= {n.replace("val_", "test_"): v for n, v in tested if n.startswith("val_")}
        synchronize()
        file.report(models, metrics, time.monotonic() - began)
        state = "succeeded" if ended else "training" if in_time() else "out of time"
        print(f"  {study.name:<18}step {models.steps:7} of {steps}, {time.monotonic() - began:.1f} s")
        yield file.content(models, state, steps)
        if state != "training":
            return


if __name__ == "__main__":
    raise SystemExit(main())
