"""Texts of the page, in a real browser, that once misled readers."""

import re

import pytest
from playwright.sync_api import expect

from tests.support.served import CHROMIUM, MISSING_BROWSER, Driver
from tests.support.stages import SEARCHES, finished

pytestmark = [pytest.mark.timeout(120), pytest.mark.skipif(CHROMIUM is None, reason=MISSING_BROWSER or "")]


def test_the_verdict_names_the_pairs_that_it_is_about(page, served):
    """The best of the search may be argmax, which the verdict is not about."""
    study = finished(search=SEARCHES["sequential"]).played(served.ledger, served.create, "sequential")
    page.goto(f"{served.address}#/studies/{study}")
    found = page.request.get(f"{served.address}studies/{study}/results").json()
    assert found["best"]["tau_f"] == 0
    pairs = page.get_by_role("region", name="Verdict").locator(".best > div")
    for place, (name, key) in enumerate(
        {
            "off the diagonal": "off_diagonal_best",
            "on the diagonal": "diagonal_best",
            "with argmax": "argmax_best",
        }.items()
    ):
        pair = f"τf {found[key]['tau_f']:.3g}, τb {found[key]['tau_b']:.3g}"
        expect(pairs.nth(place)).to_have_text(f"Best {name}{pair}learning rate 0.001")


def test_what_failed_is_not_said_to_have_no_finite_value(page, served):
    study = served.create()
    Driver(served, study).fail()
    page.goto(f"{served.address}#/studies/{study}")
    expect(page.locator(".legend")).to_contain_text("no value: failed or diverged")
    expect(page.get_by_text("No trial has succeeded.")).to_be_visible()


def test_a_strategy_of_lists_keeps_the_list_and_bounds_become_steps(page, served):
    page.goto(f"{served.address}#/new")
    forward, strategy = page.get_by_label("Forward temperatures"), page.get_by_label("Strategy")
    before = forward.input_value()
    assert re.fullmatch(r"0, 0\.1, .*", before)
    expect(page.get_by_text("Like 0, 0.3, 0.5 or 0 to 2 step 0.1. 0 is argmax.")).to_be_visible()
    strategy.select_option("sequential")
    expect(forward).to_have_value(before)
    strategy.select_option("gp")
    expect(forward).to_have_value("0 to 1")
    strategy.select_option("grid")
    expect(forward).to_have_value("0 to 1 step 0.1")
    expect(page.get_by_role("complementary", name="What it will train")).to_contain_text("models to train")
    expect(page.locator("[aria-invalid=true]")).to_have_count(0)
