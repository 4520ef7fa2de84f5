"""Every method and state has one name, which readers see wherever a study is shown."""

import subprocess
import sys
from contextlib import closing

import pytest
from fastapi.testclient import TestClient

from api.application.app import create
from api.settings import ServiceSettings
from tests.support.paths import ROOT
from trainables.estimators import ESTIMATORS
from tuner.evidence.labels import METHODS, STATES, dataset_label, method_label
from tuner.ledger.rows import Proposal, StudyState, TrialState
from tuner.ledger.store import Ledger
from tuner.spec.study import load_spec


def test_every_estimator_and_every_state_has_a_name_of_its_own():
    assert {"off_diagonal", "diagonal", "argmax", *ESTIMATORS} == METHODS.keys()
    assert {*StudyState, *TrialState} == STATES.keys()
    for labels in (METHODS, STATES):
        assert len({*labels.values()}) == len(labels)
    assert method_label("of_another_version") == "of another version"


def test_the_documentation_uses_the_names():
    files = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    assert [label for name, label in METHODS.items() if name != "argmax" and label not in text] == []


def test_the_page_gets_the_names_from_the_service(tmp_path):
    with TestClient(create(ServiceSettings(home=tmp_path)), base_url="http://localhost") as http:
        answer = http.get("/tasks").json()
    assert answer["labels"] == {"methods": METHODS, "states": STATES}
    (sbn,) = (task for task in answer["items"] if task["name"] == "sbn")
    metrics = {metric["name"]: metric for metric in sbn["metrics"]}
    assert metrics["val_loss"] == {
        "name": "val_loss", "label": "validation loss", "title": "validation loss (nats)", "unit": "nats",
        "direction": "minimize", "measured": "evaluation", "second_verdict": False,
    }  # fmt: skip
    assert metrics["val_accuracy"]["second_verdict"]
    assert metrics["grad_snr"]["measured"] == "diagnosis"


RESULTS = "import sys; from tuner.cli import main; main(); print('torch' in sys.modules)"


@pytest.mark.parametrize("command", ["results", "trials", "report"])
def test_a_study_of_a_built_in_task_is_read_without_torch(tmp_path, command):
    spec = load_spec("sbn-digits").model_dump(mode="json")
    with closing(Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")) as ledger:
        study = ledger.create_study(
            name="s", task="sbn", spec=spec, objective="val_loss", direction="minimize"
        )
        lease = ledger.acquire(study, {})
        proposals = [Proposal("search", "decoupled", 0.5, tau_b, 0.001) for tau_b in (0.5, 1.0)]
        ledger.start_population(lease, "p", proposals, [0, 1])
        rows = {n: {"val_loss": [1.0, 2.0]} for n in range(2)}
        ledger.record(lease, interval=1, epoch=1, training_s=1, rows=rows, final=True)
        ledger.release(lease, "succeeded")
    done = subprocess.run(
        [sys.executable, "-c", RESULTS, command, "latest"],
        env={"TUNER_HOME": str(tmp_path), "PATH": "", "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "validation loss (nats)" in done.stdout or command == "report"
    assert done.stdout.splitlines()[-1] == "False"


def test_data_that_the_task_brings_is_called_its_own():
    assert dataset_label("own") == "its own data"
    assert dataset_label("digits") == "digits"
