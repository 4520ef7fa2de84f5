"""Processes that do not train do not import heavy libraries, which take seconds and hundreds of megabytes."""

import subprocess
import sys
import textwrap

import pytest

from tests.support.paths import DATA

HEAVY = {"torch", "ray", "mlflow", "matplotlib", "scipy", "sklearn", "torchvision"}
COMMAND = "import sys\nsys.argv = ['tuner', *{arguments!r}]\nfrom api.cli import main\n"


def imported(code, home):
    """The heavy packages that a fresh Python has imported after some code."""
    report = "import sys\nprint('IMPORTED', *{m.partition('.')[0] for m in sys.modules})"
    guarded = f"try:\n{textwrap.indent(code, '    ')}\nexcept SystemExit:\n    pass\n{report}"
    environment = {"TUNER_HOME": str(home), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", guarded],
        capture_output=True,
        text=True,
        check=True,
        env=environment | {"PYTHONPATH": ":".join(filter(None, sys.path))},
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("IMPORTED ")]
    return HEAVY & set(line.split())


@pytest.mark.parametrize(
    "module",
    ["tuner", "tuner.cli", "tuner.driver.ray_join", "api.cli", "api.client", "api.studies.jobs"],
)
def test_importing_it_imports_nothing_heavy(module, tmp_path):
    assert imported(f"import {module}", tmp_path) == set()


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list"], ["list", "--json"], ["keys", "list"], ["run", "--help"]], ids=" ".join
)
def test_a_command_that_trains_nothing_imports_nothing_heavy(arguments, tmp_path):
    assert imported(COMMAND.format(arguments=arguments) + "main()", tmp_path) == set()


DRIVER = """
from pathlib import Path
from tuner.driver.drive import drive, report_files, submit
from tuner.driver.tune_run import check
from tuner.settings import Settings
from tuner.spec.study import load_spec, parse_spec
from tuner.strategies import strategy_for

for preset, dataset in {presets!r}.items():
    spec = parse_spec(load_spec(preset).model_dump(mode="json") | dict(dataset=dataset))
    needs = check(spec, Settings(home=Path("unused"), data=Path({data!r})))
    assert needs.bytes_per_member > 0
    assert strategy_for(spec).suggest([], 3)
"""


def test_a_driver_and_its_service_know_the_tasks_without_torch(tmp_path):
    """Before Ray is connected: the options, whether the data fits, what the models need, the first trials."""
    presets = {"sbn-digits": "digits", "catae-digits": "digits", "dln-digits": "digits"}
    if (DATA / "FashionMNIST").is_dir():
        presets["sbn-fashion-quick"] = "fashion_mnist"
    code = DRIVER.format(presets=presets, data=str(DATA))
    assert "torch" not in imported(code, tmp_path)
    assert "torch" not in imported("from api.answers.lists import tasks; assert tasks()", tmp_path)


def test_what_a_driver_tells_tune_is_free_of_torch(tmp_path):
    """The population as a Tune trial: torch comes where it is trained."""
    code = "import ray.tune, trainables.ray_trainable, tuner.driver.tune_searcher, tuner.driver.watchdog"
    found = imported(code, tmp_path)
    assert "ray" in found
    assert "torch" not in found


def test_what_is_heavy_is_seen(tmp_path):
    assert imported("import matplotlib.figure", tmp_path) == {"matplotlib"}
