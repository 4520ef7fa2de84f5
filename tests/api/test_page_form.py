"""The page's form in a real browser: its fields and its text are one spec, and errors stand beside the
fields.
"""

import re

import pytest
from playwright.sync_api import expect

from tests.support.served import CHROMIUM, MISSING_BROWSER, Driver
from tuner.ledger.rows import Proposal

pytestmark = [pytest.mark.timeout(120), pytest.mark.skipif(CHROMIUM is None, reason=MISSING_BROWSER or "")]


def test_errors_stand_at_their_fields(page, served):
    page.goto(f"{served.address}#/new")
    field = page.get_by_label("Backward temperatures")
    field.fill("0, 0.5")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#field-search-tau_b-error")).to_contain_text("Must be greater than 0")
    page.get_by_label("Seeds", exact=True).fill("many")
    expect(page.get_by_label("Seeds", exact=True)).to_have_attribute("aria-invalid", "true")
    page.get_by_role("button", name="Start the study").click()
    summary = page.get_by_role("alert").filter(has_text="The study was not started")
    expect(summary).to_be_focused()
    summary.get_by_role("link", name="search.tau_b").click()
    expect(field).to_be_focused()
    field.fill("0.5, 1")
    page.get_by_label("Seeds", exact=True).fill("2")
    expect(page.locator("[aria-invalid=true]")).to_have_count(0)
    assert served.ledger.list_studies() == []


def test_the_fields_and_the_json_are_one_spec(page, served):
    page.goto(f"{served.address}#/new")
    expect(page.get_by_label("Name")).to_have_value("sbn-digits")
    page.get_by_text("The whole spec as JSON").click()
    area = page.get_by_label("Spec as JSON")
    page.get_by_label("Name").fill("mine")
    assert '"name": "mine"' in area.input_value()
    area.fill(
        area.input_value().replace('"mine"', '"yours"').replace('"options": {}', '"options": {"size": 3}')
    )
    expect(page.get_by_label("Name")).to_have_value("yours")
    expect(page.get_by_label("Options of the task")).to_have_value('{"size":3}')
    expect(page.locator("#field-options-error")).to_contain_text(re.compile("size", re.IGNORECASE))
    area.fill("{")
    expect(page.locator("#spec-json-errors")).to_contain_text("This is not JSON")


def test_what_adam_is_given_has_fields_and_several_values_are_searched(page, served):
    page.goto(f"{served.address}#/new")
    plan = page.locator(".plan strong").first
    expect(plan).to_be_visible()
    before = plan.text_content()
    page.get_by_label("Control", exact=True).select_option("")  # which takes no clipped gradients
    page.get_by_label("Weight decay").fill("0, 0.01")
    page.get_by_label("Clip the gradient at").fill("none, 1")
    page.get_by_label("Schedule").select_option("cosine")
    expect(plan).not_to_have_text(before)
    page.get_by_label("Betas").fill("0.9, 0.999; 0.8, 2")
    expect(page.locator("#field-optimizer-betas-error")).to_contain_text("less than 1")
    page.get_by_label("Betas").fill("0.9, 0.999; 0.8, 0.99")
    expect(page.locator("[aria-invalid=true]")).to_have_count(0)
    page.get_by_role("button", name="Start the study").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("sbn-digits")
    (study,) = served.ledger.list_studies()
    assert study.spec["optimizer"] == {
        "weight_decay": [0, 0.01], "betas": [[0.9, 0.999], [0.8, 0.99]], "clip_norm": [None, 1],
        "schedule": "cosine", "warmup": 0,
    }  # fmt: skip


def test_a_yaml_file_is_a_spec_too(page, served):
    page.goto(f"{served.address}#/new")
    expect(page.get_by_label("Name")).to_have_value("sbn-digits")
    page.get_by_text("The whole spec as JSON").click()
    area = page.get_by_label("Spec as JSON")
    errors = page.locator("#spec-json-errors")
    area.fill("preset: sbn-digits\nname: mine  # ours\nsearch: {strategy: grid, tau_f: 0.1, tau_b: [0]}\n")
    expect(errors).to_contain_text("search.tau_b: must be greater than 0")
    area.fill("name: 'mine")
    expect(errors).to_contain_text("The text is not YAML: line 1")
    page.get_by_role("button", name="Start the study").click()
    expect(page.get_by_role("alert").filter(has_text="The study was not started")).to_contain_text("not YAML")
    assert served.ledger.list_studies() == []
    area.fill("preset: sbn-digits\nname: mine  # ours\nseeds: 2\n")
    expect(page.get_by_label("Name")).to_have_value("mine")
    expect(errors).to_be_empty()
    page.get_by_label("Fresh seeds").fill("0")
    assert '"confirm_seeds": 0' in area.input_value()
    page.get_by_role("button", name="Start the study").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("mine")
    spec = served.ledger.find_study("latest").spec
    assert (spec["seeds"], spec["confirm_seeds"], spec["dataset"]) == (2, 0, "digits")


def test_a_search_between_bounds_has_its_own_fields_and_landscape(page, served):
    page.goto(f"{served.address}#/new")
    forward, backward = page.get_by_label("Forward temperatures"), page.get_by_label("Backward temperatures")
    forward.fill("0 to 2 step 0.5")
    backward.fill("0.1, 0.4, 1")
    page.get_by_label("Strategy").select_option("pbt")
    expect(forward).to_have_value("0 to 2")  # what was changed goes along
    expect(backward).to_have_value("0.1 to 1")
    expect(page.get_by_label("Trials")).to_have_value("15")
    backward.fill("0 to 1")
    expect(page.locator("#field-search-tau_b-error")).to_contain_text("Must be greater than 0")
    page.get_by_label("Rounds").fill("1")
    expect(page.locator("#field-search-rounds-error")).to_contain_text("Must be greater than or equal to 2")
    page.get_by_label("Strategy").select_option("tpe")
    page.get_by_label("Trials").fill("many")
    expect(page.locator("#field-search-trials-error")).to_contain_text("Must be a valid integer")
    backward.fill("1 to 0.1")
    expect(page.locator("#field-search-tau_b-error")).to_contain_text("Low must be less than high")
    backward.fill("0.1 to 1")
    page.get_by_label("Trials").fill("3")
    page.get_by_role("button", name="Start the study").click()
    expect(page.locator(".scatter-holder")).to_be_visible()

    driver = Driver(served, served.ledger.find_study("latest").id)
    pairs = [
        ("decoupled", 0.0, 0.9),
        ("decoupled", 0.013, 0.5),
        ("decoupled", 1.7, 0.2),
        ("softmax", 0.3, 0.3),
    ]
    found = [
        Proposal("baseline" if name == "softmax" else "search", name, f, b, 0.001) for name, f, b in pairs
    ]
    driver.report(driver.start(found, driver.spec.search_seeds), 10, final=True)
    dots = page.locator(".scatter-holder .dot")
    expect(dots).to_have_count(4)
    expect(page.get_by_role("img", name="τf 0.013, τb 0.5")).to_have_accessible_name(
        re.compile("the optimum")
    )
    expect(page.get_by_role("img", name="τf 0.3, τb 0.3")).to_have_accessible_name(
        re.compile("the best on the diagonal")
    )
    expect(page.locator(".symbol")).to_have_count(2)
    dots.first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("img", name="τf 1.7, τb 0.2")).to_be_focused()
    expect(page.locator(".tip")).to_contain_text("τf 1.7")
