"""The GPU benchmark runs where there is none, small, and claims nothing then; that of scale has as many
trials as it says.

Timings are not looked at.
"""

import json

import pytest
import torch

from api.application.settings import ServiceSettings
from benchmarks import bodies, gpu, scale

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


def test_the_worst_bodies_are_as_large_as_bodies_may_be():
    sizes = {what: len(body) for what, _, body in bodies.bodies()}
    assert max(sizes.values()) <= bodies.BYTES == ServiceSettings().max_body_bytes
    assert sum(size > 0.7 * bodies.BYTES for size in sizes.values()) > 20


def test_the_studies_of_the_benchmark_of_scale_have_their_sizes():
    assert [scale.spec(trials).trials_total for trials in scale.SIDES] == list(scale.SIDES)
