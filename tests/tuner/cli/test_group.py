"""Wrong input on the command line: one sentence, exit code 2, no traceback, nothing half-written."""

import socket

import pytest
import yaml
from click.testing import CliRunner

from tests.support.specs import TINY
from tuner.cli import cli, main
from tuner.driver.cancellation import CancelledError
from tuner.errors import SpecError, StoppedError, UserError


@pytest.fixture
def say(tmp_path, monkeypatch, capsys):
    """Runs a command in an empty folder; returns (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUNER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TUNER_DATA", raising=False)

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["tuner", *arguments])
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        out = capsys.readouterr()
        return code, out.out, out.err

    return run


def refused(outcome, *words):
    code, out, err = outcome
    assert code == 2
    assert out == ""
    assert len(err.strip().splitlines()) == 1, err
    assert err.startswith("tuner: ")
    for word in words:
        assert word in err


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"taks": "sbn"}, ["taks", "not a field", "task, dataset"]),
        ({"search": TINY["search"] | {"tau_f": []}}, ["search.tau_f", "1 to 1000"]),
        ({"search": TINY["search"] | {"tau_b": 0}}, ["search.tau_b", "greater than 0"]),
        ({"search": TINY["search"] | {"tau_b": [float("nan")]}}, ["search.tau_b", "finite"]),
        (
            {"search": TINY["search"] | {"tau_f": {"low": 0, "high": 1e6, "step": 1}}},
            ["search.tau_f", "1000001"],
        ),
        ({"dataset": "imagenet"}, ["dataset", "digits, fashion_mnist, image_folder, mnist"]),
        ({"batch_size": 1198}, ["batch_size", "at most 1197"]),
        (
            {"task": "catae", "control": "rescaled", "options": {"kl_weight": 1}},
            ["control", "catae", "logit_parameters"],
        ),
    ],
)
def test_a_spec_that_is_not_valid(say, tmp_path, changes, words):
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(TINY | changes))
    refused(say("run", "spec.yaml"), *words)
    assert not (tmp_path / "home").exists()


def test_a_fields_old_name_is_noted(say, tmp_path):
    folder = {"dataset": "image_folder", "dataset_options": {"folder": "no-such", "size": 8}, "task": "dln"}
    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(TINY | folder | {"options": {}, "population": 3}))
    code, out, err = say("run", "spec.yaml")
    note, refusal = err.strip().splitlines()
    assert (code, out) == (2, "")
    assert note.startswith("tuner: note: population is called members_per_population now")
    assert "no-such" in refusal  # nothing is wrong with the spec


def test_a_preset_that_is_not_there(say, tmp_path):
    refused(say("run", "sbn-nope"), "sbn-nope", "sbn-digits", "sbn-paper")
    assert not (tmp_path / "home").exists()


def test_a_spec_file_that_is_not_there(say):
    refused(say("run", "nope.yaml"), "nope.yaml", "No such file")


def test_a_dataset_that_is_not_there(say, tmp_path, monkeypatch):
    from torchvision import datasets

    def download(_self):
        raise OSError("no network")

    monkeypatch.setattr(datasets.FashionMNIST, "download", download)
    outcome = say("run", "sbn-fashion-quick")
    refused(
        outcome, "fashion_mnist", "train-images-idx3-ubyte", str(tmp_path / "home" / "data"), "TUNER_DATA"
    )
    assert not (tmp_path / "home" / "ledger.db").exists()


def test_a_ledger_that_cannot_be_written(say, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TUNER_HOME", str(tmp_path / "file" / "home"))
    refused(say("run", "sbn-digits"), "ledger", str(tmp_path / "file"))
    monkeypatch.setenv("TUNER_LEDGER_URL", f"sqlite:///{tmp_path}")
    refused(say("list"), "ledger", str(tmp_path))


def test_a_port_that_is_taken(say):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused(say("mlflow", "--port", str(port)), str(port), "taken")


@pytest.mark.parametrize(
    "arguments", [("results", "nope"), ("trials", "latest"), ("resume", "ab%"), ("report", "_")]
)
def test_a_study_that_is_not_there(say, arguments):
    refused(say(*arguments), "there is no study")


@pytest.mark.parametrize(
    "arguments",
    [("runn",), ("run",), ("run", "a", "b"), ("results", "x", "--jsn"), ("mlflow", "--port", "x")],
)
def test_a_command_that_is_not_there(say, arguments):
    refused(say(*arguments), "--help")


def test_presets_and_help_are_shown(say):
    code, out, _ = say("presets")
    assert code == 0
    assert all(name in out for name in ("sbn-digits", "sbn-fashion-quick", "sbn-paper"))
    assert CliRunner().invoke(__import__("tuner.cli", fromlist=["cli"]).cli, ["--help"]).exit_code == 0
    assert say("list")[1].startswith("There is no study yet")
    none = "No study has 'zz' in its name, id, task, dataset, tags or comment.\n"
    assert say("list", "--text", "zz")[1] == none


@pytest.mark.parametrize(
    ("error", "code"),
    [(UserError, 2), (SpecError, 2), (CancelledError, 1), (StoppedError, 130)],
)
def test_the_exit_code_tells_wrong_input_from_a_study_that_did_not_succeed_and_from_ctrl_c(
    say, monkeypatch, error, code
):
    def fail(**_):
        raise error([]) if error is SpecError else error("why")

    monkeypatch.setattr(cli, "main", fail)
    assert say("run")[0] == code
