"""The contract suite as its users run it: tasks that pass, messages about broken tasks, and tasks that
cannot be loaded.
"""

import subprocess
import sys

import pytest
import torch

from tests.support.paths import EXAMPLE_TASK, ROOT
from tests.support.patience import patient
from tests.support.simulated_device import simulated_device
from trainables.testing import CHECKS
from trainables.testing.__main__ import load_task, main
from trainables.testing.subject import assert_close

OWN = ROOT / "tests" / "support" / "own_models"
GOOD = f"{OWN / 'good_model.py'}:Task"

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_good_task_passes_as_a_command():
    command = [
        sys.executable,
        "-m",
        "trainables.testing",
        GOOD,
        "--options",
        '{"width": 4}',
        "--only",
        "drawn",
    ]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=patient(120)
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        *(
            f"ok      what is drawn is a function of the generator alone: {w}"
            for w in ("init", "constants", "noise")
        ),
        "all passed",
    ]


def test_every_check_is_run_where_none_is_chosen(monkeypatch, capsys):
    for name in CHECKS:
        monkeypatch.setitem(CHECKS, name, lambda _subject: None)
    assert main([GOOD]) == 0
    assert capsys.readouterr().out.count("ok  ") == len(CHECKS)


def test_a_task_is_tested_on_another_device(capsys):
    with simulated_device() as device:
        assert main([GOOD, "--device", str(device), "--only", "evaluated with the same noise"]) == 0
    assert capsys.readouterr().out.endswith("all passed\n")


def test_a_device_that_is_not_there_is_said_in_a_sentence(capsys):
    assert main([GOOD, "--device", "nowhere"]) == 1
    assert capsys.readouterr().out.startswith("the task cannot be built: ")


@pytest.mark.parametrize(
    ("task", "check", "said"),
    [
        (
            "HearsItsNeighbours",
            "no member's loss depends",
            "the loss of member (1, 3) depends on [[1, 0], [1, 3]]",
        ),
        ("HearsItsNeighbours", "one estimator, float64", "Tensor-likes are not close"),
        ("DrawsByItself", "generator alone: noise", "noise depends on more than the generator"),
        ("DrawsByItself", "the same seed gives", "the losses of a second run differ"),
        ("ForgetsItsObjective", "every metric on validation", "the objective val_loss is not among"),
        ("TakesNoMemory", "takes memory", "too little for parameters"),
    ],
)
def test_a_broken_task_is_told_what_it_breaks(task, check, said, capsys):
    assert main([f"{OWN / 'bad_tasks.py'}:{task}", "--only", check]) == 1
    printed = capsys.readouterr().out
    assert "FAILED" in printed
    assert said in printed
    assert printed.endswith("1 failed\n")


def test_a_task_of_stacked_tensors_and_an_installed_one_are_loaded():
    assert load_task(f"{EXAMPLE_TASK / 'codebook_task.py'}:Codebook").__name__ == "Codebook"
    assert load_task("trainables.tasks.sbn:SBN") is load_task("sbn")


@pytest.mark.parametrize(
    ("task", "said"),
    [
        (f"{OWN / 'none.py'}:Task", "there is no file"),
        (f"{OWN / 'good_model.py'}:Tsk", "the file has no 'Tsk'; its tasks are Task"),
        (f"{OWN / 'good_model.py'}:NotATask", "or what ModuleTask.from_module returns"),
        ("no.such.module:Task", "No module named 'no'"),
        ("chess", "task must be one of"),
    ],
)
def test_a_task_that_cannot_be_loaded_is_said_in_a_sentence(task, said, capsys):
    assert main([task]) == 1
    printed = capsys.readouterr().out
    assert printed.startswith("the task cannot be built: ")
    assert said in printed
    assert "Traceback" not in printed


def test_on_a_gpu_float32_is_compared_by_its_norm_and_what_is_counted_too():
    expected = {"weight": torch.ones(1000), "batches": torch.tensor([15, 15])}
    one_weight_off = torch.ones(1000)
    one_weight_off[3] += 0.5
    assert_close({**expected, "weight": one_weight_off}, expected, torch.float32, on_gpu=True)
    for wrong in ({"weight": 1.05 * torch.ones(1000)}, {"batches": torch.tensor([15, 14])}):
        with pytest.raises(AssertionError, match=f"{next(iter(wrong))} is off by"):
            assert_close(expected | wrong, expected, torch.float32, on_gpu=True)
