"""The page in a real browser, over the real API and a ledger that the test fills as a driver would."""

import math
import os
import re
import shutil
import socket
import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from trainables.tasks import task_type
from tuner.evidence.analysis import select
from tuner.ledger import Ledger
from tuner.rows import Proposal, scheduled
from tuner.spec import parse_spec

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SMALL = {
    "name": "small", "task": "sbn", "dataset": "digits", "seeds": 2, "confirm_seeds": 3, "epochs": 8, "reports": 4,
    "search": {"strategy": "grid", "tau_f": [0.1, 0.5], "tau_b": [0.1, 0.5, 1.0]}, "baselines": ["identity"],
}  # fmt: skip
HOSTILE = '<img src="x" onerror="document.title=1">'
READY = ".study-row, .plan strong, .verdict h2, .failure"  # what each view shows when it has its data
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt install chromium)"),
]


# --- a service whose studies the test drives ---


class Served:
    """The API over a ledger, on a port of its own."""

    def __init__(self, home):
        self.home, self.ledger = home, Ledger(f"sqlite:///{home / 'ledger.db'}")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}/"

    def start(self):
        import uvicorn

        from api.app import create
        from api.settings import ServiceSettings

        app = create(ServiceSettings(home=self.home, port=self.port, rate_per_minute=0))
        config = uvicorn.Config(app, port=self.port, log_level="error", timeout_graceful_shutdown=1, lifespan="on")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive(), "the service did not start"
            self.thread.join(0.02)

    def stop(self):
        self.server.should_exit = True
        self.thread.join(20)
        assert not self.thread.is_alive()

    def create(self, name="small", **changes):
        """A study that no API has seen: its name may be anything."""
        spec = parse_spec(SMALL | changes)
        objective = task_type(spec.task).objective
        return self.ledger.create_study(
            name=name, task=spec.task, spec=spec.model_dump(mode="json"), objective=objective.name, direction=objective.direction
        )


def loss(trial, seed, share):
    """A landscape with its optimum off the diagonal, at (0.1, 0.5); it falls while `share` goes to 1."""
    tau_f, tau_b = trial.tau_f or 0.0, trial.tau_b or 1.0
    method = 0.3 if trial.estimator == "identity" else 0.1
    return method + 0.1 * tau_f + abs(math.log10(tau_b / 0.5)) / 5 + 0.003 * ((7 * seed + 3 * tau_f) % 1) + math.exp(-4 * share)


class Driver:
    """Writes what a driver would, at the pace of the test."""

    def __init__(self, served, study):
        self.ledger, self.study = served.ledger, study
        self.spec = parse_spec(self.ledger.study(study).spec)
        self.lease = self.ledger.acquire(study, {"device": "cpu"})

    def search(self):
        pairs = [(f, b) for f in self.spec.search.forward for b in self.spec.search.backward]
        found = [Proposal("search", "decoupled", f, b, lr) for f, b in pairs for lr in self.spec.learning_rates]
        return [*found, Proposal("baseline", "identity", None, None, self.spec.learning_rates[0])]

    def best(self):
        chosen = select(self.ledger.trials(self.study), "minimize").distinct()
        return [replace(trial.proposal, role="confirm") for trial in chosen]

    def start(self, proposals, seeds, population="p"):
        return self.ledger.start_population(self.lease, population, proposals, seeds)

    def report(self, trials, interval, *, final=False, diverged=()):
        def values(trial):
            share = interval / self.spec.reports
            return [math.nan if trial.number in diverged else loss(trial, seed, share) for seed in trial.seeds]

        test = {"test_loss": [0.2, 0.3, 0.4]} if trials[0].role == "confirm" else {}
        rows = {trial.number: {"val_loss": values(trial), **test} for trial in trials}
        self.ledger.record(self.lease, interval=interval, epoch=2.0 * interval, training_s=1.0, rows=rows, final=final)

    def finish(self, *, diverged=()):
        """All of a study at once."""
        for proposals, seeds, name in ((self.search, self.spec.search_seeds, "p"), (self.best, self.spec.fresh_seeds, "c")):
            trials = self.start(proposals(), seeds, name)
            self.report(trials, 2, diverged=diverged)
            self.report(trials, self.spec.reports, final=True, diverged=diverged)
        self.ledger.release(self.lease, "succeeded")


@pytest.fixture
def served(tmp_path):
    service = Served(tmp_path)
    yield service
    service.stop()
    service.ledger.close()


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@contextmanager
def opened(browser, address, **context):
    """A page; what its scripts throw, and what the Content-Security-Policy blocks, fails the test."""
    problems = []
    session = browser.new_context(**({"viewport": {"width": 1280, "height": 900}} | context))
    page = session.new_page()
    page.set_default_timeout(15_000)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" and "Failed to load" not in m.text else None)
    page.goto(address)
    yield page
    session.close()
    assert problems == []


