"""Whole studies as a user runs them: the command, a real Ray, a real MLflow server, a real ledger."""

import json
import re
from pathlib import Path

import pytest

from tests.support.commands import tuner
from tests.support.specs import TINY
from tests.support.whole_studies import check_ledger_and_mlflow, mlflow_runs, write_spec
from tuner.evidence.verdicts import Verdict
from tuner.ledger.store import Ledger

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study that was run to its end: (home, what the command printed)."""
    home = tmp_path_factory.mktemp("finished")
    return home, tuner(home, "run", write_spec(home), "--json")


def test_a_study_runs_from_the_spec_to_the_verdict(finished):
    home, done = finished
    lines = done.stdout.splitlines()
    last = json.loads(lines[-1])
    assert last["state"] == "succeeded"
    assert lines[0].split()[1] == last["study"]
    assert re.search(r"\d+/\d+ trials · ", done.stderr)
    assert "Traceback" not in done.stderr + done.stdout
    assert "verdict:" in done.stdout
    trials = check_ledger_and_mlflow(home, last["study"])
    # 4 pairs; identity, and softmax and gumbel at 0.5 and 1; confirmed: off the diagonal, on it (softmax),
    # and the others.
    assert [t.role for t in trials].count("search") == 4
    assert [t.role for t in trials].count("baseline") == 5
    confirmed = [t.estimator for t in trials if t.role == "confirm"]
    assert len(confirmed) >= 4  # and what the search alone would have selected, where it is another
    assert {"decoupled", "identity", "gumbel"} <= set(confirmed)
    assert {t.seeds for t in trials if t.role != "confirm"} == {(0, 1)}
    (fresh,) = {t.seeds for t in trials if t.role == "confirm"}
    assert len({*fresh} - {0, 1}) == 3
    assert all(t.attempts == 1 for t in trials)
    for path in re.findall(r"^(?:report|numbers) +(\S+)$", done.stdout, re.MULTILINE):
        assert Path(path).stat().st_size > 1000
    folder = Path(re.search(r"^figures +(\S+)  \(", done.stdout, re.MULTILINE).group(1))
    assert {path.name for path in folder.iterdir()} >= {
        "landscape.png",
        "curves.png",
        "figure2.png",
        "vector",
    }
    assert not list((home / "checkpoints").glob("*"))
    attached = {path.name for path in (home / "mlflow" / "artifacts").rglob("*")}
    assert {
        "landscape.png",
        "curves.png",
        "report.html",
        "results.json",
        "spec.yaml",
        "landscape.svg",
        "landscape.pdf",
    } <= attached
    parent = next(tags for tags, *_ in mlflow_runs(home) if tags["role"] == "study")
    assert parent["verdict"] in parent["mlflow.note.content"].lower()


def test_softmax_baselines_equal_the_diagonal_of_the_grid(finished):
    home, _ = finished
    rows = json.loads(tuner(home, "trials", "latest", "--json").stdout)
    diagonal = {
        t["tau_f"]: t["objective"]["seeds"]
        for t in rows
        if t["role"] == "search" and t["tau_f"] == t["tau_b"]
    }
    softmax = {
        t["tau_f"]: t["objective"]["seeds"]
        for t in rows
        if t["role"] == "baseline" and t["estimator"] == "softmax"
    }
    assert diagonal.keys() <= softmax.keys()
    assert diagonal
    assert all(softmax[tau] == pytest.approx(diagonal[tau], rel=1e-4) for tau in diagonal)


def test_results_list_and_report_read_the_ledger(finished, tmp_path):
    home, _ = finished
    study = json.loads(tuner(home, "list", "--json").stdout)[0]["id"]
    found = json.loads(tuner(home, "results", study[:4], "--json").stdout)
    assert {
        "study",
        "objective",
        "best",
        "diagonal_best",
        "baselines",
        "gain",
        "verdict",
        "landscape",
    } <= found.keys()
    assert found["gain"]["confirmed"]
    assert found["gain"]["seeds"] == 3
    assert found["verdict"] in set(Verdict)
    assert (len(found["landscape"]["mean"]), len(found["landscape"]["mean"][0])) == (2, 2)
    assert found["confirmed"]["off_diagonal"]["metrics"]["test_loss"]["mean"] > 0
    tuner(home, "report", "latest", "--out", str(tmp_path / "out"))
    page = (tmp_path / "out" / "report.html").read_text()
    assert found["verdict"].capitalize() in page
    assert "http://" not in page
    assert "https://" not in page
    assert (tmp_path / "out" / "landscape.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / "out" / "results.json").read_text())["study"] == study


def test_resuming_a_finished_study_changes_nothing(finished):
    home, _ = finished
    before = tuner(home, "trials", "latest", "--json").stdout
    done = tuner(home, "resume", "latest", check=False)
    assert done.returncode == 2
    assert "nothing to resume" in done.stderr
    assert tuner(home, "trials", "latest", "--json").stdout == before


def test_seeds_are_added_to_a_finished_study_and_judged_as_such(finished):
    home, _ = finished
    before = json.loads(tuner(home, "trials", "latest", "--json").stdout)
    done = tuner(home, "confirm", "latest", "--seeds", "9")
    after = json.loads(tuner(home, "trials", "latest", "--json").stdout)
    assert after[: len(before)] == before
    added = after[len(before) :]
    confirmed = [t for t in before if t["role"] == "confirm"]
    assert [t["role"] for t in added] == ["confirm"] * len(confirmed)
    assert {len(t["objective"]["seeds"]) for t in added} == {9}
    found = json.loads(tuner(home, "results", "latest", "--json").stdout)
    assert (found["gain"]["seeds"], found["gain"]["added_later"], found["confirmation"]["added"]) == (
        12,
        True,
        9,
    )
    assert "added after the planned looks, so the verdict rests on the always-valid" in done.stdout
    check_ledger_and_mlflow(home, found["study"])


def test_mlflow_is_rebuilt_from_the_ledger(finished):
    home, done = finished
    study = json.loads(done.stdout.splitlines()[-1])["study"]
    tuner(home, "sync", study)
    check_ledger_and_mlflow(home, study)  # sent twice, there once


def test_a_running_study_has_one_driver(tmp_path):
    home = tmp_path
    ledger = Ledger(f"sqlite:///{home / 'ledger.db'}")
    from tuner.driver.drive import submit
    from tuner.spec.study import parse_spec

    study = submit(ledger, parse_spec(TINY))
    ledger.acquire(study, {})  # this process drives it
    done = tuner(home, "resume", study, check=False)
    ledger.close()
    assert done.returncode == 2
    assert f"study {study} is being run by" in done.stderr


def test_an_mlflow_that_is_away_neither_stops_nor_loses_a_study(tmp_path):
    home = tmp_path
    spec = write_spec(home, confirm_seeds=2, baselines=[], extend=True, refine=True)
    done = tuner(home, "run", spec, TUNER_MLFLOW_URI="http://127.0.0.1:9")
    assert "tuner sync" in done.stdout
    study = done.stdout.split()[1]
    tuner(home, "sync", study)  # into the private server: everything arrives
    trials = check_ledger_and_mlflow(home, study)
    assert {t.role for t in trials} == {"search", "extension", "refinement", "confirm"}
