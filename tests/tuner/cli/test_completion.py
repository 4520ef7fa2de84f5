"""What the command line answers when a shell asks for completions."""

import pytest
from click.testing import CliRunner

from tests.support.specs import TINY
from tuner.cli import cli
from tuner.driver.drive import submit
from tuner.ledger.store import Ledger
from tuner.spec.study import parse_spec


@pytest.fixture
def at_tab(tmp_path, monkeypatch):
    """The words that bash is offered for a line that ends where the cursor is."""
    monkeypatch.setenv("TUNER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TUNER_SERVER", raising=False)

    def offered(line, group=cli):
        variables = {"_TUNER_COMPLETE": "bash_complete", "COMP_LINE": line}
        done = CliRunner().invoke(group, [], prog_name="tuner", env=variables)
        return [found.partition(",")[2] for found in done.output.split()]

    return offered


def test_verbs_and_options(at_tab):
    assert at_tab("tuner re") == ["report", "results", "resume"]
    assert at_tab("tuner resume x --re") == ["--restart-trials"]


def test_presets_and_files(at_tab):
    assert at_tab("tuner run sbn-digits-t") == ["sbn-digits-tpe"]
    assert at_tab("tuner run my") == ["my"]  # which the shell completes as a file


def test_fields_of_a_spec(at_tab):
    assert at_tab("tuner explain search.ta") == ["search.tau_b", "search.tau_b_start", "search.tau_f"]


def test_fields_to_sort_trials_by(at_tab):
    assert at_tab("tuner trials x --sort tau") == ["tau_f", "tau_b"]


def test_studies_and_nothing_is_made_by_looking(at_tab, tmp_path):
    assert at_tab("tuner results ") == ["latest"]
    assert not (tmp_path / "home").exists()
    (tmp_path / "home").mkdir()
    ledger = Ledger(f"sqlite:///{tmp_path}/home/ledger.db")
    study = submit(ledger, parse_spec(TINY))
    ledger.close()
    assert at_tab(f"tuner results {study[:4]}") == [study]
    assert at_tab("tuner trials zz") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_asks_this_program(shell):
    done = CliRunner().invoke(cli, ["completion", shell])
    assert done.exit_code == 0
    assert f"_TUNER_COMPLETE={shell}_complete" in done.output