@pytest.fixture
def page(browser, served):
    with opened(browser, served.address) as page:
        yield page


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
    page.get_by_label("Gumbel-softmax ST").uncheck()
    page.get_by_label("softmax ST", exact=True).uncheck()
    plan = page.get_by_role("complementary", name="What it will train")
    expect(plan).to_contain_text("23 models to train")  # 7 trials x 2 seeds, then 3 x 3
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
    before = page.get_by_role("gridcell", name="τf 0.1, τb 0.5").get_attribute("aria-label")
    driver.report(trials, 10, final=True)
    expect(cells(page, "done")).to_have_count(6)
    expect(page.get_by_role("gridcell", name="the optimum")).not_to_have_attribute("aria-label", before)
    expect(page.get_by_role("heading", name="Not decided yet")).to_be_visible()

    confirmed = driver.start(driver.best(), driver.spec.fresh_seeds, "c")
    driver.report(confirmed, 10, final=True)
    served.ledger.release(driver.lease, "succeeded")
    verdict = page.get_by_role("region", name="Verdict")
    expect(verdict.get_by_role("heading")).to_have_text("Off the diagonal")
    expect(verdict).to_contain_text("on fresh seeds, excludes 0")
    label = page.get_by_role("gridcell", name="the optimum").get_attribute("aria-label")
    trial = next(t for t in served.ledger.trials(driver.study) if (t.role, t.tau_f, t.tau_b) == ("search", 0.1, 0.5))
    assert label.startswith(f"τf 0.1, τb 0.5, val loss {trial.mean:.4f} ± ")
    assert page.evaluate("window.sameDocument") is True  # all of it without loading the page again
    expect(page.get_by_role("region", name="Table of methods")).to_contain_text("Decoupled ST, off the diagonal")


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


# --- what is wrong stands where it is ---


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
    area.fill(area.input_value().replace('"mine"', '"yours"').replace('"options": {}', '"options": {"size": 3}'))
    expect(page.get_by_label("Name")).to_have_value("yours")
    expect(page.locator("#spec-json-errors")).to_contain_text("options.size")
    area.fill("{")
    expect(page.locator("#spec-json-errors")).to_contain_text("This is not JSON")


def test_a_yaml_file_is_a_spec_too(page, served):
    page.goto(f"{served.address}#/new")
    expect(page.get_by_label("Name")).to_have_value("sbn-digits")
    page.get_by_text("The whole spec as JSON").click()
    area = page.get_by_label("Spec as JSON")
    errors = page.locator("#spec-json-errors")
    area.fill("preset: sbn-digits\nname: mine  # ours\nsearch: {strategy: grid, tau_f: 0.1, tau_b: [0]}\n")
    expect(errors).to_contain_text("search.tau_b: must be greater than 0")
    area.fill("name: 'mine")
    expect(errors).to_contain_text("The body is not YAML: line 1")
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
    pairs = [("decoupled", 0.0, 0.9), ("decoupled", 0.013, 0.5), ("decoupled", 1.7, 0.2), ("softmax", 0.3, 0.3)]
    found = [Proposal("baseline" if name == "softmax" else "search", name, f, b, 0.001) for name, f, b in pairs]
    driver.report(driver.start(found, driver.spec.search_seeds), 10, final=True)
    dots = page.locator(".scatter-holder .dot")
    expect(dots).to_have_count(4)
    expect(page.get_by_role("img", name="τf 0.013, τb 0.5")).to_have_accessible_name(re.compile("the optimum"))
    expect(page.get_by_role("img", name="τf 0.3, τb 0.3")).to_have_accessible_name(re.compile("the best on the diagonal"))
    expect(page.locator(".symbol")).to_have_count(2)
    dots.first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("img", name="τf 1.7, τb 0.2")).to_be_focused()
    expect(page.locator(".tip")).to_contain_text("τf 1.7")


def test_what_the_results_carry_is_shown(page, served):
    study = served.create(control="rescaled")
    driver = Driver(served, study)
    driver.report(driver.start(driver.search(), driver.spec.search_seeds), 4, final=True)
    driver.report(driver.start(driver.best(), driver.spec.fresh_seeds, "c"), 4, final=True)
    twin = Proposal("control", "decoupled", 1.0, 5.0, driver.spec.learning_rates[0], '{"logit_scale": 10.0}')
    driver.report(driver.start([twin], driver.spec.fresh_seeds, "t"), 4, final=True)
    served.ledger.release(driver.lease, "succeeded")
    page.goto(f"{served.address}#/studies/{study}")
    expect(page.get_by_role("region", name="Table of the test set")).to_contain_text("0.3000 ± 0.0577")
    expect(page.get_by_role("region", name="Rescaling control")).to_contain_text("The rescaled network does not end where")
    expect(page.get_by_role("slider", name="Forward temperature")).to_have_attribute("aria-valuenow", "0.1")
    expect(page.get_by_role("region", name="Table of gains").locator("tr", has_text="Identity ST")).to_contain_text("Holm")
    expect(page.get_by_role("region", name="Table of trials")).to_contain_text("logit layer × 10")
    expect(page.locator("#section-schedule")).to_be_hidden()

    bounds = {"tau_f": {"low": 0.0, "high": 1.0}, "tau_b": {"low": 0.1, "high": 1.0}}
    study = served.create(search={"strategy": "pbt", "trials": 4, "rounds": 2} | bounds)
    driver = Driver(served, study)
    variant = scheduled([(0.0, 0.1, 0.5, 0.001), (4.0, 0.0, 0.4, 0.002)])
    driver.report(
        driver.start([Proposal("search", "decoupled", 0.1, 0.5, 0.001, variant)], driver.spec.search_seeds), 4, final=True
    )
    page.goto(f"{served.address}#/studies/{study}")
    expect(page.get_by_role("region", name="Table of the schedule").locator("tbody tr").last).to_contain_text(
        re.compile(r"4\s*0\s*0\.4\s*0\.002")
    )
    expect(page.get_by_role("region", name="Table of trials")).to_contain_text("schedule of 2 parts")


