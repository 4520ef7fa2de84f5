"""A population as a Tune trial, driven by hand: reports, checkpoints, reuse, failures. No Ray is started."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.support.population_trials import reports, small_population, trainable
from tests.support.simulated_device import simulated_device
from trainables import population_run
from trainables.data import load
from trainables.model_file import file_name, read
from trainables.modules import ModuleTask
from trainables.nn import StraightThrough
from trainables.optim import Optimizer
from trainables.population import Configuration, Population
from trainables.population_report import Report
from trainables.population_run import interval_ends

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setattr(population_run, "CHECKPOINT_EVERY_S", -1.0)  # of every interval
    return small_population(tmp_path)


def blocks_of(config):
    """The blocks that the population was trained in, by its checkpoint."""
    return torch.load(config.checkpoint, weights_only=True)["blocks"]


def without_times(found):
    return [replace(report, training_s=0.0) for report in found]


def fits(monkeypatch, most):
    """Above so many members, training runs out of memory after its first step."""
    original = Population.train

    def limited(self, steps):
        if len(self.seeds) * len(self.configurations) <= most or not steps:
            return original(self, steps)
        original(self, 1)
        raise torch.OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 20.00 MiB.\nOf the allocated memory ..."
        )

    monkeypatch.setattr(Population, "train", limited)


def test_a_report_has_a_row_per_trial_and_the_last_one_the_test_set(config):
    first, *_, last = reports(trainable(config), 4)
    assert (first.interval, first.epoch, first.steps, first.final) == (1, 1.0, 18, False)
    assert (last.interval, last.epoch, last.final, last.to_tune()["done"]) == (4, 4.0, True, True)
    assert first.rows.keys() == {3, 5}
    assert len(first.rows[3]["val_loss"]) == 2
    assert "test_loss" not in first.rows[3]
    assert last.rows[5].keys() >= {
        "train_loss",
        "val_loss",
        "val_accuracy",
        "test_loss",
        "test_accuracy_argmax",
    }


def test_a_population_continues_from_its_checkpoint_as_if_nothing_had_happened(config):
    uninterrupted = reports(trainable(replace(config, checkpoint=config.checkpoint + ".other")), 4)
    before = reports(trainable(config), 2)
    after = reports(
        trainable(config), 3
    )  # another process would do just this, and the second report may have been lost
    assert without_times(before[:1] + after) == without_times(uninterrupted)
    assert before[1].interval == after[0].interval


def test_a_damaged_checkpoint_costs_its_work_and_no_more(config, caplog):
    whole = reports(trainable(config), 4)
    with Path(config.checkpoint).open("r+b") as file:
        file.truncate(1000)
    again = reports(trainable(config), 4)
    assert without_times(again) == without_times(whole)
    assert config.checkpoint in caplog.text


def test_a_checkpoint_that_a_gpu_wrote_is_read_on_a_host(config, monkeypatch, caplog):
    whole = reports(trainable(replace(config, checkpoint=config.checkpoint + ".other")), 4)
    with monkeypatch.context() as patched:
        patched.setattr("torch.serialization.location_tag", lambda _storage: "cuda:0")
        reports(trainable(config), 2)
    with pytest.raises(RuntimeError, match=r"(?i)cuda"):
        torch.load(config.checkpoint, weights_only=True)
    assert without_times(reports(trainable(config), 3)) == without_times(whole[1:])
    assert not caplog.text


def test_a_whole_population_runs_on_another_device(config, monkeypatch):
    monkeypatch.setattr(population_run, "CHECKPOINT_EVERY_S", math.inf)  # the simulated device has no files
    diagnosis = {"passes": 2, "tau_f": [0.5], "tau_b": [1.0]}
    short = replace(config, epochs=None, steps=4, intervals=2, diagnosis=diagnosis, vary_split=True)
    with simulated_device() as device:
        first, last = reports(trainable(replace(short, device=str(device))), 2)
    assert (first.error, last.error, last.final) == (None, None, True)
    assert last.rows[3].keys() >= {"train_loss", "val_loss", "test_loss", "score", "grad_snr"}
    assert all(math.isfinite(value) for value in last.rows[5]["val_loss"])
    assert last.artifacts[3].keys() >= {file_name(0), file_name(1), "example_losses.npy"}


@pytest.mark.parametrize("most", [2, 1])
def test_a_population_that_does_not_fit_reports_what_it_would_have_reported_had_it_fitted(
    config, monkeypatch, most
):
    whole = reports(trainable(config), 4)
    Path(config.checkpoint).unlink()
    fits(monkeypatch, most)
    found = reports(trainable(config), 4)
    assert len(blocks_of(config)) == 4 / most
    for mine, theirs in zip(found, whole, strict=True):
        plain = {"training_s": 0.0, "rows": {}, "artifacts": {}}
        assert replace(mine, **plain) == replace(theirs, **plain)
        assert mine.rows.keys() == theirs.rows.keys()
        for number, row in mine.rows.items():
            tables = [
                {name: torch.tensor(values) for name, values in r.items()} for r in (row, theirs.rows[number])
            ]
            torch.testing.assert_close(*tables, rtol=1e-5, atol=1e-6)


def test_a_population_in_blocks_continues_from_its_checkpoint_as_if_nothing_had_happened(config, monkeypatch):
    fits(monkeypatch, 2)
    uninterrupted = reports(trainable(replace(config, checkpoint=config.checkpoint + ".other")), 4)
    before = reports(trainable(config), 2)
    after = reports(trainable(config), 3)
    assert len(blocks_of(config)) == 2
    assert without_times(before[:1] + after) == without_times(uninterrupted)


def test_a_member_that_does_not_fit_is_a_report_that_says_so(config, monkeypatch):
    fits(monkeypatch, 0)
    report = Report.from_tune(trainable(config).step())
    assert report.error == (
        "NoMemoryError: one member alone does not fit into the device's memory; make the model or the batch "
        "smaller"
    )
    assert report.to_tune()["done"]


def test_another_runtime_error_is_a_report_with_its_first_line(config, monkeypatch):
    def fail(_self, _steps):
        raise RuntimeError("CUDA error: an illegal memory access was encountered\nCompile with ...")

    monkeypatch.setattr(Population, "train", fail)
    report = Report.from_tune(trainable(config).step())
    assert report.error == "RuntimeError: CUDA error: an illegal memory access was encountered"
    assert report.to_tune()["done"]


@pytest.mark.parametrize("evaluate_test", [True, False])
def test_the_last_report_of_a_study_that_tests_has_the_artifacts_of_every_trials_first_seed(
    config, evaluate_test
):
    config = replace(
        config, task="dln", options={"widths": [20]}, epochs=2, intervals=2, evaluate_test=evaluate_test
    )
    first, last = reports(trainable(config), 2)
    assert first.artifacts == {}
    assert {number: list(files) for number, files in last.artifacts.items()} == (
        {n: ["network.json", "example_losses.npy", *map(file_name, config.seeds)] for n in (3, 5)}
        if evaluate_test
        else {}
    )


@pytest.mark.parametrize("task", ["sbn", "catae", "dln"])
def test_a_confirmed_trial_leaves_the_model_of_every_seed_with_what_it_was_trained_as(config, task, tmp_path):
    options = {"sbn": {"units": [8]}, "catae": {"hidden": [8], "latents": 2}, "dln": {"widths": [20]}}[task]
    spec = {"name": "s", "task": task}
    config = replace(config, task=task, options=options, epochs=1, intervals=1, score="last", spec=spec)
    made = trainable(config)
    (report,) = reports(made, 1)
    made.save_checkpoint(str(Path(config.checkpoint).parent))
    (block,) = blocks_of(config)
    trained = block["population"]["parameters"]
    for t, trial in enumerate(config.trials):
        for s, seed in enumerate(config.seeds):
            (tmp_path / file_name(seed)).write_bytes(report.artifacts[trial["number"]][file_name(seed)])
            tensors, about = read(tmp_path / file_name(seed))
            parameters = {name: x for name, x in tensors.items() if not name.startswith("constants.")}
            assert {name: x.tolist() for name, x in parameters.items()} == {
                name: x[s, t].tolist() for name, x in trained.items()
            }
            assert (task == "dln") == (tensors.keys() > parameters.keys())  # its wires
            assert about["spec"] == spec
            assert (about["seed"], about["task"], about["options"]) == (seed, task, options)
            assert [about["trial"][name] for name in ("tau_f", "tau_b")] == [trial["tau_f"], trial["tau_b"]]


def test_the_last_report_has_the_diagnostics_and_its_trials_their_scale(config):
    control = {
        "number": 6,
        "estimator": "decoupled",
        "tau_f": 1.0,
        "tau_b": 7.0,
        "lr": 1e-3,
        "variant": '{"logit_scale": 10.0}',
    }
    diagnosis = {"passes": 3, "tau_f": (0.1, 1.0), "tau_b": (0.5,)}
    config = replace(
        config,
        trials=(*config.trials, control),
        diagnosis=diagnosis,
        epochs=1,
        intervals=2,
        evaluate_test=False,
        score="last",
        confirms=False,
    )
    first, last = reports(trainable(config), 2)
    names = {
        name + suffix for name in ("grad_snr", "grad_norm", "grad_norm_std") for suffix in ("", "_initial")
    }
    assert not names & first.rows[3].keys()
    assert all(len(last.rows[number][name]) == 2 for number in (3, 5, 6) for name in names)
    # One network in two guises.
    assert last.rows[6]["grad_snr_initial"] == pytest.approx(last.rows[3]["grad_snr_initial"], rel=1e-3)
    (block,) = blocks_of(config)
    configurations = [Configuration(*fields) for fields in block["population"]["configurations"]]
    assert [c.logit_scale for c in configurations] == [1.0, 1.0, 10.0]
    assert last.artifacts == {}


@pytest.mark.parametrize(("diagnosis", "there"), [(True, True), (False, False)])
def test_a_confirmed_trial_with_a_code_to_enumerate_leaves_its_bias(config, diagnosis, there):
    options = {"hidden": [8], "latents": 2, "classes": 3}
    temperatures = {"passes": 2, "tau_f": (0.0, 1.0), "tau_b": (0.5, 1.0, 2.0)} if diagnosis else None
    config = replace(config, task="catae", options=options, epochs=1, intervals=1, diagnosis=temperatures)
    (report,) = reports(trainable(config), 1)
    assert report.artifacts.keys() == {3, 5}
    for files in report.artifacts.values():
        assert ("bias.json" in files) is there
        if there:
            found = json.loads(files["bias.json"])
            assert (found["tau_f"], found["tau_b"], found["codes"]) == ([0.0, 1.0], [0.5, 1.0, 2.0], 9)


def test_a_failure_of_the_training_is_a_report_with_its_reason(config):
    report = Report.from_tune(trainable(replace(config, batch_size=5000)).step())
    assert report.error == "ValueError: batch_size must be from 1 to 1197, the training examples. Got 5000."
    assert report.to_tune()["done"]


def test_intervals_are_equal_parts_that_end_at_the_end():
    assert interval_ends(100, 4) == [25, 50, 75, 100]
    assert interval_ends(10, 3) == [3, 7, 10]


def test_a_full_disk_under_the_checkpoints_costs_no_training(config, caplog, small_disk):
    whole = reports(trainable(replace(config, checkpoint=config.checkpoint + ".other")), 4)
    config = replace(config, checkpoint=str(small_disk / "population.pt"))
    made = trainable(config)
    first = reports(made, 2)
    saved = (small_disk / "population.pt").read_bytes()
    (small_disk / "other").write_bytes(b"0" * (2 * 2**20 - len(saved) - 8192))
    assert without_times(first + reports(made, 2)) == without_times(whole)
    assert "cannot be written" in caplog.text
    assert (small_disk / "population.pt").read_bytes() == saved  # whole, and where a worker would continue
    assert {file.name for file in small_disk.iterdir()} == {"population.pt", "other"}
    assert without_times(reports(trainable(config), 1)) == without_times(whole[1:2])


def test_a_module_with_a_schedule_is_a_tune_trial_like_any_other(config, monkeypatch):
    cls = ModuleTask.from_module(Normalised, loss=F.cross_entropy)
    monkeypatch.setattr(population_run, "task_type", lambda _: cls)
    variant = json.dumps({"optimizer": {"schedule": "cosine", "weight_decay": 0.1, "warmup": 0.1}})
    trials = tuple(trial | {"variant": variant} for trial in config.trials)
    config = replace(config, task="module", options={"width": 8}, trials=trials)
    expected = without_times(reports(trainable(config), 4))
    Path(config.checkpoint).unlink()
    assert without_times(reports(trainable(config), 3)) == expected[:3]
    assert [set(b["population"]["buffers"]) for b in blocks_of(config)] == [
        {f"layers.2.{name}" for name in ("running_mean", "running_var", "num_batches_tracked")}
    ]
    assert without_times(reports(trainable(config), 2)) == expected[2:]  # from the checkpoint before the last
    assert {"val_loss", "val_loss_argmax", "test_loss"} <= expected[-1].rows[3].keys()


class Normalised(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(64, width), nn.BatchNorm1d(width), StraightThrough(binary=True),
            nn.Linear(width, 10),
        )  # fmt: skip

    def forward(self, x):
        return self.layers(x)


def test_the_studys_optimizer_is_every_trials(config):
    optimizer = {"weight_decay": 0.1, "schedule": "linear", "warmup": 0.5}
    made = trainable(replace(config, optimizer=optimizer, epochs=1, intervals=1))
    reports(made, 1)
    made.save_checkpoint(str(Path(config.checkpoint).parent))
    (block,) = blocks_of(config)
    trained = [Configuration(*fields).optimizer for fields in block["population"]["configurations"]]
    assert trained == [Optimizer(weight_decay=0.1, schedule="linear", warmup=0.5)] * 2


def test_a_trial_has_its_own_settings_of_the_optimizer_in_one_population(config, tmp_path):
    settings = ({"weight_decay": 0.1, "betas": [0.5, 0.9]}, {"weight_decay": 0.0, "betas": [0.9, 0.999]})
    trials = tuple(
        trial | {"variant": json.dumps({"optimizer": chosen})}
        for trial, chosen in zip(config.trials, settings, strict=True)
    )
    config = replace(config, trials=trials, optimizer={"warmup": 0.5}, epochs=1, intervals=1)
    (report,) = reports(trainable(config), 1)
    expected = [Optimizer(0.1, (0.5, 0.9), warmup=0.5), Optimizer(0.0, (0.9, 0.999), warmup=0.5)]
    for number, optimizer in zip((3, 5), expected, strict=True):
        (tmp_path / "model").write_bytes(report.artifacts[number][file_name(0)])
        assert Optimizer.of(read(tmp_path / "model")[1]["optimizer"]) == optimizer
        mine = tuple(t for t in trials if t["number"] == number)
        file = tmp_path / f"alone-{number}" / "population.pt"
        alone = replace(config, trials=mine, checkpoint=str(file))
        (by_itself,) = reports(trainable(alone), 1)
        for name, values in by_itself.rows[number].items():
            assert values == pytest.approx(report.rows[number][name], rel=1e-4, abs=1e-6), name


def test_a_built_in_task_learns_from_arrays_of_ones_own(config, tmp_path):
    digits = load("digits", "not used").train
    images = 15 * digits.inputs.view(-1, 8, 8).numpy()  # 0 to 240
    np.savez(tmp_path / "own.npz", x=images, y=digits.labels.numpy())
    options = {"file": "own.npz", "inputs": "x", "labels": "y", "validation": 0.2, "test": 0.2}
    trials = tuple(trial | {"lr": 0.01} for trial in config.trials)
    config = replace(config, dataset="arrays", dataset_options=options, trials=trials, intervals=2)
    config = replace(config, data_folder=str(tmp_path))
    first, last = reports(trainable(config), 2)
    assert max(last.rows[3]["val_loss"]) < min(first.rows[3]["val_loss"]) < math.log(10)
    assert min(last.rows[3]["test_accuracy"]) > 0.5
