"""The page in a real browser, over the real API and a ledger that the test fills as a driver would."""

import base64
import json
import re

import pytest
from playwright.sync_api import expect

from tests.support.patience import patient
from tests.support.screens import (
    CONTRAST,
    LOGIN,
    WRONG_KEY,
    Screen,
    locked,
    others,
    too_wide,
    violations,
)  # fmt: skip
from tests.support.served import CHROMIUM, MISSING_BROWSER, Driver, opened
from tests.support.stages import SEARCHES, STAGES
from tuner.ledger.methods import Segment, Variant
from tuner.ledger.rows import Proposal
from tuner.ledger.study_queue import StudyQueue

HOSTILE = '<img src="x" onerror="document.title=1">'
# A picture of one pixel.
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
pytestmark = [pytest.mark.timeout(120), pytest.mark.skipif(CHROMIUM is None, reason=MISSING_BROWSER or "")]


def cells(page, kind):
    return page.locator(f".cell.{kind}")


# --- from the form to the verdict ---


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
    driver = Driver(served, study)
    trials = driver.start(driver.search(), driver.spec.search_seeds)
    served.ledger.fail(driver.lease, [t.number for t in trials], "it does not fit")
    served.ledger.release(driver.lease, "failed", "every trial failed")
    page.goto(f"{served.address}#/studies/{study}")
    expect(page.get_by_text("Every trial failed.")).to_be_visible()
    expect(cells(page, "void")).to_have_count(6)
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Resume it").click()
    expect(page.locator(".badge").first).to_have_text("queued")
    assert served.ledger.study(study).state == "queued"


# --- all that a study has to show ---


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


# --- with the keyboard, for every reader, on every screen ---


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


def screens_of_all_kinds(served):
    finished, running = (
        served.create(),
        served.create(name="a-name-of-64-letters-without-any-place-where-it-could-be-broken-ab"),
    )
    Driver(served, finished).finish(diverged={0})
    driver = Driver(served, running)
    driver.report(driver.start(driver.search()[:4], driver.spec.search_seeds), 2)
    ids = dict.fromkeys(STAGES | SEARCHES, finished) | {"running": running}
    yield Screen("list", "")
    yield Screen("finished", f"#/studies/{finished}")
    yield Screen("running", f"#/studies/{running}")
    yield Screen("queued", f"#/studies/{served.create()}")
    yield from others(ids)


# Screens whose elements another one has.
ALIKE = {
    "form", "trial, diverged", "trial, of a schedule", "trial, training", "question, delete", "no such study",
    "no such page", "no comparison",
}  # fmt: skip
IN_DARK = {"list", "finished", "running", "form, wrong fields", "question", "trial", "comparison"}
TABLES = {"list", "finished", "comparison"}  # which are cards on a phone


def test_no_screen_is_wider_than_a_phone_or_has_what_axe_finds(browser, served):
    for screen in screens_of_all_kinds(served):
        if screen.name in ALIKE:
            continue
        with opened(browser, "about:blank", viewport={"width": 360, "height": 740}) as page:
            screen.show(page, served.address)
            assert too_wide(page) == 0, screen.name
            assert violations(page) == [], screen.name
            if screen.name in IN_DARK:
                page.emulate_media(color_scheme="dark")
                assert violations(page, CONTRAST) == [], screen.name
            if screen.name in TABLES:
                page.set_viewport_size({"width": 1280, "height": 900})
                assert violations(page) == [], screen.name


@pytest.mark.parametrize("screen", [LOGIN, WRONG_KEY])
def test_the_question_for_a_key_is_no_wider_and_axe_finds_nothing(browser, screen):
    with locked() as address, opened(browser, "about:blank", viewport={"width": 360, "height": 740}) as page:
        screen.show(page, address)
        assert too_wide(page) == 0
        assert violations(page) == []
        page.emulate_media(color_scheme="dark")
        assert violations(page, CONTRAST) == []


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


# --- the list, the key, the connection ---


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
    from api.application.settings import ServiceSettings

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


def test_an_empty_list_says_how_to_begin(page):
    expect(page.get_by_text("There is no study yet.")).to_be_visible()


def test_a_key_is_asked_for_and_kept_for_the_tab(browser, served):
    from tuner.ledger.api_keys import ApiKeys

    key, _ = ApiKeys(served.ledger).create("reader", ["read", "submit", "admin"])
    served.create(name="mine")
    with opened(browser, served.address) as page:
        page.get_by_role("textbox", name="API key").fill("wrong")
        page.get_by_role("button", name="Use this key").click()
        expect(page.get_by_text("does not know the key")).to_be_visible()
        page.get_by_role("textbox", name="API key").fill(key)
        page.get_by_role("button", name="Use this key").click()
        page.get_by_role("link", name="mine").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("mine")
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_have_text("mine")
        assert key not in page.url
        page.get_by_role("button", name="Forget key").click()
        expect(page.get_by_role("textbox", name="API key")).to_be_visible()


def test_the_routes_are_described_without_the_network(browser, served):
    with opened(browser, f"{served.address}docs") as page:
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.reload()
        page.get_by_text("Submit a study", exact=True).click()
        expect(page.get_by_text("It runs as a Ray job when its turn comes.")).to_be_visible()
        assert len(asked) > 3
        assert [url for url in asked if not url.startswith((served.address, "data:"))] == []


def test_a_lost_connection_is_told_and_mended(page, served):
    study = served.create()
    page.goto(f"{served.address}#/studies/{study}")
    expect(page.locator(".badge").first).to_have_text("queued")
    served.stop()
    expect(page.get_by_text("The service cannot be reached.")).to_be_visible()
    Driver(served, study).finish()
    served.start()
    expect(page.locator(".badge").first).to_have_text("succeeded", timeout=1000 * patient(20))
    expect(page.get_by_text("The service cannot be reached.")).to_be_hidden()
