"""What a user meets in MLflow: from our page's links, in a real browser, on a real MLflow server.

The shared views have the private format of MLflow's page: this fails when MLflow changes it.
"""

import re

import pytest
from playwright.sync_api import expect

from tests.support.patience import patient
from tests.support.served import CHROMIUM, MISSING_BROWSER, Driver, Served
from tuner.tracking.projector import Projector
from tuner.tracking.server import MlflowServer

pytestmark = [
    pytest.mark.stack,
    pytest.mark.timeout(patient(240)),
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING_BROWSER or ""),
]


@pytest.fixture(scope="module")
def mlflow(tmp_path_factory):
    from tuner.network import any_free_port

    server = MlflowServer(tmp_path_factory.mktemp("mlflow"), any_free_port())
    server.wait_until_ready()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def served(tmp_path_factory, mlflow):
    """Two finished studies, sent to MLflow."""
    made = Served(tmp_path_factory.mktemp("service"), mlflow_uri=mlflow.uri)
    for name in ("first", "second"):
        study = made.create(name=name)
        Driver(made, study).finish()
        projector = Projector(made.ledger, study, mlflow.uri)
        while not projector.sync():
            pass
        projector.publish([], made.home / "none")
        assert projector.problem is None
    yield made
    made.stop()
    made.ledger.close()


def followed(page, name):
    """The page that a link opens in a tab of its own."""
    with page.expect_popup() as opened:
        page.get_by_role("link", name=name).click()
    return opened.value


@pytest.fixture
def page(browser, served):
    session = browser.new_context(viewport={"width": 1440, "height": 1000})
    opened = session.new_page()
    opened.set_default_timeout(1000 * patient(40))
    expect.set_options(timeout=1000 * patient(40))
    opened.goto(served.address)
    yield opened
    session.close()


def charts(there):
    """What stands in the first section of MLflow's charts: its heading and the charts' texts."""
    expect(there.locator(".js-plotly-plot").first).to_be_visible()
    text = there.locator("body").inner_text()
    return text[text.index("New run") :]


def test_the_first_chart_of_a_study_is_its_objective(page):
    page.get_by_role("link", name="first", exact=True).click()
    there = followed(page, "Compare its trials in MLflow")
    expect(there.get_by_text("Objective: val_loss")).to_be_visible()
    for drawn in ("f0.1 b0.5 (val_loss)", "tau_f vs. tau_b vs. val_loss", "Parallel Coordinates"):
        expect(there.get_by_text(drawn)).to_be_visible()
    assert re.match(r"(?s)New run\s.*Objective: val_loss\s+\(3\)\s+Add chart\s+val_loss\s", charts(there))
    assert "6 matching runs" in charts(there)  # the search, and nothing else


def test_the_optima_of_all_studies_are_compared(page):
    there = followed(page, "All optima in MLflow")
    expect(there.get_by_text("tau_f vs. tau_b")).to_be_visible()
    expect(there.get_by_text("Gain and its interval")).to_be_visible()
    found = charts(there)
    assert found.index("Optima off the diagonal") < found.index("Gain and its interval")
    for drawn in ("first off_diagonal", "second off_diagonal", "2 matching runs", "gain_low", "gain_high"):
        assert drawn in found
    assert "No chart data" not in found
