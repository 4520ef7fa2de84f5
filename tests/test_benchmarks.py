"""The GPU benchmark runs where there is none, small, and claims nothing then; that of scale has as many
trials as it says.

Timings are not looked at.
"""

import json
import os
import subprocess
import sys

import pytest
import torch

from api.settings import ServiceSettings
from benchmarks import bodies, gpu, gpu_check, plain, scale, sharing
from tests.support.paths import ROOT
from tests.support.patience import patient
from trainables.data import load
from tuner.spec.study import parse_spec

pytestmark = pytest.mark.usefixtures("one_thread")


def test_without_a_gpu_every_study_is_measured_and_none_is_compared_with_the_gpus_floor(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("BENCH_JSON", str(tmp_path / "bench.json"))
    gpu.main(["--members", "2", "--steps", "1"])
    measured = json.loads((tmp_path / "bench.json").read_text())
    assert list(measured["studies"]) == [study.name for study in gpu.STUDIES]
    assert [(s["members"], s["floor_share"]) for s in measured["studies"].values()] == [(2, None)] * len(
        gpu.STUDIES
    )
    assert capsys.readouterr().out.count("not the whole study on a GPU") == len(gpu.STUDIES)


TORCH_AND_TRITON_ONLY = """
import runpy, sys

ALLOWED = {"torch", "triton", "torchgen", "functorch", "benchmarks", "trainables"}
# What torch itself takes, or would take and does without.
ALLOWED |= {"filelock", "fsspec", "jinja2", "markupsafe", "mpmath", "networkx", "sympy", "typing_extensions"}

class Only:
    # Of what is installed, only what is allowed is found.
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in ALLOWED or top in sys.stdlib_module_names or top.startswith("_sysconfigdata"):
            return self.finder.find_spec(name, path, target)

sys.meta_path[:] = map(Only, sys.meta_path)
sys.argv[:] = ["gpu_check", "--tiny", "--out", sys.argv[1]]
runpy.run_module("benchmarks.gpu_check", run_name="__main__")
"""


def test_the_check_of_a_gpu_runs_small_where_there_is_only_torch_and_writes_what_it_finds(tmp_path):
    command = [sys.executable, "-c", TORCH_AND_TRITON_ONLY, str(tmp_path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=patient(120)
    )
    assert done.returncode == 0, done.stderr
    assert "resumed" in done.stdout
    found = {file.stem: json.loads(file.read_text()) for file in tmp_path.glob("*.json")}
    studies = [study.name for study in gpu.STUDIES]
    assert {said for row in found["correctness"].values() for said in row.values()} <= {"ok", "needs CUDA"}
    modules = ["module, vmap", "module, loop"]
    assert all(list(row) == studies + modules for row in found["correctness"].values())
    assert list(found["kernels"]) == studies
    rows = found["table"]["rows"]
    assert [row["study"] for row in rows] == [name for name in studies for _ in range(2)]
    for row in rows:
        ratio = row["members"] * row["plain_step_s"] / row["step_s"]
        assert row["ratio_to_one_at_a_time"] == pytest.approx(ratio)
    for name in ("sbn", "catae", "dln"):
        paper = found[f"paper-{name}"]
        assert (paper["state"], [report["steps"] for report in paper["reports"]]) == (
            "succeeded",
            [2, 4, 6, 8],
        )
        assert len(paper["reports"][-1]["metrics"]["score"]) == len(paper["trials"])


def test_what_does_not_fit_costs_the_check_of_a_gpu_nothing_else(monkeypatch, tmp_path):
    def no_memory(self, study, *arguments, **keywords):
        if study.name == "SBN grid":
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(self, study, *arguments, **keywords)

    original = gpu_check.Check.trained
    monkeypatch.setattr(gpu_check.Check, "trained", no_memory)
    assert gpu_check.main(["--tiny", "--out", str(tmp_path), "--parts", "table", "paper"]) == 1
    rows = json.loads((tmp_path / "table.json").read_text())["rows"]
    assert ["problem" in row for row in rows] == [True] * 2 + [False] * 4
    papers = [json.loads((tmp_path / f"paper-{name}.json").read_text()) for name in ("sbn", "catae")]
    assert [paper["state"] for paper in papers] == ["not started", "succeeded"]
    assert papers[0]["reason"] == "OutOfMemoryError: CUDA out of memory"


@pytest.mark.parametrize("task", plain.PEERS)
def test_a_plain_model_learns_what_its_population_learns(task):
    """It is a peer only where it does the work: its loss falls, by its own gradients."""
    torch.manual_seed(0)
    dataset = load("digits", "unused")
    sizes = {"widths": (1000, 1000)} if task == "dln" else {}
    train = plain.trained(task, dataset, batch=64, lr=0.1 if task == "dln" else 1e-3, **sizes)
    first = train(1)
    train(100)
    assert train(1) < 0.9 * first


def test_a_part_that_has_no_time_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(gpu_check, "LIMITS_S", {"correctness": 0.0, "table": 0.0, "paper": 0.0})
    assert gpu_check.main(["--tiny", "--out", str(tmp_path), "--parts", "correctness", "paper"]) == 1
    found = json.loads((tmp_path / "correctness.json").read_text())
    assert {said for row in found.values() for said in row.values()} == {"not reached in time"}
    dln = json.loads((tmp_path / "paper-dln.json").read_text())
    assert (dln["state"], dln["reason"]) == ("not started", "not reached in time")


def test_the_benchmark_of_sharing_compares_what_was_run():
    found = sharing.Sharing(alone=40.0, at_once=64.0, busy=92.0)
    assert sharing.ratios(found) == {"at_once_to_one_after_the_other": 0.8, "busy_to_alone": 2.3}
    assert found.told.split() == [
        "40.00",
        "s",
        "64.00",
        "s",
        "92.00",
        "s",
        "0.80",
        "x",
        "ok",
        "2.30",
        "x",
        "NO",
    ]
    assert sharing.ratios(sharing.Sharing(alone=40.0)) == dict.fromkeys(sharing.ratios(found))


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("task", sharing.STUDIES)
def test_the_studies_of_the_benchmark_of_sharing_are_specs(task, small):
    spec = parse_spec(sharing.spec(task, small=small))
    assert spec.planned_trials == (2 if small else 25)


def test_an_unknown_study_is_refused(capsys):
    with pytest.raises(SystemExit):
        sharing.main(["sbm"])
    assert "there is no study of sbm; there are sbn, catae, dln" in capsys.readouterr().err


def test_the_worst_bodies_are_as_large_as_bodies_may_be():
    sizes = {what: len(body) for what, _, body in bodies.bodies()}
    assert max(sizes.values()) <= bodies.BYTES == ServiceSettings().max_body_bytes
    assert sum(size > 0.7 * bodies.BYTES for size in sizes.values()) > 20


def test_the_studies_of_the_benchmark_of_scale_have_their_sizes():
    assert [scale.spec(trials).trials_total for trials in scale.SIDES] == list(scale.SIDES)
