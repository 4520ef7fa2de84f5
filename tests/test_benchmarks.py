"""The GPU benchmark runs where there is none, small, and claims nothing then; that of scale has as many
trials as it says.

Timings are not looked at.
"""

import json

import pytest
import torch

from api.application.settings import ServiceSettings
from benchmarks import bodies, gpu, gpu_check, scale, sharing
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


def test_the_check_of_a_gpu_runs_small_without_one_and_writes_what_it_finds(tmp_path, capsys):
    assert gpu_check.main(["--tiny", "--out", str(tmp_path)]) == 0
    found = {file.stem: json.loads(file.read_text()) for file in tmp_path.glob("*.json")}
    studies = [study.name for study in gpu.STUDIES]
    assert {said for row in found["correctness"].values() for said in row.values()} <= {"ok", "needs CUDA"}
    assert all(list(row) == studies for row in found["correctness"].values())
    assert [row["study"] for row in found["table"]["rows"]] == [name for name in studies for _ in range(2)]
    for name in ("sbn", "catae", "dln"):
        paper = found[f"paper-{name}"]
        assert (paper["state"], [report["steps"] for report in paper["reports"]]) == (
            "succeeded",
            [2, 4, 6, 8],
        )
        assert len(paper["reports"][-1]["metrics"]["score"]) == len(paper["trials"])
    assert "resumed" in capsys.readouterr().out


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
