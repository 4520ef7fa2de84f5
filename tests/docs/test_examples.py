"""The code of the documentation does what the pages say: every block is run, or says why not."""

import re
import shlex
from contextlib import closing
from types import SimpleNamespace

import click
import pytest

from api.cli import cli
from tests.support.examples import LANGUAGES, Reader, shape
from tests.support.markdown import DOCS, blocks, pages, read
from tests.support.paths import ROOT
from tests.support.served import SMALL, Driver
from tuner.driver.drive import submit
from tuner.ledger.store import Ledger
from tuner.spec.study import parse_spec

HOW_TO = DOCS / "how-to"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *pages()]
PLAYED_BELOW = {  # pages that have something to run, and need nothing before
    "README.md",
    "docs/how-to/cluster.md",
    "docs/how-to/mlflow.md",
    "docs/how-to/notifications.md",
    "docs/how-to/own-model.md",
    "docs/how-to/own-task.md",
    "docs/how-to/use-the-estimators.md",
    "docs/how-to/write-a-study.md",
}
PREPARED = {  # those that need something, each with a test of its own
    "docs/how-to/export-results.md",
    "docs/how-to/resume.md",
    "docs/how-to/serve.md",
    "docs/tutorial.md",
}
TINY = {
    "name": "tiny",
    "task": "sbn",
    "dataset": "digits",
    "search": {"strategy": "grid", "tau_f": [0.0, 0.5], "tau_b": [0.5]},
    "seeds": 1,
    "epochs": 1,
    "extend": False,
    "refine": False,
    "options": {"units": [8]},
}


def named(page):
    return page.relative_to(ROOT).as_posix()


@pytest.fixture
def reader(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return Reader(tmp_path)


@pytest.fixture
def ledger(tmp_path):
    """The ledger of a reader who has set nothing."""
    with closing(Ledger(f"sqlite:///{tmp_path}/.tuner/ledger.db")) as ledger:
        yield ledger


# --- which pages are played


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_blocks_have_a_language_and_what_is_not_run_says_why(page):
    for block in blocks(page):
        assert block.language in LANGUAGES, f"{named(page)}:{block.line}"
        assert block.not_run is None or len(block.not_run.split()) > 3
    assert read(page).count("<!-- not run:") == sum(block.not_run is not None for block in blocks(page))


def test_every_page_with_something_to_run_is_played():
    has_some = {
        named(page) for page in PAGES for block in blocks(page) if block.language in ("bash", "python")
    }
    assert has_some == PLAYED_BELOW | PREPARED


# --- playing them


@pytest.mark.parametrize("page", sorted(PLAYED_BELOW - {"docs/how-to/own-task.md"}))
def test_the_page_does_what_it_says(page, reader):
    reader.play(ROOT / page)


def test_the_page_on_a_task_of_ones_own_does_what_it_says(reader, tmp_path):
    info = tmp_path / "codebook_task-0.1.0.dist-info"  # as its package leaves it when it is installed
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: codebook-task\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[trainables.tasks]\ncodebook = codebook_task:Codebook\n")
    reader.play(HOW_TO / "own-task.md")


def test_the_page_on_results_does_what_it_says(reader, ledger, capsys):
    study = submit(ledger, parse_spec(SMALL))
    Driver(SimpleNamespace(ledger=ledger), study).finish()
    reader.play(HOW_TO / "export-results.md")
    assert re.search(r"^off_diagonal 0\.\d \d", capsys.readouterr().out, re.MULTILINE)
    assert {file.name for file in (reader.folder / "my-report").iterdir()} >= {
        "report.html",
        "results.json",
        "landscape.png",
        "curves.png",
        "vector",
    }


def test_the_page_on_the_service_does_what_it_says(served, monkeypatch):
    work = served.home / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    Reader(work, served.home, {"http://127.0.0.1:8000": served.address.rstrip("/")}).play(HOW_TO / "serve.md")
    assert {study.name: study.state for study in served.ledger.list_studies()} == {
        "sbn-digits": "cancelled",
        "small": "queued",
        "from Python": "cancelled",
    }


@pytest.mark.stack
@pytest.mark.timeout(900)  # a study and five processes more, on a machine that may be busy
def test_the_page_on_resuming_does_what_it_says(reader, ledger):
    study = submit(ledger, parse_spec(TINY))
    ledger.release(ledger.acquire(study, {}), "interrupted", "stopped by the user")
    reader.play(HOW_TO / "resume.md")
    assert ledger.study(study).state == "succeeded"


@pytest.mark.stack
@pytest.mark.timeout(900)
def test_the_tutorial_finds_the_verdict_that_it_shows(reader, capsys):
    reader.play(DOCS / "tutorial.md")
    *_, verdict, best, accuracy = capsys.readouterr().out.splitlines()  # printed by its programs
    assert verdict == "off the diagonal"
    assert best.startswith("decoupled(tau_f=")
    assert float(re.fullmatch(r"tensor\((0\.\d+)\)", accuracy)[1]) > 0.9


# --- commands that are only read


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_commands_have_the_verbs_and_options_that_are_written(page):
    for block in blocks(page):
        for line in block.text.replace("\\\n", " ").splitlines() if block.language == "bash" else ():
            words = shlex.split(line, comments=True)
            if "tuner" in words and not {"docker", "kubectl"} & set(words):
                parsed(cli, words[words.index("tuner") + 1 :])
    for verb in re.findall(r"`tuner ([a-z]+)", read(page)):
        assert verb in cli.commands


def parsed(command, words):
    """Parses a command line as click would, without running it."""
    if isinstance(command, click.Group):
        _, inner, rest = command.resolve_command(click.Context(command), list(words))
        parsed(inner, rest)
    else:
        command.make_context(command.name, list(words))


@pytest.mark.parametrize("line", ["run", "run a.yaml --no-such-option", "keys frobnicate", "trials a b"])
def test_a_command_line_that_does_not_exist_is_seen(line):
    with pytest.raises(click.UsageError):
        parsed(cli, line.split())


def test_the_targets_of_make_that_are_shown_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for page in PAGES:
        shown = set(re.findall(r"(?:`|^ *|\n)make ([a-z-]+)", read(page)))
        assert shown <= targets, named(page)


def test_the_shape_of_an_output_keeps_its_words_and_forgets_its_numbers():
    a = "method   fresh seeds\ndecoupled  0.12 ± 0.3\nverdict: off\nclaim C3: undecided (1 of 2)\nreport /a/b"
    b = "method fresh  seeds\ndecoupled 1e-3 ± 4\nverdict: off\nclaim C3: supported\nreport /c/d/e"
    assert shape(a) == shape(b)
    assert shape(a) != shape(b.replace("off", "on"))
