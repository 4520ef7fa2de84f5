"""`tuner import`: what a small check of a GPU wrote, on this CPU, comes into the ledger as it is in the file.

What the study's results must say is worked out from the JSON itself.
"""

import json
import shutil
import statistics
from contextlib import closing

import httpx
import pytest

from api.cli import main
from benchmarks import gpu_check
from benchmarks.gpu import STUDIES
from benchmarks.paper import grid, spec_of
from tests.support.served import Served
from tuner.driver.material import RUN, noted
from tuner.evidence.analysis import results
from tuner.ledger.rows import Role, StudyState, TrialState
from tuner.ledger.store import Ledger
from tuner.spec.study import parse_spec
from tuner.strategies import strategy_for

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """The folder of a small check's third part."""
    folder = tmp_path_factory.mktemp("checked")
    assert gpu_check.main(["--tiny", "--parts", "paper", "--out", str(folder)]) == 0
    return folder


class Importing:
    """A folder of files, an empty ledger, and the command."""

    def __init__(self, folder, home, monkeypatch, capsys):
        self.folder, self.home, self._monkeypatch, self._capsys = folder, home, monkeypatch, capsys

    def read(self, name):
        return json.loads((self.folder / f"paper-{name}.json").read_text())

    def change(self, name, **fields):
        (self.folder / f"paper-{name}.json").write_text(json.dumps(self.read(name) | fields))

    def keep(self, name):
        """Leaves one study alone in the folder."""
        for path in self.folder.glob("paper-*.json"):
            if path.stem != f"paper-{name}":
                path.unlink()

    def run(self, *arguments):
        self._monkeypatch.setattr("sys.argv", ["tuner", "import", str(self.folder), *arguments])
        main()
        return self._capsys.readouterr().out

    def refused(self, *arguments):
        with pytest.raises(SystemExit) as end:
            self.run(*arguments)
        assert end.value.code == 2
        return self._capsys.readouterr().err

    def ledger(self):
        return closing(Ledger(f"sqlite:///{self.home / 'ledger.db'}"))

    def only(self):
        """The one study, its trials and measurements."""
        with self.ledger() as ledger:
            (study,) = ledger.list_studies()
            return study, ledger.trials(study.id), ledger.measurements(study.id)


@pytest.fixture
def importing(checked, tmp_path, monkeypatch, capsys):
    folder, home = tmp_path / "results", tmp_path / "home"
    shutil.copytree(checked, folder)
    monkeypatch.setenv("TUNER_HOME", str(home))
    return Importing(folder, home, monkeypatch, capsys)


@pytest.mark.parametrize("name", ["catae", "dln", "sbn"])
def test_a_study_has_the_results_that_its_file_has(importing, name):
    importing.keep(name)
    assert "imported: study" in importing.run()
    study, trials, measured = importing.only()
    file = importing.read(name)
    assert (study.state, study.name, study.reason) == (
        StudyState.SUCCEEDED,
        f"gpu-check-{name}-tiny",
        None,
    )
    last = file["reports"][-1]["metrics"]
    assert [list(t.objective) for t in trials] == last["score"]
    assert [(t.role, t.estimator, t.tau_f, t.tau_b, t.lr) for t in trials] == [
        tuple(t.values()) for t in file["trials"]
    ]
    assert [t.metrics for t in trials] == [{m: rows[t] for m, rows in last.items()} for t in range(2)]
    assert {t.seeds for t in trials} == {tuple(file["seeds"])}
    places = {t.id: t.number for t in trials}
    assert {(m.interval, places[m.trial_id]): m.metrics for m in measured} == {
        (n, t): {metric: rows[t] for metric, rows in report["metrics"].items()}
        for n, report in enumerate(file["reports"], start=1)
        for t in range(2)
    }
    assert study.training_s == pytest.approx(file["reports"][-1]["seconds"])
    found = results(study, trials, measured)
    pick = min if found.objective.minimize else max
    means = [statistics.fmean(values) for values in last["score"]]
    assert found.best.objective.mean == pytest.approx(pick(means))
    assert any(name.startswith("test_") for name in found.best.metrics)


