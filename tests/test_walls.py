"""DESIGN.md's walls: who may import what, read from the source. trainables <- tuner <- api; nothing imports deploy or tests."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

NEVER = {  # folder -> what nothing in it imports
    "trainables/": {"tuner", "api"},
    "tuner/": {"api"},
    "tuner/strategies/": {"ray", "torch", "sqlalchemy", "mlflow"},
    "tuner/evidence/": {"ray", "torch", "sqlalchemy", "mlflow"},
}
ONLY_IN = {  # heavy dependency -> the files, or folders, that import it
    "ray": {
        "trainables/ray_trainable.py",
        "tuner/engine.py",
        "tuner/training.py",
        "tuner/searcher.py",
        "tuner/watchdog.py",
        "api/jobs.py",
    },
    "optuna": {"tuner/strategies/tpe.py"},
    "mlflow": {"tuner/tracking.py"},
    "sqlalchemy": {
        *("tuner/ledger.py", "tuner/queue.py", "tuner/catalogue.py", "tuner/keys.py"),  # the ledger, by what it is asked for
        *("tuner/database.py", "tuner/decoding.py", "tuner/tables.py", "tuner/migrations/"),
    },
    "alembic": {"tuner/database.py", "tuner/migrations/"},
    "fastapi": {"api/"},
    "starlette": {"api/"},
    "uvicorn": {"api/"},
    "httpx": {"api/client.py"},
    "prometheus_client": {"api/metrics.py"},
}
TRAINABLES_USE = {*sys.stdlib_module_names, "trainables", "torch", "torchvision", "sklearn"}
EXTRA = {"trainables/logic_network.py": {"numpy"}}  # for those who have no torch
PACKAGES = ("trainables/", "tuner/", "api/")


def imported(source: str) -> set[str]:
    """The top-level packages of every absolute import, those inside functions included."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def breaches(path: str, source: str) -> set[str]:
    """The packages that the file at `path` imports and may not."""
    names = imported(source)
    found = names & {"tests", "deploy"}
    for folder, forbidden in NEVER.items():
        if path.startswith(folder):
            found |= names & forbidden
    if path.startswith(PACKAGES):
        found |= {name for name in names & ONLY_IN.keys() if not path.startswith(tuple(ONLY_IN[name]))}
    if path.startswith("trainables/") and path != "trainables/ray_trainable.py":
        found |= names - TRAINABLES_USE - EXTRA.get(path, set())
    return found


def source_files() -> list[str]:
    folders = [
        f for f in ROOT.iterdir() if f.is_dir() and not f.name.startswith(".") and f.name not in ("tests", "build", "dist")
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
        ("trainables/optim.py", "from tuner.rows import Proposal", "tuner"),
        ("trainables/optim.py", "def f():\n    import ray.tune", "ray"),
        ("trainables/tasks/sbn.py", "import numpy as np", "numpy"),
        ("trainables/ray_trainable.py", "import tuner", "tuner"),
        ("tuner/run.py", "import api.app", "api"),
        ("tuner/run.py", "try:\n    from mlflow.exceptions import MlflowException\nexcept ImportError:\n    pass", "mlflow"),
        ("tuner/cli.py", "def f():\n    from ray import tune", "ray"),
        ("tuner/rows.py", "import sqlalchemy as sa", "sqlalchemy"),
        ("tuner/spec.py", "from alembic import op", "alembic"),
        ("tuner/strategies/grid.py", "import optuna", "optuna"),
        ("tuner/strategies/tpe.py", "import torch", "torch"),
        ("tuner/evidence/analysis.py", "if True:\n    import torch.nn", "torch"),
        ("tuner/settings.py", "from fastapi import FastAPI", "fastapi"),
        ("api/routes.py", "import ray", "ray"),
        ("api/app.py", "from deploy import compose", "deploy"),
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
        ("tuner/strategies/tpe.py", "import optuna"),
        ("tuner/migrations/versions/0001_first.py", "import sqlalchemy as sa\nfrom alembic import op"),
        ("tuner/run.py", "from . import rows\nfrom trainables.data import load"),
    ],
)
def test_a_permitted_import_is_none(path, source):
    assert breaches(path, source) == set()
