"""The wheel, away from the checkout: it needs torch and numpy alone, and says which extra brings the rest."""

import subprocess
import sys

import pytest

from tests.support.patience import patient
from tests.support.wheel import pip, source

WITHOUT = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Blocked())
sys.path.insert(0, {site!r})
"""
TUNE = ["alembic", "click", "cloudpickle", "matplotlib", "mlflow", "optuna", "pandas", "pydantic", "ray",
        "scipy", "sklearn", "sqlalchemy", "torchvision", "tqdm", "yaml"]  # fmt: skip
SERVE = ["fastapi", "httpx", "httpx_sse", "prometheus_client", "starlette", "uvicorn"]
LAYER = """
import torch
import torch.nn.functional as F
from torch import nn

import trainables, tuner
from trainables.modules import ModuleTask
from trainables.nn import StraightThrough
from trainables.population import Configuration, Population

assert trainables.__file__.startswith(SITE) and tuner.__file__.startswith(SITE)
x = torch.randn(64, 6, generator=torch.Generator().manual_seed(0))
model = lambda: nn.Sequential(nn.Linear(6, 4), StraightThrough(), nn.Linear(4, 3))
Task = ModuleTask.from_module(model, loss=F.cross_entropy, data=(x, x[:, :3].argmax(1)))
data = Task.own_dataset()
task = Task(data, Task.options_type.parse({}))
models = Population(task, data, [Configuration("decoupled", 0.5, 1.0, 0.01)], [0], batch_size=16)
print(bool(models.train(3).isfinite().all()))
try:
    tuner.search
except ImportError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the wheel installed, and nothing that it depends on."""
    copy, folder = source(tmp_path_factory.mktemp("source")), tmp_path_factory.mktemp("site")
    pip("install", "--no-index", "--no-deps", "--no-build-isolation", "--target", str(folder), str(copy))
    return folder


def run(site, absent, code):
    program = WITHOUT.format(absent={*absent}, site=str(site)) + f"SITE = {str(site)!r}\n" + code
    command = [sys.executable, "-c", program]
    environment = {"PATH": "/usr/bin:/bin", "TUNER_HOME": str(site / "home"), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=site, env=environment, capture_output=True, text=True, check=False, timeout=patient(120)
    )


def test_the_layer_and_a_population_need_torch_and_numpy_alone(site):
    done = run(site, TUNE + SERVE, LAYER)
    assert done.returncode == 0, done.stderr
    finite, said = done.stdout.splitlines()
    assert finite == "True"
    assert said.startswith("tuner.search needs the extra tune (")
    assert said.endswith(" is missing): pip install 'straight-through-tuner[tune]'")


@pytest.mark.parametrize(
    ("absent", "arguments", "said"),
    [
        (TUNE + SERVE, ["run", "sbn-digits"], "tuner: tuner run needs the extra tune (click is missing)"),
        (SERVE, ["serve"], "tuner: tuner serve needs the extra serve ("),
        (SERVE, ["status"], "tuner: tuner status needs the extra serve (httpx"),
    ],
)
def test_a_verb_whose_extra_is_missing_says_which(site, absent, arguments, said):
    code = f"sys.argv = ['tuner', *{arguments}]\nfrom api.start import main\nmain()"
    done = run(site, absent, code)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_the_wheel_has_presets_types_the_page_and_the_script(site):
    code = "sys.argv = ['tuner', 'presets']\nfrom api.start import main\nmain()"
    done = run(site, [], code)
    assert "sbn-digits" in done.stdout
    for file in ("trainables/py.typed", "tuner/py.typed", "api/py.typed", "api/pages/index.html"):
        assert (site / file).exists()
    (points,) = site.glob("*.dist-info/entry_points.txt")
    assert "tuner = api.start:main" in points.read_text()
