"""The page is used with the keyboard alone."""

import json
import re

import pytest
from playwright.sync_api import expect

from tests.support.served import CHROMIUM, MISSING_BROWSER, Driver

pytestmark = [pytest.mark.timeout(120), pytest.mark.skipif(CHROMIUM is None, reason=MISSING_BROWSER or "")]


def test_figures_are_read_with_the_keyboard(page, served):
    study = served.create()
    Driver(served, study).finish()
    page.goto(f"{served.address}#/studies/{study}")
    first = page.get_by_role("gridcell", name="τf 0.1, τb 1")
    first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("gridcell", name="τf 0.5, τb 1")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("gridcell", name="τf 0.5, τb 0.5")).to_be_focused()
    expect(page.locator(".tip")).to_contain_text("on the diagonal")
    slider = page.get_by_role("slider", name="Learning curves")
    expect(slider).to_have_attribute("aria-valuenow", "8")
    slider.focus()
    page.keyboard.press("Home")
    expect(slider).to_have_attribute("aria-valuenow", "4")
    page.get_by_role("gridcell", name="τf 0.1, τb 0.5").hover()
    expect(page.locator(".tip")).to_contain_text("the optimum")


def tab_to(page, text):
    """Presses Tab until what has the focus says this, and is seen to have it."""
    now = tab_until(page, f"e => (e.innerText ?? '').trim() === {json.dumps(text)}")
    assert now.evaluate("e => getComputedStyle(e).outlineStyle") != "none"


def tab_until(page, condition):
    """Presses Tab until a condition holds for what has the focus; that."""
    for _ in range(160):
        page.keyboard.press("Tab")
        now = page.locator("*:focus")
        if now.count() and now.evaluate(condition):
            return now
    raise AssertionError(f"Tab comes to nothing of which {condition} holds")


def test_a_study_is_started_and_cancelled_with_the_keyboard_alone(page):
    tab_to(page, "New study")
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary", name="What it will train")).to_contain_text("models to train")
    tab_to(page, "Start the study")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("sbn-digits")
    tab_to(page, "Cancel")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Let it run")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Cancel", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, "Cancel the study")
    page.keyboard.press("Enter")
    expect(page.locator(".badge").first).to_have_text("cancelled")
    tab_to(page, "Edit tags and comment")
    page.keyboard.press("Enter")
    page.keyboard.type("by-keyboard")
    tab_to(page, "Save")
    page.keyboard.press("Enter")
    expect(page.locator(".tag")).to_have_text(["by-keyboard"])
    tab_to(page, "Studies")
    page.keyboard.press("Enter")
    expect(page.get_by_role("row", name="sbn-digits")).to_contain_text("by-keyboard")


def test_a_trial_a_comparison_and_what_is_not_there_are_reached_with_the_keyboard_alone(page, served):
    for name in ("first", "second"):
        Driver(served, served.create(name=name)).finish()
    page.reload()
    expect(page.get_by_role("checkbox")).to_have_count(2)
    for _ in range(2):
        tab_until(page, "e => e.type === 'checkbox' && !e.checked")
        page.keyboard.press("Space")
    tab_to(page, "Compare 2 studies")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Comparison")
    tab_to(page, "first")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("first")
    tab_until(page, "e => e.classList.contains('cell')")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Trial"))
    tab_to(page, "Validation loss (nats)")
    page.keyboard.press("Enter")
    expect(page.locator("#metric-choice")).to_be_focused()
    page.goto(f"{page.url}999")
    expect(page.get_by_role("heading", name="Not there")).to_be_focused()
    tab_to(page, "To its study")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("first")