def test_the_service_shows_its_curves_and_where_it_comes_from(importing):
    importing.keep("sbn")
    importing.run()
    served = Served(importing.home)
    try:
        (study,) = httpx.get(f"{served.address}studies").json()["items"]
        (first, _) = httpx.get(f"{served.address}studies/{study['id']}/curves").json()["curves"]
    finally:
        served.stop()
    reports = importing.read("sbn")["reports"]
    assert first["epoch"] == [report["epoch"] for report in reports]
    assert first["mean"] == pytest.approx(
        [statistics.fmean(report["metrics"]["val_loss"][first["trial"]]) for report in reports]
    )
    assert study["tags"] == ["gpu-check", "random data"]
    assert "measures nothing" in study["comment"]


def test_a_search_may_be_imported_for_a_confirmation_here(importing):
    importing.keep("sbn")
    said = importing.run("--confirm-seeds", "3")
    study, trials, _ = importing.only()
    assert (study.state, study.spec["confirm_seeds"]) == (StudyState.INTERRUPTED, 3)
    assert study.spec["max_hours"] is None  # the limit was the check's
    assert f"`tuner resume {study.id}` confirms it" in said
    assert study.material == {RUN: importing.read("sbn")["run"]}
    # What a driver would train of it: each method's best trial on fresh seeds.
    wanted = strategy_for(parse_spec(study.spec)).suggest(trials, 10)
    assert {proposal.role for proposal in wanted} == {Role.CONFIRM}
    assert "is in the ledger already" in importing.run("--confirm-seeds", "3")
    assert noted(study, {"dataset digits": "f"}) == {"dataset digits": "f", **study.material}


def test_a_second_import_doubles_nothing_and_says_so(importing):
    first = importing.run()
    with importing.ledger() as ledger:
        before = {s.id: (s.revision, len(ledger.measurements(s.id))) for s in ledger.list_studies()}
    second = importing.run()
    assert second.count("is in the ledger already") == len(before) == first.count("imported: study") == 3
    with importing.ledger() as ledger:
        assert before == {s.id: (s.revision, len(ledger.measurements(s.id))) for s in ledger.list_studies()}


def test_an_import_that_broke_off_is_taken_up_where_it_stopped(importing, monkeypatch):
    importing.keep("sbn")
    record, calls = Ledger.record, []

    def breaking(*arguments, **keywords):
        calls.append(keywords["interval"])
        if len(calls) == 3:
            raise KeyboardInterrupt
        return record(*arguments, **keywords)

    monkeypatch.setattr(Ledger, "record", breaking)
    with pytest.raises(SystemExit):
        importing.run()
    study, _, measured = importing.only()
    assert (study.state, len(measured)) == (StudyState.INTERRUPTED, 4)
    assert "imported: study" in importing.run()
    study, trials, measured = importing.only()
    assert (study.state, len(trials), len(measured)) == (StudyState.SUCCEEDED, 2, 8)
    assert study.training_s == pytest.approx(importing.read("sbn")["reports"][-1]["seconds"])


def test_a_study_that_was_cut_off_is_cancelled_with_what_it_had(importing):
    importing.keep("sbn")
    importing.change("sbn", state="out of time", reports=importing.read("sbn")["reports"][:3])
    assert "cancelled (stopped after max_hours: the time limit of the check, at step 6 of 8)" in (
        importing.run()
    )
    study, trials, measured = importing.only()
    assert (study.state, len(measured)) == (StudyState.CANCELLED, 6)
    assert [(t.state, t.intervals, t.stopped_with_study) for t in trials] == [
        (TrialState.STOPPED, 3, True)
    ] * 2


def test_a_study_that_was_killed_comes_in_only_where_that_is_asked_for(importing):
    importing.change("sbn", state="training", reports=importing.read("sbn")["reports"][:1])
    said = importing.refused()
    assert "paper-sbn.json: state: is training" in said
    assert "--unfinished" in said
    with importing.ledger() as ledger:
        assert ledger.list_studies() == []
    assert "cancelled by the user: the check was ended while it trained, at step 2 of 8" in importing.run(
        "--unfinished"
    )


