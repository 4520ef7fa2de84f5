"""The walls of docs/explanation/design.md: who may import what, read from the source. trainables <- tuner <-
api; nothing imports deploy or tests.
"""

import ast
import sys
from graphlib import CycleError, TopologicalSorter

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
# By package, from the ground up: a file imports from its own room and from lower floors; rooms of one floor
# do not know each other.
FLOORS = {
    "tuner": (
        ("tuner/errors.py", "tuner/extras.py"),
        ("tuner/settings.py", "tuner/processes.py", "tuner/network.py", "tuner/output.py"),
        ("tuner/home.py", "tuner/temporary.py"),
        ("tuner/ledger/", "tuner/spec/"),
        ("tuner/evidence/",),
        ("tuner/strategies/", "tuner/tracking/"),
        ("tuner/driver/",),
        ("tuner/cli/", "tuner/interface/"),
        ("tuner/__main__.py",),
    ),
    "api": (
        ("api/settings.py", "api/logs.py", "api/client.py"),
        ("api/requests/",),
        ("api/answers/", "api/studies/"),
        ("api/application/",),
        ("api/machine/",),
        ("api/cli/",),
        ("api/start.py",),
    ),
}
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


def place(path: str) -> tuple[int, str] | None:
    """The floor of its package that a path lies on, and its room there."""
    floors = FLOORS.get(path.partition("/")[0], ())
    return next(
        ((n, room) for n, rooms in enumerate(floors) for room in rooms if path.startswith(room)), None
    )


def upward(path: str, names: set[str]) -> set[str]:
    """The rooms of its own package that a file imports from and that lie above it, or beside it."""
    here = place(path)
    if here is None:
        return set()
    found = set()
    for name in names:
        path_of = name.replace(".", "/")
        if path_of.partition("/")[0] != path.partition("/")[0]:
            continue
        places = (f"{path_of}/", f"{path_of}.py", f"{path_of.rpartition('/')[0]}.py")
        there = next((at for at in map(place, places) if at is not None), None)
        if there is not None and there[1] != here[1] and there[0] >= here[0]:
            found.add(there[1])
    return found


def breaches(path: str, source: str) -> set[str]:
    """The packages, and rooms of its own, that the file at `path` imports and may not."""
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


def imported(source: str, files: set[str]) -> set[str]:
    """Those of `files` that a source imports from, inside functions too."""
    found = set()
    for name in modules(source):
        path = name.replace(".", "/")
        places = [f"{p}{end}" for p in (path, path.rpartition("/")[0]) for end in (".py", "/__init__.py")]
        found |= {next((place for place in places if place in files), "")}
    return found - {""}


def cycle(sources: dict[str, str]) -> set[str]:
    """Files that import each other in a circle, if there are such: {path: source}."""
    files = set(sources)
    try:
        TopologicalSorter({path: imported(text, files) for path, text in sources.items()}).prepare()
    except CycleError as error:
        return set(error.args[1])
    return set()


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


def test_every_file_of_a_package_with_floors_lies_on_one():
    files = {path for path in source_files() if path.partition("/")[0] in FLOORS}
    assert {path for path in files if place(path) is None} == {f"{name}/__init__.py" for name in FLOORS}


@pytest.mark.parametrize("package", FLOORS)
def test_no_imports_go_in_a_circle(package):
    files = [path for path in source_files() if path.startswith(f"{package}/")]
    assert cycle({path: (ROOT / path).read_text(encoding="utf-8") for path in files}) == set()


def test_a_circle_is_seen():
    there, back = "from api.answers import cache", "def f():\n    from api.answers.views import Views"
    sources = {"api/answers/views.py": there, "api/answers/cache.py": back, "api/answers/lists.py": there}
    assert cycle(sources) == {"api/answers/views.py", "api/answers/cache.py"}
    assert cycle(sources | {"api/answers/cache.py": "import json"}) == set()


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
        ("api/application/routes/reading.py", "import ray", "ray"),
        ("api/application/app.py", "from deploy import compose", "deploy"),
        ("tuner/ledger/store.py", "from tuner.spec.study import StudySpec", "tuner/spec/"),
        ("tuner/evidence/paired.py", "from tuner.driver import placement", "tuner/driver/"),
        ("tuner/errors.py", "import tuner.settings", "tuner/settings.py"),
        ("api/requests/errors.py", "from api.answers.cache import Cache", "api/answers/"),
        ("api/answers/events.py", "def f():\n    from api.studies import jobs", "api/studies/"),
        ("api/studies/dashboard.py", "from api.application.service import Service", "api/application/"),
        ("api/settings.py", "import api.client", "api/client.py"),
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
        ("api/studies/jobs.py", "from api.requests import errors\nfrom tuner.driver import notifications"),
    ],
)
def test_a_permitted_import_is_none(path, source):
    assert breaches(path, source) == set()
