"""A study on the page, from the form to the verdict: a real browser, the real API, and a ledger that the
test fills as a driver would.
"""

import re

import pytest
from playwright.sync_api import expect

from tests.support.served import CHROMIUM, MISSING_BROWSER, Driver
from tuner.ledger.methods import Segment, Variant
from tuner.ledger.rows import Proposal
from tuner.ledger.study_queue import StudyQueue

HOSTILE = '<img src="x" onerror="document.title=1">'
pytestmark = [pytest.mark.timeout(120), pytest.mark.skipif(CHROMIUM is None, reason=MISSING_BROWSER or "")]


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr("api.answers.events.EVERY_S", 0.1)  # that the service looks for something new


def cells(page, kind):
    return page.locator(f".cell.{kind}")


def test_a_study_is_submitted_watched_and_judged(page, served):
    page.get_by_role("link", name="New study").first.click()
    page.get_by_label("Start from").select_option("sbn-digits")
    page.get_by_label("Forward temperatures").fill("0.1, 0.5")
    page.get_by_label("Backward temperatures").fill("0.1, 0.5, 1")
    page.get_by_label("Seeds", exact=True).fill("2")
    page.get_by_label("Fresh seeds").fill("3")
    page.get_by_label("ST-GS").uncheck()
    page.get_by_label("softmax ST", exact=True).uncheck()
    plan = page.get_by_role("complementary", name="What it will train")
    expect(plan).to_contain_text("26 models to train")  # 7 trials x 2 seeds, 3 x 3, the control x 3
    expect(plan).to_contain_text("7 trials on 2 seeds")
    page.get_by_role("button", name="Start the study").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("sbn-digits")
    expect(page.locator(".badge").first).to_have_text("queued")
    expect(cells(page, "absent")).to_have_count(6)
    page.evaluate("window.sameDocument = true")

    driver = Driver(served, served.ledger.find_study("latest").id)
    trials = driver.start(driver.search(), driver.spec.search_seeds)
    expect(page.locator(".badge").first).to_have_text("running")
    expect(cells(page, "waiting")).to_have_count(6)
    driver.report(trials, 1)
    expect(cells(page, "partial")).to_have_count(6)
    expect(page.locator(".legend")).to_contain_text("at epoch 2, which all under way have reached")
    training = "trials 0 to 6 of the search and of the baselines: epoch 4 of 40"
    expect(page.locator(".training")).to_have_text(training)
    before = page.get_by_role("gridcell", name="τf 0.1, τb 0.5").get_attribute("aria-label")
    driver.report(trials, 10, final=True)
    expect(cells(page, "done")).to_have_count(6)
    expect(page.get_by_role("gridcell", name="the optimum")).not_to_have_attribute("aria-label", before)
    expect(page.get_by_role("heading", name="No verdict: still running")).to_be_visible()

    confirmed = driver.start(driver.best(), driver.fresh_seeds, "c")
    driver.report(confirmed, 10, final=True)
    served.ledger.release(driver.lease, "succeeded")
    verdict = page.get_by_role("region", name="Verdict")
    expect(verdict.get_by_role("heading")).to_have_text("Off the diagonal")
    expect(verdict).to_contain_text(re.compile(r"over 3 fresh seeds .* excludes 0"))
    label = page.get_by_role("gridcell", name="the optimum").get_attribute("aria-label")
    trial = next(
        t for t in served.ledger.trials(driver.study) if (t.role, t.tau_f, t.tau_b) == ("search", 0.1, 0.5)
    )
    assert label.startswith(f"τf 0.1, τb 0.5, validation loss {trial.mean:.4f} ± ")
    assert page.evaluate("window.sameDocument") is True  # all of it without loading the page again
    expect(page.get_by_role("region", name="Table of methods")).to_contain_text(
        "Decoupled ST, off the diagonal"
    )


def test_another_study_is_cancelled_after_a_question(page, served):
    study = served.create()
    page.goto(f"{served.address}#/studies/{study}")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Let it run").click()
    expect(page.get_by_role("button", name="Cancel")).to_be_enabled()
    assert served.ledger.study(study).state == "queued"
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Cancel the study").click()
    expect(page.locator(".badge").first).to_have_text("cancelled")
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    assert served.ledger.study(study).state == "cancelled"


def test_a_cancelled_study_keeps_what_it_had(page, served):
    study = served.create()
    driver = Driver(served, study)
    trials = driver.start(driver.search(), driver.spec.search_seeds)
    for interval in (1, 2):
        driver.report(trials, interval)
    queue = StudyQueue(served.ledger)
    queue.cancel(study)
    queue.end_cancelled(driver.lease)
    page.goto(f"{served.address}#/studies/{study}")
    expect(page.get_by_role("heading", name="No verdict: cancelled")).to_be_visible()
    expect(cells(page, "partial")).to_have_count(6)
    expect(page.get_by_role("gridcell", name="τf 0.1, τb 0.5")).to_have_accessible_name(
        re.compile("at epoch 4, stopped at epoch 4")
    )
    curves = page.get_by_role("region", name="Learning curves")
    expect(curves).to_contain_text("mean over the 2 seeds of the search")
    expect(curves).to_contain_text("The study was stopped at epoch 4.")
    expect(page.get_by_role("slider", name="Learning curves")).to_have_attribute("aria-valuenow", "4")
    page.goto(served.address)
    expect(page.get_by_role("row", name="small")).to_contain_text("No verdict: cancelled")


def test_a_clock_ticks_while_a_study_runs(page, served):
    study = served.create()
    driver = Driver(served, study)
    driver.report(driver.start(driver.search(), driver.spec.search_seeds), 1)
    page.goto(f"{served.address}#/studies/{study}")
    clock = page.locator(".progress-text").nth(1)
    expect(clock).to_contain_text("s so far · about")
    before = clock.text_content()
    expect(clock).not_to_have_text(before)


