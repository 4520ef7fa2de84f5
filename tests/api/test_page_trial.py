"""A trial's own page, and the files that a study and its trials have left."""

import base64
import re

import pytest
from playwright.sync_api import expect

from tests.support.served import CHROMIUM, MISSING_BROWSER, Driver

# A picture of one pixel.
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
pytestmark = [pytest.mark.timeout(120), pytest.mark.skipif(CHROMIUM is None, reason=MISSING_BROWSER or "")]


def test_a_trial_has_a_page_of_its_own(page, served):
    study = served.create()
    Driver(served, study).finish()
    page.goto(f"{served.address}#/studies/{study}")
    page.get_by_role("gridcell", name="the optimum").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Trial 1")
    assert page.url.endswith(f"#/studies/{study}/trials/1")
    slider = page.get_by_role("slider", name="Curves")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"Mean .*; Seed 0 .*; Seed 1"))
    page.get_by_role("link", name="trial 7 (confirm)").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Trial 7")
    expect(page.get_by_role("region", name="Table of metrics")).to_contain_text("Test loss")
    page.get_by_role("button", name="Test loss").click()
    expect(page.get_by_role("combobox", name="Metric")).to_have_value("test_loss")
    page.get_by_role("link", name="‹ small").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("small")
    page.goto(f"{served.address}#/studies/{study}/trials/99")
    expect(page.get_by_text("The study has no trial 99.")).to_be_visible()


def test_a_trial_shows_what_it_has_left_and_files_are_saved(page, served):
    from api.settings import ServiceSettings

    study = served.create()
    Driver(served, study).finish()
    folder = ServiceSettings(home=served.home).artifacts_folder(study) / "trial-7"
    folder.mkdir(parents=True)
    (folder / "model.pt").write_bytes(b"weights")
    (folder / "reconstructions.png").write_bytes(PIXEL)
    page.goto(f"{served.address}#/studies/{study}")
    files = page.get_by_role("region", name="Files", exact=True)
    for name in ("trials.csv", "spec.yaml", "model.pt"):
        with page.expect_download() as saved:
            files.get_by_role("button", name=name).click()
        assert saved.value.suggested_filename.endswith(name)
    assert saved.value.path().read_bytes() == b"weights"
    with page.expect_download() as saved:
        files.get_by_role("button", name="SVG").first.click()
    assert saved.value.suggested_filename == f"{study}-figures-landscape.svg"
    files.get_by_role("link", name="Trial 7").click()
    picture = page.get_by_role("img", name="reconstructions")
    expect(picture).to_have_js_property("naturalWidth", 1)
    expect(page.get_by_text("7 B")).to_be_visible()