def test_a_study_that_was_not_started_is_none(importing):
    kept = ("format", "version", "run", "device", "random_data")
    told = {"state": "not started", "reason": "no data: there is no folder x"}
    importing.keep("dln")
    file = {name: value for name, value in importing.read("dln").items() if name in kept} | told
    (importing.folder / "paper-dln.json").write_text(json.dumps(file))
    assert importing.run() == "paper-dln.json  nothing to import: no data: there is no folder x\n"
    with importing.ledger() as ledger:
        assert ledger.list_studies() == []


def test_a_member_that_diverged_is_a_trial_that_diverged(importing):
    importing.keep("sbn")
    reports = importing.read("sbn")["reports"]
    for metric in ("score", "val_loss"):
        reports[-1]["metrics"][metric][1][0] = None
    importing.change("sbn", reports=reports)
    assert "1 of 2 trials diverged" in importing.run()
    study, trials, _ = importing.only()
    assert [t.state for t in trials] == [TrialState.SUCCEEDED, TrialState.DIVERGED]
    assert study.state is StudyState.SUCCEEDED


def changed(**fields):
    return lambda file: json.dumps(file | fields)


def without(metric):
    def damage(file):
        del file["reports"][1]["metrics"][metric]
        return json.dumps(file)

    return damage


def short_row(file):
    file["reports"][2]["metrics"]["train_loss"][1].pop()
    return json.dumps(file)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda file: json.dumps(file)[:-300], "is not whole JSON"),
        (lambda file: json.dumps([file]), "the file must be an object"),
        (lambda file: json.dumps({k: v for k, v in file.items() if k != "run"}), "run: is missing"),
        (changed(version=2), "version: must be 1, got 2"),
        (changed(format="something"), "format: must be straight-through-tuner study, got something"),
        (changed(seeds=[0, 0]), "seeds: must name at least one, and none twice"),
        (changed(seeds=["0", "1"]), "seeds.0: "),
        (changed(trials=[]), "trials: must name at least one"),
        (changed(reports=[]), "reports: must have at least one"),
        (changed(spec={"task": "sbn"}), "spec: the spec is not valid: name: is missing"),
        (changed(more=1), "more: "),
        (without("val_loss"), "reports.1.metrics.val_loss: is missing"),
        (short_row, "reports.2.metrics.train_loss: must have 2 rows, one a trial, of 2 values"),
        (
            lambda file: json.dumps(file | {"reports": file["reports"][:2]}),
            "reports: must end at the spec's step 8 where state is succeeded, got 4",
        ),
        (
            lambda file: json.dumps(file | {"reports": file["reports"][::-1]}),
            "reports.1.steps: must be more than 8",
        ),
        (
            lambda file: json.dumps(file | {"trials": [t | {"tau_b": -1.0} for t in file["trials"]]}),
            "trials.0: tau_b must be > 0",
        ),
        (
            lambda file: json.dumps(file | {"trials": [t | {"estimator": "x"} for t in file["trials"]]}),
            "trials.0.estimator: must be one of",
        ),
    ],
)
def test_a_file_that_is_not_valid_is_refused_by_name_and_nothing_is_imported(importing, damage, said):
    target = importing.folder / "paper-sbn.json"
    target.write_text(damage(importing.read("sbn")))
    told = importing.refused()
    assert told.startswith(f"tuner: {target}: ")
    assert said in told
    assert len(told.strip().splitlines()) == 1
    with importing.ledger() as ledger:
        assert ledger.list_studies() == []


def test_a_folder_without_studies_is_refused(importing, tmp_path):
    importing.folder = tmp_path / "nothing"
    assert "nothing has no file paper-*.json" in importing.refused()


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_the_papers_studies_are_what_a_driver_would_train_by_their_specs(study):
    spec = parse_spec(spec_of(study, study.steps, study.batch, hours=0.1, tiny=False))
    wanted = strategy_for(spec).suggest([], 1000)
    assert [(p.estimator, p.tau_f, p.tau_b, p.lr) for p in wanted] == [
        (c.estimator, c.tau_f, c.tau_b, c.lr) for c in grid(study, tiny=False)
    ]
    assert (len(wanted), spec.seeds, spec.steps) == (study.trials, study.seeds, study.steps)
