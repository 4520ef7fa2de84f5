"""`tuner list --correct holm`: the verdicts of a family of studies, corrected together."""

import json
from contextlib import closing

import pytest

from api.cli import main
from tests.support.served import SMALL, Driver
from tuner.ledger.store import Ledger
from tuner.spec.study import parse_spec


class Filled:
    """A ledger with a study that has succeeded and one that waits."""

    def __init__(self, ledger):
        self.ledger = ledger
        spec = parse_spec(SMALL).model_dump(mode="json")
        given = {"task": "sbn", "spec": spec, "objective": "val_loss", "direction": "minimize"}
        self.done, self.waits = (ledger.create_study(name=name, **given) for name in ("done", "waits"))
        Driver(self, self.done).finish()


@pytest.fixture
def listed(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TUNER_HOME", str(tmp_path))
    with closing(Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")) as ledger:
        filled = Filled(ledger)

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["tuner", "list", *arguments])
        main()
        return capsys.readouterr().out

    return filled, run


def test_studies_are_shown_with_what_remains_of_their_verdicts(listed):
    filled, run = listed
    rows = {row["id"]: row["correction"] for row in json.loads(run("--correct", "holm", "--json"))}
    assert rows[filled.done]["p_holm"] == rows[filled.done]["p_value"] <= 1
    assert (rows[filled.waits]["p_value"], rows[filled.waits]["family"]) == (None, 1)
    lines = run("--correct", "holm").splitlines()
    assert "p (Holm)" in lines[0]
    assert "shares seeds with" in lines[0]
    (done,) = [line for line in lines if filled.done in line]
    assert rows[filled.done]["verdict"] in done
    assert "correction" not in run("--json")


def test_a_text_narrows_the_list(listed):
    filled, run = listed
    assert [row["id"] for row in json.loads(run("--text", "DONE", "--json"))] == [filled.done]
    assert {row["id"] for row in json.loads(run("--text", "digits", "--json"))} == {filled.done, filled.waits}
    assert json.loads(run("--text", "nothing of the kind", "--json")) == []
