"""Private parts of other libraries that we use: each library's are used in one file, and the installed
version has them.
"""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.support.paths import ROOT
from trainables import torch_private
from tuner.driver import ray_private
from tuner.tracking import mlflow_private

PACKAGES = ("trainables", "tuner", "api")
FILES = {"trainables/torch_private.py", "tuner/driver/ray_private.py", "tuner/tracking/mlflow_private.py"}
# What other files must not have: it belongs into one of FILES.
PRIVATE_TEXT = re.compile(
    r"torch\.ops\.|temporary_state|ray\.scripts|ray-authentication|__click_params__"
    r"|\bRAY_[a-z]|RAY_ENABLE_WINDOWS|RAY_AIR_|RAY_TRAIN_|RAY_JOB_CONFIG|RAY_NUM_|experimentKind|workflowType"
)
# Of our own classes' and namedtuples' methods.
OURS = {"_fields", "_asdict", "_replace", "_exit"}


def sources():
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def private_attributes(source):
    """Attributes with a leading underscore of what a file has imported, and such names in its imports."""
    tree = ast.parse(source)
    imported, found = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = getattr(node, "module", None) or ""
            for alias in node.names:
                imported.add((alias.asname or alias.name).partition(".")[0])
                dotted = f"{module}.{alias.name}".strip(".")
                ours = dotted.partition(".")[0] in PACKAGES
                if not ours and any(re.match("_[^_]", part) for part in dotted.split(".")):
                    found.add(dotted)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and re.match("_[^_]", node.attr) and node.attr not in OURS:
            root = node.value
            while isinstance(root, ast.Attribute):
                root = root.value
            library = isinstance(root, ast.Name) and root.id in imported
            inherited = isinstance(root, ast.Call) and ast.unparse(root.func) == "super"
            if library or inherited:
                found.add(ast.unparse(node))
    return found


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_private_names_of_libraries_are_in_their_file_only(path):
    source = path.read_text(encoding="utf-8")
    if path.relative_to(ROOT).as_posix() not in FILES:
        assert private_attributes(source) == set()
        assert PRIVATE_TEXT.findall(source) == []


def test_private_names_are_seen():
    assert private_attributes("import torch\ntorch._fused_adam_()") == {"torch._fused_adam_"}
    assert private_attributes("from ray import _private") == {"ray._private"}
    assert private_attributes("import ray\nray._private.worker") == {"ray._private"}
    assert private_attributes("super()._do_request()") == {"super()._do_request"}
    assert private_attributes("from tuner.x import _y\nself._z") == set()


# --- torch ---


@pytest.mark.parametrize("kernel", torch_private.KERNELS)
def test_torch_has_the_kernel(kernel):
    assert torch_private.usable(kernel)


# --- Ray ---


def installed(package):
    return Path(importlib.util.find_spec(package).origin).parent


RAY_READS = {  # environment variable -> the file of Ray that reads it
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "_private/ray_constants.py",
    "RAY_AIR_NEW_OUTPUT": "tune/tune.py",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "train/constants.py",
    "RAY_JOB_CONFIG_JSON_ENV_VAR": "_private/runtime_env/constants.py",
    "RAY_gcs_server_port_wait_time_s": "_private/node.py",
    "RAY_NUM_REDIS_GET_RETRIES": "_private/ray_constants.py",
    # Of Ray's C++ configuration, whose names are read with RAY_ before them.
    "RAY_enable_worker_prestart": "core/src/ray/raylet/raylet",
    "RAY_prestart_worker_first_driver": "core/src/ray/raylet/raylet",
}


def test_every_variable_that_ray_does_not_promise_is_one_that_it_reads():
    environments = (
        ray_private.LOOPBACK_ENVIRONMENT,
        ray_private.NO_IDLE_WORKERS_ENVIRONMENT,
        ray_private.QUIET_ENVIRONMENT,
        ray_private.START_PATIENCE_ENVIRONMENT,
    )
    used = {name for environment in environments for name in environment} | {ray_private.JOB_VARIABLE}
    assert used == RAY_READS.keys()
    for name, file in RAY_READS.items():
        content = (installed("ray") / file).read_bytes()
        spelled = name.removeprefix("RAY_") if file.startswith("core/") else name
        assert spelled.encode() in content, name


def test_ray_is_started_by_the_module():
    *_, module = ray_private.RAY_COMMAND
    assert importlib.util.find_spec(module) is not None


def test_rays_programs_are_there():
    programs = {file.name for file in installed("ray").glob("core/src/ray/*/*")}
    assert programs >= set(ray_private.HEAD_PROGRAMS)


def test_a_tune_trial_has_its_actor_where_the_watchdog_looks():
    from ray.tune.experiment import Trial

    trial = Trial("no trainable of this name is needed", stub=True)
    assert ray_private.actor_of(trial) is None
    actor = SimpleNamespace(get_auto_filled_metrics=SimpleNamespace(remote=lambda **_: None))
    trial.set_ray_actor(actor)
    assert ray_private.actor_of(trial) is actor


COUNTED = """
import sys
from ray import tune
from ray.air._internal import usage
from tuner.driver.ray_private import spare_usage_statistics

spare_usage_statistics()
assert usage.tag_callbacks([tune.Callback()]) is False
sys.exit("mlflow" in sys.modules)
"""


def test_tune_counts_no_callbacks_and_imports_no_mlflow_for_it():
    calls = (installed("ray") / "tune" / "tune.py").read_text(encoding="utf-8")
    assert "air_usage.tag_callbacks(callbacks)" in calls
    assert subprocess.run([sys.executable, "-c", COUNTED], check=False, cwd=ROOT).returncode == 0


def test_a_tune_trial_without_it_is_a_clear_error():
    with pytest.raises(ray_private.RayChangedError, match="does not tell which worker trains a Tune trial"):
        ray_private.actor_of(SimpleNamespace())


# --- MLflow ---


def test_every_variable_that_mlflow_does_not_promise_is_one_that_it_reads():
    from mlflow import environment_variables

    for name in (*mlflow_private.SERVER_ENVIRONMENT, *mlflow_private.CLIENT_ENVIRONMENT):
        assert getattr(environment_variables, name).name == name


def test_mlflow_has_the_tag_of_a_runs_text():
    from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

    assert mlflow_private.NOTE_TAG == MLFLOW_RUN_NOTE


def test_mlflows_page_knows_the_addresses():
    scripts = installed("mlflow") / "server" / "js" / "build" / "static" / "js"
    page = "".join(file.read_text(encoding="utf-8") for file in scripts.glob("*.js"))
    ((tag, kind),) = mlflow_private.EXPERIMENT_TAGS.items()
    names = (mlflow_private.SHARED_VIEW_QUERY, mlflow_private.SHARED_VIEW_TAG, mlflow_private.COLOUR_TAG)
    wanted = (tag, kind, "machine_learning", *mlflow_private.UI_QUERY, *names)
    assert [name for name in wanted if name not in page] == []