def test_a_failed_study_says_why_and_is_resumed(page, served):
    study = served.create()
    Driver(served, study).fail()
    page.goto(f"{served.address}#/studies/{study}")
    expect(page.get_by_text("Every trial failed.")).to_be_visible()
    expect(cells(page, "void")).to_have_count(6)
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Resume it").click()
    expect(page.locator(".badge").first).to_have_text("queued")
    assert served.ledger.study(study).state == "queued"


def test_what_the_results_carry_is_shown(page, served):
    study = served.create(control="rescaled")
    driver = Driver(served, study)
    driver.report(driver.start(driver.search(), driver.spec.search_seeds), 4, final=True)
    driver.report(driver.start(driver.best(), driver.fresh_seeds, "c"), 4, final=True)
    twin = Proposal(
        "control", "decoupled", 1.0, 5.0, driver.spec.learning_rates[0], Variant(logit_scale=10.0)
    )
    driver.report(driver.start([twin], driver.fresh_seeds, "t"), 4, final=True)
    served.ledger.release(driver.lease, "succeeded")
    page.goto(f"{served.address}#/studies/{study}")
    expect(page.get_by_role("region", name="Table of the test set")).to_contain_text("0.3000 ± 0.0577")
    expect(page.get_by_role("region", name="Rescaling control")).to_contain_text(
        "ends further from the original than half of the gain"
    )
    expect(page.get_by_role("slider", name="Forward temperature")).to_have_attribute("aria-valuenow", "0.1")
    equal = page.get_by_role("slider", name="As many trials on both sides")  # two are on the diagonal
    expect(equal).to_have_attribute("aria-valuenow", "2")
    expect(equal).to_have_attribute("aria-valuetext", re.compile(r"k = 2: Off the diagonal .*; On the diag"))
    expect(
        page.get_by_role("region", name="Table of gains").locator("tr", has_text="Identity ST")
    ).to_contain_text("better")
    expect(page.get_by_role("region", name="Table of trials")).to_contain_text("logit layer × 10")
    expect(page.locator("#section-schedule")).to_be_hidden()

    bounds = {"tau_f": {"low": 0.0, "high": 1.0}, "tau_b": {"low": 0.1, "high": 1.0}}
    study = served.create(search={"strategy": "pbt", "trials": 4, "rounds": 2} | bounds)
    driver = Driver(served, study)
    variant = Variant(schedule=(Segment(0.0, 0.1, 0.5, 0.001), Segment(4.0, 0.0, 0.4, 0.002)))
    driver.report(
        driver.start([Proposal("search", "decoupled", 0.1, 0.5, 0.001, variant)], driver.spec.search_seeds),
        4,
        final=True,
    )
    page.goto(f"{served.address}#/studies/{study}")
    expect(page.get_by_role("region", name="Table of the schedule").locator("tbody tr").last).to_contain_text(
        re.compile(r"4\s*0\s*0\.4\s*0\.002")
    )
    expect(page.get_by_role("region", name="Table of trials")).to_contain_text("schedule of 2 parts")
    expect(page.get_by_role("region", name="Table of trajectories")).to_contain_text("0.1, 0.5 → 0, 0.4")


def test_trials_beyond_the_page_are_said_to_be_there(page, served):
    study = served.create()

    def thousand(route):
        fields = {
            "role": "search",
            "estimator": "decoupled",
            "tau_f": 0.1,
            "tau_b": 0.5,
            "lr": 0.001,
            "state": "succeeded",
        }
        items = [{"number": n, **fields, "reason": None, "mean": 1.0, "sem": 0.1} for n in range(1000)]
        route.fulfill(json={"items": items, "next": "more"})

    page.route("**/trials?*", thousand)
    page.goto(f"{served.address}#/studies/{study}")
    expect(page.get_by_text("The first 5,000 trials are shown.")).to_have_count(2)


def test_names_and_reasons_are_text(page, served):
    study = served.create(name=HOSTILE)
    driver = Driver(served, study)
    served.ledger.release(driver.lease, "failed", HOSTILE)
    page.goto(served.address)
    page.get_by_role("link", name=HOSTILE).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    expect(page.locator(".reason-line")).to_contain_text(HOSTILE)
    assert page.locator("main img").count() == 0
    assert page.title() == f"{HOSTILE} · Straight-through tuner"


def test_a_thousand_trials_are_sorted_and_turned(page, served):
    values = {
        "tau_f": {"low": 0.0, "high": 2.0, "step": 0.1},
        "tau_b": {"low": 0.1, "high": 2.0, "step": 0.19},
    }
    study = served.create(search={"strategy": "grid"} | values, learning_rates=[0.0003, 0.001, 0.003, 0.01])
    Driver(served, study).finish()
    means = sorted(t.mean for t in served.ledger.trials(study))
    assert len(means) > 920
    page.goto(f"{served.address}#/studies/{study}")
    rows = page.locator(".trials tbody tr")
    expect(rows).to_have_count(25)
    expect(cells(page, "done")).to_have_count(21 * 11)
    page.get_by_role("button", name="Validation loss", exact=True).click()
    expect(rows.first).to_contain_text(f"{means[0]:.4f}")
    page.get_by_role("button", name="Validation loss", exact=True).click()
    expect(rows.first).to_contain_text(f"{means[-1]:.4f}")
    expect(page.get_by_role("columnheader", name="Validation loss", exact=True)).to_have_attribute(
        "aria-sort", "descending"
    )
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text(f"26 to 50 of {len(means)} trials")).to_be_visible()
