"""A task that is defined in a file: the spec names it, the driver loads it, the service does not."""

import json
import shutil

import pytest
import yaml
from fastapi.testclient import TestClient

from api.application.app import create
from api.settings import ServiceSettings
from tests.support.commands import tuner
from tests.support.paths import ROOT
from trainables.tasks import own, task_metrics, task_names, task_type
from tuner.driver.material import material_of
from tuner.errors import UserError
from tuner.spec.study import load_spec, parse_spec

MODEL = ROOT / "tests" / "support" / "own_models" / "good_model.py"
SPEC = {
    "name": "own",
    "task": "good_model.py:Task",
    "search": {"strategy": "grid", "tau_f": [0.0, 0.5], "tau_b": [0.5]},
    "learning_rates": [0.01],
    "seeds": 2,
    "epochs": 2,
    "batch_size": 32,
    "confirm_seeds": 2,
    "extend": False,
    "refine": False,
    "options": {"width": 4},
    "optimizer": {"weight_decay": 0.01, "schedule": "cosine"},
}


@pytest.fixture
def spec(tmp_path):
    """A spec in a folder, with the file of its task beside it."""
    folder = tmp_path / "studies"
    folder.mkdir()
    shutil.copy(MODEL, folder)
    (folder / "own.yaml").write_text(yaml.safe_dump(SPEC))
    return folder / "own.yaml"


def test_a_path_begins_in_the_specs_folder_and_the_task_brings_its_data(spec):
    found = load_spec(str(spec))
    assert found.task == f"{spec.parent}/good_model.py:Task"
    assert found.dataset == "own"
    assert parse_spec(found.model_dump(mode="json")) == found  # as the driver reads it
    assert task_type(found.task).__name__ == "Bottleneck"
    assert task_metrics(found.task).of("val_loss").title
    assert found.task not in task_names()


def test_other_code_is_other_material(spec):
    found = load_spec(str(spec))
    data = own.registered(found.task).dataset
    before = material_of(found, data)[f"task {found.task}"]
    assert before == material_of(load_spec(str(spec)), data)[f"task {found.task}"]
    text = (spec.parent / "good_model.py").read_text()
    (spec.parent / "good_model.py").write_text(text.replace("width: int = 8", "width: int = 9"))
    assert material_of(load_spec(str(spec)), data)[f"task {found.task}"] != before


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("none.py:Task", "there is no file"),
        ("good_model.py:NotATask", "or what ModuleTask.from_module returns"),
        ("good_model.py", "like good_model.py:Task"),
        ("good_model.py:Tsk", "the file has no 'Tsk'; its tasks are Task"),
        ("helper.py:Task", "its tasks are none, and needs one: Task = ModuleTask.from_module(...)"),
        ("broken.py:Task", "RuntimeError: first line second line (line 2)"),
        ("script.py:Task", "ends the program when it is imported (SystemExit: 3) (line 3); put what it does"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_sentence_about_the_field(spec, task, said):
    (spec.parent / "helper.py").write_text("from trainables.modules import ModuleTask")
    (spec.parent / "broken.py").write_text(
        "def wrong():\n    raise RuntimeError('first line\\nsecond line')\n\nwrong()"
    )
    (spec.parent / "script.py").write_text("import sys\n\nsys.exit(3)")
    spec.write_text(yaml.safe_dump(SPEC | {"task": task}))
    with pytest.raises(UserError) as error:
        load_spec(str(spec))
    assert str(error.value).startswith("the spec is not valid: task: ")
    assert said in str(error.value)


def test_a_built_in_task_has_no_data_of_its_own():
    with pytest.raises(UserError, match="dataset: is missing; task sbn learns from digits, mnist"):
        parse_spec(SPEC | {"task": "sbn", "options": {}})


def test_the_service_takes_no_path_and_runs_no_file(tmp_path):
    (tmp_path / "harm.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with TestClient(create(ServiceSettings(home=tmp_path / "home")), base_url="http://localhost") as http:
        answer = http.post("/studies", json=SPEC | {"task": f"{tmp_path}/harm.py:Task"})
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["field"] == "task"
    assert "a file's task is for `tuner run` on the machine of the file" in error["message"]
    assert not (tmp_path / "ran").exists()


def test_a_task_that_python_gave_is_told_where_it_is_known():
    with pytest.raises(
        UserError, match=r"given from Python, where tuner.search .* study='ID' knows it again"
    ):
        parse_spec(SPEC | {"task": "python:GivenElsewhere"})


@pytest.mark.stack
@pytest.mark.timeout(900)  # on a machine that may be busy
def test_a_files_task_runs_from_the_spec_to_its_models(spec, tmp_path):
    code = own.registered(load_spec(str(spec)).task).code
    done = tuner(tmp_path, "run", str(spec), "--no-mlflow", "--json")
    assert json.loads(done.stdout.splitlines()[-1])["state"] == "succeeded"
    (spec.parent / "good_model.py").unlink()  # what it found is read without it
    assert json.loads(tuner(tmp_path, "results", "latest", "--json").stdout)["best"]
    exported = tuner(tmp_path, "export", "latest", str(tmp_path / "out")).stdout.splitlines()
    assert len([file for file in exported if file.endswith(".safetensors")]) == 4  # 2 methods, 2 seeds
    again = load_spec(str(tmp_path / "out" / "spec.yaml"))  # with the code that lies beside it
    assert again.task == f"{tmp_path / 'out' / 'code' / 'good_model.py'}:Task"
    assert own.registered(again.task).code == code
