"""The page's list of studies: searched, sorted, tagged, compared."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.served import CHROMIUM, MISSING_BROWSER, Driver

HOSTILE = '<img src="x" onerror="document.title=1">'
pytestmark = [pytest.mark.timeout(120), pytest.mark.skipif(CHROMIUM is None, reason=MISSING_BROWSER or "")]


def test_the_list_is_searched_filtered_and_sorted(page, served):
    studies = [served.create(name=f"study-{n:02d}") for n in range(28)]
    Driver(served, studies[0]).finish()
    page.goto(served.address)
    page.reload()
    rows = page.locator(".studies tbody tr")
    expect(rows).to_have_count(25)
    expect(rows.first).to_contain_text("study-27")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("26 to 28 of 28 studies")).to_be_visible()
    expect(rows.last).to_contain_text("Off the diagonal")
    page.get_by_role("button", name="Study", exact=True).click()
    expect(rows.first).to_contain_text("study-00")
    first = page.get_by_role("row", name="study-00")
    expect(first).to_contain_text("0.1, 0.5")
    expect(first).to_contain_text("grid")
    page.get_by_role("button", name="Gain, 95 % CI").click()
    expect(rows.first).to_contain_text("study-00")  # the only one that has a gain
    page.get_by_role("combobox", name="State").select_option("succeeded")
    expect(rows).to_have_count(1)
    page.get_by_role("combobox", name="State").select_option("failed")
    expect(page.get_by_text("No study is failed.")).to_be_visible()
    page.get_by_role("combobox", name="State").select_option("")
    page.get_by_label("Search").fill("DY-1")
    expect(rows).to_have_count(10)
    page.get_by_label("Search").fill("nowhere")
    expect(
        page.get_by_text("No study has this in its name, id, task, dataset, tags or comment.")
    ).to_be_visible()


def test_tags_and_a_comment_are_written(page, served):
    study = served.create()
    served.create(name="another")
    page.goto(f"{served.address}#/studies/{study}")
    page.get_by_role("button", name="Edit tags and comment").click()
    expect(page.get_by_label("Tags")).to_be_focused()
    page.get_by_label("Tags").fill("paper, seeds, paper,")
    page.get_by_label("Comment").fill(HOSTILE)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name="Edit tags and comment")).to_be_focused()
    expect(page.locator(".tag")).to_have_text(["paper", "seeds"])
    expect(page.locator(".comment")).to_have_text(HOSTILE)
    assert served.ledger.study(study).tags == ("paper", "seeds")
    page.get_by_role("button", name="Edit tags and comment").click()
    page.get_by_label("Tags").fill("x" * 60)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".remarks-form [role=alert]")).not_to_be_empty()
    page.get_by_role("button", name="Leave as it was").click()
    page.goto(served.address)
    page.get_by_label("Search").fill("SEEDS")
    expect(page.locator(".studies tbody tr")).to_have_count(1)
    expect(page.locator(".studies tbody tr")).to_contain_text("paper")


def test_studies_are_compared(page, served):
    found = {"tau_f": [0.1, 0.5], "tau_b": [0.1, 0.5, 1.0], "strategy": "grid"}
    studies = [served.create(name=f"batch-{n}", batch_size=n, search=found) for n in (16, 64)]
    for study in studies:
        Driver(served, study).finish()
    page.goto(served.address)
    page.reload()
    expect(page.get_by_role("link", name="Compare 2 studies")).to_be_hidden()
    page.get_by_label("Compare batch-16").check()
    page.get_by_label("Compare batch-64").check()
    page.get_by_role("link", name="Compare 2 studies").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Comparison")
    differing = page.get_by_role("region", name="Table of what differs")
    expect(differing.locator("tbody tr")).to_have_count(1)
    expect(differing).to_contain_text(re.compile(r"batch_size\s*16\s*64"))
    expect(
        page.get_by_role("region", name="Table of what the studies found").locator("tbody tr")
    ).to_have_count(2)
    expect(page.get_by_role("slider", name="Optimum over batch size")).to_have_attribute(
        "aria-valuenow", "64"
    )
    expect(page.get_by_role("grid")).to_have_count(2)
    page.get_by_label("Best trial of").select_option("identity")
    expect(page.get_by_role("region", name="Learning curves").get_by_role("listitem")).to_have_count(2)


def test_an_empty_list_says_how_to_begin(page):
    expect(page.get_by_text("There is no study yet.")).to_be_visible()
