"""Commands that read a ledger print the same when they ask a service over that ledger."""

import json
from contextlib import contextmanager

import click
import pytest
from click.testing import CliRunner

from api.cli import cli
from tests.support.fake_server import answering
from tests.support.served import Driver


@pytest.fixture
def study(served):
    name = served.create()
    Driver(served, name).finish()
    return name


@pytest.fixture
def told(tmp_path, monkeypatch):
    monkeypatch.setenv("TUNER_HOME", str(tmp_path))
    for variable in ("TUNER_SERVER", "TUNER_API_KEY"):
        monkeypatch.delenv(variable, raising=False)

    def run(*arguments):
        done = CliRunner().invoke(cli, arguments)
        assert done.exit_code == 0, done.output
        return click.unstyle(done.output)

    return run


@pytest.mark.parametrize(
    "verb",
    ["list", "trials latest", "trials latest --sort -objective --filter tau_f<0.5", "results latest"],
)
def test_ledger_and_service_say_the_same(told, served, study, verb):
    here = told(*verb.split())
    assert told(*verb.split(), "--server", served.address) == here
    assert (study in here) is ("trials" not in verb)


@pytest.mark.parametrize("verb", ["list", "trials latest --filter role=confirm", "results latest"])
def test_and_the_same_as_json(told, served, study, verb):
    here = json.loads(told(*verb.split(), "--json"))
    assert json.loads(told(*verb.split(), "--json", "--server", served.address)) == here
    assert study in str(here) or "trials" in verb


def test_a_plan_is_the_same_here_and_there(told, served):
    plan, there = ["plan", "sbn-digits"], ["--server", served.address]
    assert told(*plan, *there) == told(*plan)
    found = json.loads(told(*plan, "--json", *there))
    assert found == json.loads(told(*plan, "--json"))
    assert found["members"] == 138


@pytest.fixture
def files_of(tmp_path, monkeypatch):
    """A service whose study has these files: {name: kind}."""
    monkeypatch.chdir(tmp_path)

    @contextmanager
    def serving(files, study="ab"):
        listed = [{"name": name, "kind": kind} for name, kind in files.items()]

        def answer(_method, path, *_):
            if "/files/" in path:
                headers = {"Content-Type": "text/plain", "Content-Disposition": "attachment"}
                return 200, headers, path.rpartition("/files/")[2].encode()
            found = listed if path.endswith("/files") else [{"id": study}]
            content = json.dumps({"items": found, "next": None}).encode()
            return 200, {"Content-Type": "application/json"}, content

        with answering(answer) as address:
            yield address

    return serving


def test_the_report_of_a_service_is_written_with_its_figures(told, files_of, tmp_path):
    files = {
        "report.html": "report", "results.json": "report", "figures/curves.png": "figure",
        "figures/curves.svg": "figure", "trials.csv": "table", "spec.yaml": "spec",
    }  # fmt: skip
    with files_of(files) as address:
        printed = told("report", "latest", "--server", address).splitlines()
    assert printed == ["ab/report.html", "ab/results.json", "ab/curves.png", "ab/vector/curves.svg"]
    written = {str(p.relative_to(tmp_path)): p.read_text() for p in tmp_path.rglob("*") if p.is_file()}
    assert written == dict(zip(printed, list(files)[:4], strict=True))


@pytest.mark.parametrize("name", ["nope", "Latest", "ab cd", "x" * 40])
def test_what_is_no_beginning_of_an_id_is_no_study(served, name):
    done = CliRunner().invoke(cli, ["results", name, "--server", served.address])
    assert f"there is no study {name!r} on" in str(done.exception)


@pytest.mark.parametrize(
    "name", ["../evil.png", "/evil.png", "figures/../../evil.png", "a\x1b]0;b.png", "a\0b.png", "", "."]
)
def test_a_file_that_would_lie_elsewhere_is_refused(files_of, tmp_path, name):
    with files_of({name: "report"}) as address:
        done = CliRunner().invoke(cli, ["report", "ab", "--server", address])
    assert "would not lie in ab" in str(done.exception)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("study", ["../ab", "/tmp/ab", "ab/../..", "", "a\x1b[2J", "x" * 5000])
def test_a_server_that_names_a_study_as_no_service_does_names_no_folder(files_of, tmp_path, study):
    with files_of({"report.html": "report"}, study) as address:
        done = CliRunner().invoke(cli, ["report", "latest", "--server", address])
    assert "is not the service: it names a study" in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_an_export_of_a_service_is_that_of_its_machine(told, served, study, tmp_path):
    artifacts = served.home / "artifacts" / study
    for trial in served.ledger.trials(study):
        if trial.role == "confirm":
            folder = artifacts / f"trial-{trial.number}"
            folder.mkdir(parents=True)
            for seed in trial.seeds:
                (folder / f"model-{seed}.safetensors").write_bytes(b"%d %d" % (trial.number, seed))
            (folder / "picture.png").write_bytes(b"no model")
    told("export", "latest", str(tmp_path / "here"))
    told("export", "latest", str(tmp_path / "there"), "--server", served.address)
    here, there = (
        {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
        for folder in (tmp_path / "here", tmp_path / "there")
    )
    assert here == there
    assert any(name.startswith("weights/off_diagonal/model-") for name in here)


# --- at Tab ---


def at_tab(line):
    """What bash is offered for a line that ends where the cursor is."""
    asked = {"COMP_LINE": line, "_TUNER_COMPLETE": "bash_complete"}
    done = CliRunner().invoke(cli, [], prog_name="tuner", env=asked)
    return [found.partition(",")[2] for found in done.output.split()]


@pytest.fixture
def listing(tmp_path, monkeypatch):
    """A service that has one study, ab; this machine has none."""
    monkeypatch.setenv("TUNER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TUNER_SERVER", raising=False)

    def answer(_method, _path, *_):
        content = json.dumps(
            {"items": [{"id": "ab", "name": "x", "state": "running"}], "next": None}
        ).encode()
        return 200, {"Content-Type": "application/json"}, content

    with answering(answer) as address:
        yield address


def test_studies_of_a_service_are_offered_where_the_verb_goes_to_it(listing, monkeypatch):
    assert at_tab("tuner results ") == ["latest"]
    assert at_tab(f"tuner results --server {listing} ") == ["latest", "ab"]
    assert at_tab(f"tuner export --server {listing} a") == ["ab"]
    monkeypatch.setenv("TUNER_SERVER", listing)
    assert at_tab("tuner watch a") == ["ab"]
    assert at_tab("tuner results ") == ["latest"]  # which goes to this machine's ledger all the same


def test_a_service_that_does_not_answer_offers_nothing_and_says_nothing(monkeypatch):
    monkeypatch.setenv("TUNER_SERVER", "http://127.0.0.1:9")
    assert at_tab("tuner watch ") == []
