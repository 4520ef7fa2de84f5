"""The walls of docs/explanation/design.md: who may import what, read from the source. trainables <- tuner <-
api; nothing imports deploy or tests.
"""

import ast
import sys

import pytest

from tests.support.paths import ROOT

NEVER = {  # folder -> what nothing in it imports
    "trainables/": {"tuner", "api"},
    "tuner/": {"api"},
    "trainables/metrics.py": {"torch"},
    "trainables/gate_names.py": {"torch"},
    "trainables/estimator_names.py": {"torch"},
    "trainables/population_report.py": {"torch"},
    "trainables/ray_trainable.py": {"torch"},
    "trainables/seeding.py": {"torch"},
    "trainables/data/options.py": {"torch"},
    "trainables/tasks/built_in_metrics.py": {"torch"},
    "trainables/tasks/declaration.py": {"torch"},
    "trainables/tasks/declarations/": {"torch"},
    "trainables/tasks/vectors.py": {"torch"},
    "tuner/strategies/": {"torch"},
    "tuner/evidence/": {"torch"},
    "tuner/ledger/": {"torch"},
    "tuner/spec/": {"torch"},
}
# Of tuner: a file imports from its own room and from lower floors; rooms of one floor do not know each other.
FLOORS = (
    ("tuner/errors.py", "tuner/extras.py"),
    ("tuner/settings.py", "tuner/processes.py", "tuner/network.py", "tuner/output.py"),
    ("tuner/home.py", "tuner/temporary.py"),
    ("tuner/ledger/", "tuner/spec/"),
    ("tuner/evidence/",),
    ("tuner/strategies/", "tuner/tracking/"),
    ("tuner/driver/",),
    ("tuner/cli/", "tuner/interface/"),
    ("tuner/__main__.py",),
)
KERNELS = ("noise", "sampling", "update", "gate_layers", "cross_entropy")  # in Triton
ONLY_IN = {  # heavy dependency -> the files, or folders, that import it
    "ray": {"trainables/ray_trainable.py", "tuner/driver/"},
    "grpc": {"tuner/driver/ray_private.py"},
    "optuna": {"tuner/strategies/optuna_samplers.py"},
    "mlflow": {"tuner/tracking/"},
    "triton": {f"trainables/kernels/triton_{name}.py" for name in KERNELS},
    "sqlalchemy": {"tuner/ledger/"},
    "alembic": {"tuner/ledger/"},
    "apprise": {"tuner/driver/notifications.py"},
    "fastapi": {"api/"},
    "starlette": {"api/"},
    "uvicorn": {"api/"},
    "httpx": {"api/client.py", "api/studies/dashboard.py", "api/studies/jobs.py"},
    "httpx_sse": {"api/client.py"},
    "prometheus_client": {"api/answers/metrics.py"},
    "pyarrow": {"tuner/evidence/trial_table.py"},
    "cloudpickle": {"tuner/interface/running.py"},
    "pandas": {"tuner/interface/study.py"},
    "tqdm": {"tuner/interface/bar.py"},
}
TRAINABLES_USE = {*sys.stdlib_module_names, "trainables", "torch", "torchvision", "sklearn"}
EXTRA = {
    "trainables/logic_network.py": {"numpy"},  # for those who have no torch
    # Imported on GPUs of CUDA only, for which torch brings triton.
    **{file: {"triton"} for file in ONLY_IN["triton"]},
    "trainables/population_run.py": {"numpy"},  # writes what was measured of examples
    "trainables/import_ahead.py": {"numpy"},  # before a thread does
    "trainables/data/array_file.py": {"safetensors"},  # imported when such a file is read
    "trainables/model_file.py": {"safetensors"},  # imported when a model is written or read
}
PACKAGES = ("trainables/", "tuner/", "api/")


