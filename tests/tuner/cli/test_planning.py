"""The command that counts what a spec would train."""

import json

import pytest
import yaml
from click.testing import CliRunner

from tests.support.served import SMALL
from tuner.cli import cli
from tuner.cli.planning import in_one_line
from tuner.errors import UserError


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Asks for the plan of a spec, a mapping or a preset's name, in an empty state folder."""
    monkeypatch.setenv("TUNER_HOME", str(tmp_path / "home"))

    def ask(spec, *options):
        if isinstance(spec, dict):
            file = tmp_path / "study.yaml"
            file.write_text(yaml.safe_dump(spec))
            spec = str(file)
        return CliRunner().invoke(cli, ["plan", spec, *options])

    return ask


def test_a_plan_says_what_is_trained_and_leaves_nothing_behind(asked):
    done = asked(SMALL)
    assert done.exit_code == 0, done.output
    study, trials, trains, time = done.output.splitlines()
    assert study == "study   small: task sbn, digits; validation loss, lower is better"
    assert trials == (
        "trials  10: 7 of the search, 3 of the confirmation; "
        "and up to 36 that extend, refine and confirm further"
    )
    assert trains == "trains  23 trainings of 8 epochs"  # 7 on 2 seeds, 3 on 3
    assert time == "time    how long that takes is known when one like it has been run here"
    listed = CliRunner().invoke(cli, ["list", "--json"])
    assert json.loads(listed.output) == []


def test_one_training_is_no_trainings():
    found = {"trials": 1, "members": 1, "trainings": 1, "further_trials": 0, "estimate": None}
    line = in_one_line(found | {"spec": {"epochs": 1, "steps": None}})
    assert line.startswith("1 trial, 1 training of 1 epoch; ")


def test_what_halving_stops_is_not_counted_as_whole(asked):
    search = {"strategy": "halving", "tau_f": [0, 1], "tau_b": [0.5, 1], "rungs": 2}
    lines = asked(SMALL | {"search": search}).output.splitlines()
    (trains,) = [line for line in lines if line.startswith("trains")]
    assert trains == "trains  22 trainings of 8 epochs or less, as much as 20 whole ones"


def test_as_json_it_is_the_plan_with_every_default(asked):
    found = json.loads(asked(SMALL, "--json").output)
    assert found["trials"] == 10
    assert found["spec"]["batch_size"] == 128
    assert found["notes"] == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"epochs": 0}, "epochs: must be greater than or equal to 1"),
        ({"batch_size": 5000}, "batch_size: must be at most 1197, the training examples of digits"),
    ],
)
def test_what_could_not_be_run_is_refused(asked, wrong, said):
    done = asked(SMALL | wrong)
    assert isinstance(done.exception, UserError)
    assert said in str(done.exception)


def test_data_that_is_not_here_is_told_and_not_downloaded(asked, tmp_path, monkeypatch):
    monkeypatch.setenv("TUNER_DATA", str(tmp_path / "empty"))
    done = asked("catae-mnist-quick")
    assert done.exit_code == 0, done.output
    assert "data    the data of mnist is not in the data folder of this machine" in done.output
    assert not (tmp_path / "empty").exists()
