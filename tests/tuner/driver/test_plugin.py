"""A user's own task: the example package, installed as any package is, runs through the whole path; a broken
one is told.
"""

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
import yaml
from fastapi.testclient import TestClient

from api.application.app import create
from api.settings import ServiceSettings
from tests.support.commands import tuner
from tests.support.paths import EXAMPLE_TASK
from tests.support.patience import patient
from trainables import tasks
from trainables.tasks import task_names, task_type
from trainables.tasks.sbn import SBN
from tuner.cli import main
from tuner.ledger.rows import Proposal
from tuner.ledger.store import Ledger
from tuner.spec.study import parse_spec

SPEC = {
    "name": "plugged in",
    "task": "codebook",
    "dataset": "digits",
    "search": {"strategy": "grid", "tau_f": [0.5, 1.0], "tau_b": [0.5, 1.0]},
    "learning_rates": [0.01],
    "seeds": 2,
    "confirm_seeds": 2,
    "epochs": 2,
    "batch_size": 64,
    "baselines": ["gumbel", "reinmax"],
    "options": {"vectors": 16},
}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the example package installed; .venv and the sources stay as they are."""
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(EXAMPLE_TASK, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-index",
        "--no-deps",
    ]
    command = [*pip, "--no-build-isolation", "--target", str(folder / "site"), str(folder / "source")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=patient(240))
    assert done.returncode == 0, done.stderr
    return folder / "site"


def forget():
    """What this process remembers of installed packages."""
    tasks.plugged_in.cache_clear()
    sys.modules.pop("broken_module", None)
    sys.modules.pop("codebook_task", None)


@pytest.fixture
def plug_in(tmp_path, monkeypatch):
    """Installs a package that brings a task: its name, its entry point, the source of the module
    <name>_module.
    """

    def install(name, value, source=""):
        info = tmp_path / f"{name}_package-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}-package\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[trainables.tasks]\n{name} = {value}\n")
        (tmp_path / f"{name}_module.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        forget()

    yield install
    forget()


@pytest.fixture
def refusal(tmp_path, monkeypatch, capsys):
    """Runs a study of a task that cannot be run; returns the sentence that the user reads."""
    monkeypatch.setenv("TUNER_HOME", str(tmp_path / "home"))

    def run(task):
        (tmp_path / "spec.yaml").write_text(yaml.safe_dump(SPEC | {"task": task}))
        monkeypatch.setattr("sys.argv", ["tuner", "run", str(tmp_path / "spec.yaml")])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 2
        assert not (tmp_path / "home").exists()
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1), err
        return err

    return run


@pytest.mark.stack
def test_an_installed_package_brings_a_task_that_runs_from_the_spec_to_the_results(site, tmp_path):
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(SPEC | {"extend": False, "refine": False}))
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    installed = partial(tuner, tmp_path, PYTHONPATH=path)
    done = installed("run", "spec.yaml", "--no-mlflow", "--json")
    assert json.loads(done.stdout.splitlines()[-1])["state"] == "succeeded"
    results = json.loads(installed("results", "latest", "--json").stdout)
    assert results["objective"] == {"name": "val_loss", "direction": "minimize"}
    assert results["gain"]["confirmed"]
    assert results["confirmed"]["off_diagonal"]["metrics"].keys() >= {"test_loss", "test_perplexity"}
    trials = json.loads(installed("trials", "latest", "--json").stdout)
    assert {t["state"] for t in trials} == {"succeeded"}
    assert {t["estimator"] for t in trials} == {"decoupled", "gumbel", "reinmax"}
    assert all(0 < value < 1 for t in trials for value in t["objective"]["seeds"])


def test_installing_the_example_leaves_nothing_behind(site):
    assert {path.name for path in site.glob("*.dist-info")} == {"codebook_task-0.1.0.dist-info"}
    assert "codebook" not in task_names()
    assert {path.name for path in EXAMPLE_TASK.iterdir()} - {"__pycache__"} == {
        "codebook_task.py",
        "pyproject.toml",
    }


def test_an_unknown_task_is_told_with_the_names_of_all_tasks(plug_in, refusal):
    plug_in("codebook", "codebook_task:Codebook")
    assert "task: must be one of catae, codebook, dln, sbn, got 'chess'" in refusal("chess")
    with pytest.raises(
        ValueError, match=r"task must be one of \['catae', 'codebook', 'dln', 'sbn'\]\. Got 'chess'\."
    ):
        task_type("chess")
    assert "codebook_task" not in sys.modules  # nothing was imported for its name


@pytest.mark.parametrize(
    ("value", "source", "reason"),
    [
        ("nowhere:Task", "", "ModuleNotFoundError: No module named 'nowhere'"),
        ("broken_module:Task", "", "AttributeError: module 'broken_module' has no attribute 'Task'"),
        ("broken_module:Task", "def Task(:", "SyntaxError"),
        ("broken_module:Task", "raise RuntimeError('first line\\nsecond line')", "RuntimeError: first line"),
    ],
    ids=["no module", "no class", "no Python", "an error of many lines"],
)
def test_a_task_that_cannot_be_imported_is_told_in_one_sentence_with_its_name(
    plug_in, refusal, value, source, reason
):
    plug_in("broken", value, source)
    said = refusal("broken")
    assert f"task 'broken' ({value}) cannot be imported: {reason}" in said


@pytest.mark.parametrize("source", ["Task = 7", "class Task: pass", "def Task(): pass"])
def test_what_is_no_task_is_told_in_one_sentence_with_its_name(plug_in, refusal, source):
    plug_in("broken", "broken_module:Task", source)
    said = refusal("broken")
    assert "task 'broken' (broken_module:Task) must be a subclass of trainables.tasks.base.Task. Got " in said


def test_what_an_unfinished_task_lacks_is_told_in_one_sentence(plug_in, refusal):
    source = "from trainables.tasks.base import Task as Base\nclass Task(Base):\n    datasets = ('digits',)"
    plug_in("broken", "broken_module:Task", source)
    assert (
        "(broken_module:Task) lacks objective, options_type, __init__, bytes_per_member, evaluate, init"
        in refusal("broken")
    )


@pytest.mark.parametrize(
    ("metrics", "collapsed", "reason"),
    [
        ("('val_loss',)", None, "must be a tuple of trainables.metrics.Metric, got ('val_loss',)"),
        ("(Metric('a', 'A', panel=Panel('left')),)", None, "one must have the left panel and one the right"),
        ("()", "Collapse('a', 'below', 1.0)", "collapsed names a, which is not declared"),
    ],
)
def test_declarations_that_contradict_each_other_are_told(plug_in, refusal, metrics, collapsed, reason):
    source = (
        "from trainables.metrics import Collapse, Metric, Panel\n"
        "from trainables.tasks.sbn import SBN\n"
        f"class Task(SBN):\n    metrics = {metrics}\n    collapsed = {collapsed}\n"
    )
    plug_in("broken", "broken_module:Task", source)
    assert f"task 'broken' (broken_module:Task): metrics: {reason}" in refusal("broken")


@pytest.fixture
def codebook_study(plug_in, tmp_path, monkeypatch):
    """The folder of a ledger with one finished study of the example task: its perplexity rises with tau_f."""
    monkeypatch.syspath_prepend(EXAMPLE_TASK)
    plug_in("codebook", "codebook_task:Codebook")
    home = tmp_path / "home"
    monkeypatch.setenv("TUNER_HOME", str(home))
    home.mkdir()
    spec = parse_spec(SPEC | {"search": {"strategy": "grid", "tau_f": [0.1, 0.5, 1.0], "tau_b": [0.5]}})
    proposals = [Proposal("search", "decoupled", tau_f, 0.5, 0.01) for tau_f in (0.1, 0.5, 1.0)]
    proposals.append(Proposal("baseline", "gumbel", None, 0.5, 0.01))
    with closing(Ledger(f"sqlite:///{home / 'ledger.db'}")) as ledger:
        study = ledger.create_study(
            name="plugged in", task="codebook", spec=spec.model_dump(mode="json"),
            objective="val_loss", direction="minimize",
        )  # fmt: skip
        lease = ledger.acquire(study, {})
        ledger.start_population(lease, "p", proposals, [0, 1, 2])
        for interval in (1, 2):
            rows = {
                n: {
                    "val_loss": [1.0 + n - interval / 10 + seed / 100 for seed in range(3)],
                    "val_perplexity": [3.0 + n + interval + seed / 10 for seed in range(3)],
                }
                for n in range(4)
            }
            ledger.record(
                lease, interval=interval, epoch=interval, training_s=1, rows=rows, final=interval == 2
            )
        ledger.release(lease, "succeeded")
    return home


def said(monkeypatch, capsys, *arguments):
    monkeypatch.setattr("sys.argv", ["tuner", *arguments])
    main()
    return capsys.readouterr().out


def test_what_a_task_declares_is_shown_wherever_a_study_is_read(codebook_study, monkeypatch, capsys):
    table = said(monkeypatch, capsys, "results", "latest")
    assert "validation loss (squared error), search" in table
    assert "ST-GS" in table
    found = json.loads(said(monkeypatch, capsys, "results", "latest", "--json"))
    (part,) = found["claims"]["C3"]["parts"]
    assert part["what"] == "perplexity of the codebook rises with tau_f"
    assert (part["figure"], part["numbers"]["spearman"]) == ("figure6a", 1.0)
    report, *figures = said(monkeypatch, capsys, "report", "latest").splitlines()
    assert {"panels", "figure6a"} <= {Path(figure).stem for figure in figures}
    text = Path(report).read_text(encoding="utf-8")
    assert "validation loss (squared error)" in text
    assert "perplexity of the codebook rises with tau_f" in text.lower()

    with TestClient(create(ServiceSettings(home=codebook_study)), base_url="http://localhost") as http:
        (study,) = http.get("/studies").json()["items"]
        label, title = "validation loss", "validation loss (squared error)"
        objective = {"name": "val_loss", "direction": "minimize", "label": label, "title": title}
        assert study["objective"] == objective
        assert http.get(f"/studies/{study['id']}/results").json() == found
        assert "panels" in http.get(f"/studies/{study['id']}").json()["figures"]
        assert http.get(f"/studies/{study['id']}/figures/panels.png").status_code == 200


def test_a_study_whose_task_is_gone_opens_with_default_labels(codebook_study, monkeypatch, capsys):
    shutil.rmtree(codebook_study.parent / "codebook_package-1.0.dist-info")
    forget()
    table = said(monkeypatch, capsys, "results", "latest")
    assert "validation loss, search" in table
    found = json.loads(said(monkeypatch, capsys, "results", "latest", "--json"))
    assert found["off_diagonal_best"]["tau_f"] == 0.1
    reason = found["claims"]["C3"]["reason"]
    assert reason.startswith("what task codebook declares of its metrics cannot be read: task must be one of")
    with TestClient(create(ServiceSettings(home=codebook_study)), base_url="http://localhost") as http:
        (study,) = http.get("/studies").json()["items"]
        assert study["objective"]["title"] == "validation loss"
        assert http.get(f"/studies/{study['id']}/results").json() == found


def test_a_broken_task_does_not_stand_in_the_way_of_the_others(plug_in):
    plug_in("broken", "nowhere:Task")
    assert task_names() == ["broken", "catae", "dln", "sbn"]
    assert task_type("sbn") is SBN


def test_a_package_cannot_take_over_the_name_of_a_task_that_comes_with_the_tuner(plug_in):
    plug_in("sbn", "sbn_module:Task", "class Task: pass")
    assert task_names() == ["catae", "dln", "sbn"]
    assert task_type("sbn") is SBN