def modules(source: str) -> set[str]:
    """The dotted names of every absolute import, those inside functions included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def floor(path: str) -> int | None:
    """The number of the floor of tuner that a path lies on."""
    return next((n for n, rooms in enumerate(FLOORS) if path.startswith(rooms)), None)


def room(path: str) -> str:
    return next((room for rooms in FLOORS for room in rooms if path.startswith(room)), "")


def upward(path: str, names: set[str]) -> set[str]:
    """The rooms of tuner that a file imports from and that lie above it, or beside it."""
    here = floor(path)
    if here is None:
        return set()
    found = set()
    for name in names:
        path_of = name.replace(".", "/")
        places = (f"{path_of}/", f"{path_of}.py", f"{path_of.rpartition('/')[0]}.py")
        target = next((place for place in places if floor(place) is not None), "")
        at = floor(target)
        if at is not None and room(target) != room(path) and at >= here:
            found.add(room(target))
    return found


def breaches(path: str, source: str) -> set[str]:
    """The packages, and rooms of tuner, that the file at `path` imports and may not."""
    dotted = modules(source)
    names = {name.partition(".")[0] for name in dotted}
    found = names & {"tests", "deploy"} | upward(path, dotted)
    for folder, forbidden in NEVER.items():
        if path.startswith(folder):
            found |= names & forbidden
    if path.startswith(PACKAGES):
        found |= {name for name in names & ONLY_IN.keys() if not path.startswith(tuple(ONLY_IN[name]))}
    if path.startswith("trainables/") and path != "trainables/ray_trainable.py":
        read = {"numpy"} if path.startswith("trainables/data/") else set()  # where data is read
        found |= names - TRAINABLES_USE - EXTRA.get(path, set()) - read
    return found


def source_files() -> list[str]:
    folders = [
        f
        for f in ROOT.iterdir()
        if f.is_dir() and not f.name.startswith(".") and f.name not in ("tests", "build", "dist")
    ]
    return sorted(path.relative_to(ROOT).as_posix() for folder in folders for path in folder.rglob("*.py"))


@pytest.mark.parametrize("path", source_files())
def test_the_walls_stand(path):
    assert breaches(path, (ROOT / path).read_text(encoding="utf-8")) == set()


def test_every_package_is_looked_at():
    assert {path.partition("/")[0] + "/" for path in source_files()} >= set(PACKAGES)


@pytest.mark.parametrize(
    ("path", "source", "breach"),
    [
        ("trainables/optim.py", "from tuner.ledger.rows import Proposal", "tuner"),
        ("trainables/optim.py", "def f():\n    import ray.tune", "ray"),
        ("trainables/tasks/sbn.py", "import numpy as np", "numpy"),
        ("trainables/metrics.py", "from torch import Tensor", "torch"),
        ("trainables/ray_trainable.py", "import tuner", "tuner"),
        ("tuner/driver/drive.py", "import api.application.app", "api"),
        (
            "tuner/driver/drive.py",
            "try:\n    from mlflow.exceptions import MlflowException\nexcept ImportError:\n    pass",
            "mlflow",
        ),
        ("tuner/cli/running.py", "def f():\n    from ray import tune", "ray"),
        ("tuner/evidence/paired.py", "import sqlalchemy as sa", "sqlalchemy"),
        ("tuner/spec/study.py", "from alembic import op", "alembic"),
        ("tuner/strategies/grid.py", "import optuna", "optuna"),
        ("tuner/strategies/optuna_samplers.py", "import torch", "torch"),
        ("tuner/evidence/analysis.py", "if True:\n    import torch.nn", "torch"),
        ("tuner/settings.py", "from fastapi import FastAPI", "fastapi"),
        ("api/application/routes.py", "import ray", "ray"),
        ("api/application/app.py", "from deploy import compose", "deploy"),
        ("tuner/ledger/store.py", "from tuner.spec.study import StudySpec", "tuner/spec/"),
        ("tuner/evidence/paired.py", "from tuner.driver import placement", "tuner/driver/"),
        ("tuner/errors.py", "import tuner.settings", "tuner/settings.py"),
        ("benchmarks/speed.py", "from tests.test_walls import ROOT", "tests"),
    ],
)
def test_a_breach_is_seen(path, source, breach):
    assert breaches(path, source) == {breach}


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("trainables/data.py", "def f():\n    from torchvision import datasets\n    import hashlib"),
        ("trainables/ray_trainable.py", "from ray import tune"),
        ("tuner/strategies/optuna_samplers.py", "import optuna"),
        ("tuner/ledger/migrations/versions/0001_first.py", "import sqlalchemy as sa\nfrom alembic import op"),
        ("tuner/driver/drive.py", "from . import rows\nfrom trainables.data import load"),
    ],
)
def test_a_permitted_import_is_none(path, source):
    assert breaches(path, source) == set()
