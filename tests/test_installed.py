"""The wheel as a user has it: installed with its extras into an environment of its own, without the checkout.

The versions are those of the lock file; packages come from uv's cache, or from where uv finds them.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.patience import patient
from tests.support.wheel import PACKAGES, built, source

pytestmark = [pytest.mark.dist, pytest.mark.timeout(1800)]
UV = Path(sys.executable).parent / "uv"
PRESET = "sbn-digits"  # without a download, in a few minutes
LAYER = """
import importlib

import torch

from trainables.nn import StraightThrough

print(*(importlib.import_module(name).__file__ for name in ("trainables", "tuner", "api")), sep="\\n")
logits = torch.zeros(3, 4, requires_grad=True)
(StraightThrough(tau_f=0.1, tau_b=0.7)(logits) * torch.arange(4.0)).sum().backward()
print(bool((logits.grad != 0).any()))
"""


class Installed:
    """An environment with the wheel, and a folder to work in."""

    def __init__(self, folder, programs):
        self.folder, self._programs = folder, programs

    def run(self, program, *arguments):
        """What a program of the environment prints."""
        ours = ("PYTHON", "TUNER_", "VIRTUAL_ENV")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        done = subprocess.run(
            [self._programs / program, *arguments],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=patient(900),
        )
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    home = tmp_path_factory.mktemp("installed")
    wheel = built(tmp_path_factory.mktemp("wheel"), source(tmp_path_factory.mktemp("source")))
    place = home / "environment"
    versions = ["--constraint", str(ROOT / "requirements.lock")]
    for arguments in (
        ["venv", "--python", sys.executable, str(place)],
        [
            "pip",
            "install",
            "--python",
            str(place),
            *versions,
            f"straight-through-tuner[all] @ {wheel.as_uri()}",
        ],
    ):
        done = subprocess.run([UV, "--quiet", *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    (home / "work").mkdir()
    return Installed(home / "work", place / "bin")


def test_all_code_is_the_wheels_and_the_layer_has_a_gradient(installed):
    *files, moved = installed.run("python", "-c", LAYER).splitlines()
    assert len(files) == len(PACKAGES)
    assert all("site-packages" in file and not Path(file).is_relative_to(ROOT) for file in files)
    assert moved == "True"


def test_a_preset_runs_to_its_verdict_and_is_taken_home(installed):
    end = json.loads(installed.run("tuner", "run", PRESET, "--json").splitlines()[-1])
    assert end["state"] == "succeeded"
    results = json.loads(installed.run("tuner", "results", end["study"], "--json"))
    assert results["verdict"] != "no verdict"
    assert results["gain"]["confirmed"]
    installed.run("tuner", "export", end["study"], "taken")
    taken = {
        file.name.partition("-")[0] for file in (installed.folder / "taken").rglob("*") if file.is_file()
    }
    assert {
        "best.py",
        "methods.tex",
        "methods.txt",
        "model",
        "spec.yaml",
        "trials.csv",
        "trials.parquet",
    } <= taken


def test_a_task_of_ones_own_passes_the_contract_suite(installed):
    shutil.copy(ROOT / "tests" / "support" / "own_models" / "good_model.py", installed.folder / "my_model.py")
    said = installed.run("python", "-m", "trainables.testing", "my_model.py:Task", "--only", "company: every")
    assert "company: every estimator, float64" in said
    assert said.splitlines()[-1] == "all passed"
