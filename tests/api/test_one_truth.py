"""The verdict of a study is told in the same words by the list, the page, the API, the command line, the
report and MLflow, whatever became of the study.
"""

import pytest
from click.testing import CliRunner
from playwright.sync_api import expect

from api.cli import cli
from api.client import Client
from tests.support.served import CHROMIUM, MISSING_BROWSER, Served, opened
from tests.support.stages import STAGES, lasting_leases
from trainables.tasks import task_metrics
from tuner.evidence.analysis import results
from tuner.evidence.report import write_report
from tuner.tracking.content import note

HEADLINES = {
    "running": "no verdict: still running",
    "extending": "no verdict: still running",
    "confirming": "no verdict: still running",
    "cancelled early": "no verdict: cancelled",
    "cancelled late": "no verdict: cancelled",
    "interrupted": "no verdict: interrupted",
    "failed": "no verdict: failed",
    "all diverged": "no verdict: failed",
    "off the diagonal": "off the diagonal",
    "on the diagonal": "on the diagonal",
    "practically on": "practically on the diagonal",
    "undecided": "undecided",
    "mixed": "mixed",
    "no diagonal": "no verdict: nothing to compare",
    "not confirmed": "no verdict: not confirmed on fresh seeds",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    service = Served(tmp_path_factory.mktemp("home"))
    yield service
    service.stop()
    service.ledger.close()


@pytest.fixture(scope="module")
def studies(served):
    """The id of each stage's study."""
    with lasting_leases():
        return {name: STAGES[name].played(served.ledger, served.create, name) for name in HEADLINES}


@pytest.fixture(scope="module")
def found(served, studies):
    """The results of each, as the evidence has them."""
    rows = {name: served.ledger.study(study) for name, study in studies.items()}
    return {
        name: results(row, served.ledger.trials(row.id), served.ledger.stream(row.id), metrics=METRICS)
        for name, row in rows.items()
    }


METRICS = task_metrics("sbn")


def capital(text):
    return text[0].upper() + text[1:]


def test_every_stage_has_its_headline(found):
    assert {name: one.headline for name, one in found.items()} == HEADLINES


def test_a_stage_is_the_same_whatever_the_id_of_its_study(served, studies):
    with lasting_leases():
        other = STAGES["undecided"].played(served.ledger, served.create, "another")
    one, two = (served.ledger.trials(study) for study in (studies["undecided"], other))
    assert [t.objective for t in one] == [t.objective for t in two]
    assert [t.seeds for t in one] != [t.seeds for t in two]


def test_the_service_and_the_command_line_say_it(served, studies, found, monkeypatch):
    with Client(served.address.rstrip("/")) as client:
        listed = {study["id"]: study for study in client.studies()}
        for name, study in studies.items():
            answer = client.results(study)
            assert (answer["headline"], answer["verdict_reason"]) == (
                found[name].headline,
                found[name].verdict_reason,
            )
            assert listed[study]["headline"] == HEADLINES[name]
    monkeypatch.setenv("TUNER_HOME", str(served.home))
    for name, study in studies.items():
        for more in ([], ["--server", served.address.rstrip("/")]):
            said = CliRunner().invoke(cli, ["results", study, *more]).output
            assert f"\n{found[name].verdict_line}\n  {found[name].verdict_reason}\n" in said, (name, more)


def test_the_report_and_mlflow_say_it(served, studies, found, tmp_path, monkeypatch):
    # Its figures, which say nothing of it, would be drawn for seconds.
    monkeypatch.setattr("tuner.evidence.figures.study_figures.gallery", lambda *_, **__: {})
    for name in ("confirming", "cancelled late", "off the diagonal"):
        row = served.ledger.study(studies[name])
        trials, stream = served.ledger.trials(row.id), served.ledger.stream(row.id)
        page, *_ = write_report(row, trials, stream, tmp_path / name, artifacts=tmp_path, metrics=METRICS)
        said = f"<strong>{capital(HEADLINES[name])}.</strong><br>{capital(found[name].verdict_reason)}."
        assert said in page.read_text()
    for name, study in studies.items():
        said = f"**{capital(HEADLINES[name])}.** {capital(found[name].verdict_reason)}."
        assert note("1", served.ledger.study(study), found[name]).startswith(said)


@pytest.mark.skipif(CHROMIUM is None, reason=MISSING_BROWSER or "")
@pytest.mark.timeout(120)
def test_the_page_says_it(browser, served, studies, found):
    moving = {"running", "extending", "confirming", "interrupted"}  # whose row shows how far they are
    with opened(browser, served.address) as page:
        for name in studies:
            row = page.get_by_role("row").filter(has=page.get_by_role("link", name=name, exact=True))
            expect(row.locator(".row-verdict")).to_have_text(
                "" if name in moving else capital(HEADLINES[name])
            )
        for name, study in studies.items():
            page.goto(f"{served.address}#/studies/{study}")
            verdict = page.get_by_role("region", name="Verdict")
            expect(verdict.get_by_role("heading", level=2)).to_have_text(capital(HEADLINES[name]))
            said = capital(found[name].verdict_reason).replace("tau_f", "τf").replace("tau_b", "τb")
            expect(verdict.locator(".because")).to_have_text(f"{said}.")