def test_trials_beyond_the_page_are_said_to_be_there(page, served):
    study = served.create()

    def thousand(route):
        fields = {"role": "search", "estimator": "decoupled", "tau_f": 0.1, "tau_b": 0.5, "lr": 0.001, "state": "succeeded"}
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


def studies_of_all_kinds(served):
    finished, running = served.create(), served.create(name="a-name-of-64-letters-without-any-place-where-it-could-be-broken-ab")
    Driver(served, finished).finish(diverged={0})
    driver = Driver(served, running)
    driver.report(driver.start(driver.search()[:4], driver.spec.search_seeds), 2)
    return ["", "#/new", f"#/studies/{finished}", f"#/studies/{running}", f"#/studies/{served.create()}", "#/studies/0123456789"]


def test_nothing_is_wider_than_a_phone(browser, served):
    for view in studies_of_all_kinds(served):
        with opened(browser, served.address + view, viewport={"width": 360, "height": 740}) as page:
            expect(page.locator(READY).first).to_be_visible()
            widths = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
            assert widths[0] <= widths[1], view


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser, served, scheme):
    for view in studies_of_all_kinds(served):
        with opened(browser, served.address + view, color_scheme=scheme) as page:
            expect(page.locator(READY).first).to_be_visible()
            found = Axe().run(page, options=RULES)
            assert [(v["id"], [n["html"][:120] for n in v["nodes"]]) for v in found.response["violations"]] == [], view


def test_a_thousand_trials_are_sorted_and_turned(page, served):
    values = {"tau_f": {"low": 0.0, "high": 2.0, "step": 0.1}, "tau_b": {"low": 0.1, "high": 2.0, "step": 0.19}}
    study = served.create(search={"strategy": "grid"} | values, learning_rates=[0.0003, 0.001, 0.003, 0.01])
    Driver(served, study).finish()
    means = sorted(t.mean for t in served.ledger.trials(study))
    assert len(means) > 920
    page.goto(f"{served.address}#/studies/{study}")
    rows = page.locator(".trials tbody tr")
    expect(rows).to_have_count(25)
    expect(cells(page, "done")).to_have_count(21 * 11)
    page.get_by_role("button", name="Val loss", exact=True).click()
    expect(rows.first).to_contain_text(f"{means[0]:.4f}")
    page.get_by_role("button", name="Val loss", exact=True).click()
    expect(rows.first).to_contain_text(f"{means[-1]:.4f}")
    expect(page.get_by_role("columnheader", name="Val loss", exact=True)).to_have_attribute("aria-sort", "descending")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text(f"26 to 50 of {len(means)} trials")).to_be_visible()


# --- the list, the key, the connection ---


def test_the_list_is_turned_and_filtered(page, served):
    studies = [served.create(name=f"study-{n:02d}") for n in range(23)]
    Driver(served, studies[0]).finish()
    page.goto(served.address)
    page.reload()
    expect(page.locator(".study-row")).to_have_count(20)
    page.get_by_role("button", name="Older").click()
    expect(page.locator(".study-row")).to_have_count(3)
    expect(page.locator(".study-row").last).to_contain_text("Off the diagonal")
    page.get_by_label("State").select_option("succeeded")
    expect(page.locator(".study-row")).to_have_count(1)
    page.get_by_label("State").select_option("failed")
    expect(page.get_by_text("No study is failed.")).to_be_visible()


def test_an_empty_list_says_how_to_begin(page):
    expect(page.get_by_text("There is no study yet.")).to_be_visible()


def test_a_key_is_asked_for_and_kept_for_the_tab(browser, served):
    from tuner.keys import Keys

    key, _ = Keys(served.ledger).create("reader", ["read", "submit", "admin"])
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
    expect(page.locator(".badge").first).to_have_text("succeeded", timeout=20_000)
    expect(page.get_by_text("The service cannot be reached.")).to_be_hidden()
