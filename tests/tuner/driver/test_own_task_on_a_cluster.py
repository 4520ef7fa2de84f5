"""A task that no package brings reaches the workers of a real cluster: a file's, and one that Python gives.

The nodes can import neither: they are started elsewhere, and what they can import has not got the file, nor
the file beside it that it imports.
"""

import json
import shutil
import subprocess
import sys
from contextlib import suppress

import pytest
import yaml

from tests.support.cluster import Cluster
from tests.support.commands import TUNER
from tests.support.patience import patient, wait_for

pytestmark = pytest.mark.faults
MODEL = '''
"""A user's file, which imports another one beside it and comes to rest a little in every evaluation."""

import time

import torch
import torch.nn.functional as F
from torch import nn

from parts_of_mine import head
from trainables.modules import ModuleTask
from trainables.nn import StraightThrough


class Bottleneck(nn.Module):
    def __init__(self, categories: int = 6):
        super().__init__()
        self.encode, self.code, self.head = nn.Linear(6, categories), StraightThrough(), head(categories)

    def forward(self, x):
        return self.head(self.code(self.encode(x)))


def examples():
    x = torch.randn(300, 6, generator=torch.Generator().manual_seed(0))
    return x, x[:, :3].argmax(1)


def pause(scores, y):
    time.sleep(0.2)
    return F.cross_entropy(scores, y)


Task = ModuleTask.from_module(Bottleneck, loss=F.cross_entropy, metrics={"pause": pause}, data=examples)
'''
BESIDE = """
from torch import nn


def head(categories):
    return nn.Linear(categories, 3)
"""
SPEC = {
    "name": "own",
    "task": "model_of_mine.py:Task",
    "search": {"strategy": "grid", "tau_f": [0.0, 0.5], "tau_b": [0.5, 1.0]},
    "learning_rates": [0.01],
    "seeds": 2,
    "epochs": 4,
    "batch_size": 32,
    "members_per_population": 4,  # two populations, for the two nodes
    "confirm_seeds": 2,
    "extend": False,
    "refine": False,
}
SCRIPT = '''
"""A user's script: its module is in no file that another process could import."""

import json

import torch.nn.functional as F

import tuner
from model_of_mine import Bottleneck, examples, pause


class Mine(Bottleneck):
    def forward(self, x):
        return super().forward(2 * x)


study = tuner.search(
    Mine,
    loss=lambda scores, y: F.cross_entropy(scores, y),
    metrics={"pause": pause},
    data=examples,
    tau_f=[0.0, 0.5],
    tau_b=[0.5, 1.0],
    learning_rates=[0.01],
    seeds=2,
    epochs=4,
    members_per_population=4,
    confirm_seeds=2,
    extend=False,
    refine=False,
    mlflow=False,
)
scores = study.best.model(seed=1)(examples()[0])
print(json.dumps({"state": study.state, "verdict": study.verdict, "scores": list(scores.shape)}))
'''


@pytest.fixture(scope="module")
def cluster():
    made = Cluster()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def folder(tmp_path):
    """A user's folder."""
    (tmp_path / "model_of_mine.py").write_text(MODEL)
    (tmp_path / "parts_of_mine.py").write_text(BESIDE)
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(SPEC))
    (tmp_path / "script.py").write_text(SCRIPT)
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)


def trained_on_both_nodes(cluster, folder, *command):
    """Runs a command of a user's; what it printed in its last line, once both nodes have trained for it."""
    environment = cluster.environment | {
        "TUNER_HOME": str(folder / "home"),
        "TUNER_RAY_ADDRESS": cluster.address,
        "TUNER_DEVICE": "cpu",
        "TUNER_GPUS_PER_POPULATION": "1",
    }
    with (folder / "said").open("wb") as said:
        driver = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)
    try:
        wait_for(lambda: all(cluster.training()) or driver.poll() is not None, 120)
        both = all(cluster.training())
        code = driver.wait(patient(120))
    finally:
        with suppress(ProcessLookupError):
            driver.kill()
    text = (folder / "said").read_text()
    assert code == 0, text
    assert both, text
    return json.loads(text.splitlines()[-1])


def test_a_files_task_reaches_the_workers_with_what_is_beside_it(cluster, folder):
    end = trained_on_both_nodes(cluster, folder, TUNER, "run", "own.yaml", "--no-mlflow", "--json")
    assert end["state"] == "succeeded"
    assert len([*(folder / "home").rglob("model-*.safetensors")]) >= 4  # two methods at least, two seeds each


def test_a_module_given_in_python_reaches_the_workers(cluster, folder):
    end = trained_on_both_nodes(cluster, folder, sys.executable, "script.py")
    assert (end["state"], end["scores"]) == ("succeeded", [300, 3])
    assert end["verdict"]
