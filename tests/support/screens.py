"""Every screen of the page, to be looked at: each stage of a study, each search, the list, the form, a trial,
a comparison, and what opens when something is pressed or goes wrong.

    python -m tests.support.screens FOLDER [NAME ...]

writes a picture of each in three widths, light and dark, and says which scroll sideways and what axe finds.
"""

import sys
import tempfile
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe

from tests.support.served import CHROMIUM, FLAGS, Served, opened
from tests.support.stages import MOST, SEARCHES, STAGES, finished, lasting_leases
from tuner.ledger.api_keys import ApiKeys

WIDTHS, HEIGHT, SCHEMES = (1440, 1024, 390), 900, ("light", "dark")
# What each view shows when it has its data.
READY = (
    ".studies tbody tr, .plan strong, .metrics td, .compared, .verdict h2, .failure, dialog[open], "
    ".empty:not([role]), .empty a"
)
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
CONTRAST = ("color-contrast",)  # all that another colour scheme can break
_SETTLE_MS = 300  # figures come one after the other, and an open stream of events never ends


def nothing(page):
    """Done on most screens."""
    del page


@dataclass(frozen=True)
class Screen:
    """A place of the page, and what is done there."""

    name: str
    view: str  # what follows the service's address
    act: Callable = nothing
    over: bool = False  # whether it covers the window, not the page: a dialog

    def show(self, page, address):
        """Goes there, and waits until it has its data."""
        page.unroute_all()
        page.goto("about:blank")
        page.goto(address + self.view)
        page.locator(f":is({READY}):visible").first.wait_for()
        self.act(page)
        page.locator(".plan[aria-busy]").wait_for(state="hidden")  # it is pale while it is counted anew


def wrong_fields(page):
    page.get_by_label("Forward temperatures").fill("0.1, -1")
    page.get_by_label("Seeds", exact=True).fill("0")
    page.locator(".field-error:visible").first.wait_for()


def wrong_text(page):
    page.get_by_text("The whole spec as JSON or YAML").click()
    page.get_by_label("Spec as JSON or YAML").fill("task: sbn\nsearch: [")
    page.locator(".field-error:visible").first.wait_for()


def pressed(name):
    """A button is pressed."""

    def act(page):
        page.get_by_role("button", name=name, exact=True).click()

    return act


def pointed_at(page):
    page.get_by_role("gridcell").nth(3).focus()


def chosen(page):
    for box in page.get_by_role("checkbox").all()[:3]:
        box.check()


def cut_off(page):
    page.route("**/*", lambda route: route.abort("connectionrefused"))


def lost(page):
    cut_off(page)
    page.locator("#connection:visible").wait_for()


def lost_before_it_is_shown(page):
    cut_off(page)
    page.evaluate("location.hash = '#/new'")
    page.locator(".failure").wait_for()


def wrong_key(page):
    page.get_by_role("textbox", name="API key").fill("wrong")
    page.get_by_role("button", name="Use this key").click()
    page.get_by_text("does not know the key").wait_for()


def screens(served):
    """The screens, in the order in which their studies are made: an empty list comes first."""
    yield Screen("list, empty", "")
    ids = {}
    for name, stage in STAGES.items():
        ids[name] = stage.played(served.ledger, served.create, name)
        yield Screen(name, f"#/studies/{ids[name]}")
    for name, search in SEARCHES.items():
        ids[name] = finished(search=search).played(served.ledger, served.create, name)
        yield Screen(name, f"#/studies/{ids[name]}")
    ids["queued"] = served.create(name="a-name-of-64-letters-without-any-place-where-it-could-be-broken-ab")
    yield Screen("queued", f"#/studies/{ids['queued']}")
    yield from others(ids)
    for number in range(MOST - len(ids)):
        served.create(name=f"waiting {number}")
    yield Screen("list, full", "")
    yield Screen("list, chosen", "", chosen)
    yield Screen("list, away", "", lost)


def others(ids):
    """Screens of studies that are there."""
    grid, running = (f"#/studies/{ids[name]}" for name in ("grid", "running"))
    yield Screen("form", "#/new")
    yield Screen("form, wrong fields", "#/new", wrong_fields)
    yield Screen("form, wrong text", "#/new", wrong_text)
    yield Screen("question", running, pressed("Cancel"), over=True)
    yield Screen("question, delete", grid, pressed("Delete"), over=True)
    yield Screen("away, before it is shown", running, lost_before_it_is_shown)
    yield Screen("tags", grid, pressed("Edit tags and comment"))
    yield Screen("cell", grid, pointed_at)
    yield Screen("trial", f"{grid}/trials/1")
    yield Screen("trial, diverged", f"#/studies/{ids['all diverged']}/trials/1")
    yield Screen("trial, of a schedule", f"#/studies/{ids['pbt']}/trials/3")
    yield Screen("trial, training", f"{running}/trials/1")
    yield Screen("comparison", f"#/compare?ids={ids['grid']},{ids['gp']},{ids['on the diagonal']}")
    yield Screen("no such study", "#/studies/0123456789")
    yield Screen("no such trial", f"{grid}/trials/9999")
    yield Screen("no such page", "#/nowhere")
    yield Screen("no comparison", "#/compare?ids=")


LOGIN = Screen("login", "", over=True)
WRONG_KEY = Screen("login, wrong key", "", wrong_key, over=True)


@contextmanager
def locked():
    """The address of a service that wants a key."""
    with tempfile.TemporaryDirectory() as home:
        served = Served(Path(home))
        ApiKeys(served.ledger).create("somebody", ["read"])
        yield served.address
        served.stop()
        served.ledger.close()


def too_wide(page):
    """By how many pixels the page scrolls sideways."""
    return page.evaluate(
        """() => {
            scrollTo({ left: 1e4, behavior: "instant" });
            const pixels = scrollX;
            scrollTo({ left: 0, behavior: "instant" });
            return pixels;
        }"""
    )


def violations(page, rules=RULES):
    """What axe finds, by rule, with the elements."""
    options = {"runOnly": list(rules), "resultTypes": ["violations"]}  # a list of what passes takes long
    found = Axe().run(page, options=options).response["violations"]
    return [(rule["id"], [node["html"][:120] for node in rule["nodes"]]) for rule in found]


def picture(page, address, screen, folder):
    """Writes a screen in every width and scheme, and prints what is wrong with it."""
    name = screen.name.replace(",", "").replace(" ", "-")
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": HEIGHT})
        screen.show(page, address)
        page.wait_for_timeout(_SETTLE_MS)
        if pixels := too_wide(page):
            print(f"{name} at {width}: {pixels} px too wide", flush=True)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.screenshot(path=folder / f"{name}-{width}-{scheme}.png", full_page=not screen.over)
        for scheme, rules in zip(SCHEMES, (RULES, CONTRAST), strict=True):
            page.emulate_media(color_scheme=scheme)
            if found := violations(page, rules):
                print(f"{name} at {width}, {scheme}: {found}", flush=True)


def reports(page, address, folder):
    """Writes the reports of the searches, on a screen and on paper."""
    found = page.request.get(f"{address}studies?state=succeeded&limit=100").json()["items"]
    for study in found:
        if study["name"] not in SEARCHES:
            continue
        file = folder / f"report-{study['name']}.html"
        file.write_bytes(page.request.get(f"{address}studies/{study['id']}/files/report.html").body())
        page.goto(file.resolve().as_uri())
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": HEIGHT})
            if pixels := too_wide(page):
                print(f"{file.stem} at {width}: {pixels} px too wide", flush=True)
            for scheme in SCHEMES:
                page.emulate_media(color_scheme=scheme)
                page.screenshot(path=folder / f"{file.stem}-{width}-{scheme}.png", full_page=True)
        page.emulate_media(color_scheme="light")
        page.pdf(path=file.with_suffix(".pdf"), format="A4", prefer_css_page_size=True)


def main():
    """Writes the pictures."""
    from playwright.sync_api import sync_playwright

    folder, wanted = Path(sys.argv[1]), sys.argv[2:]
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as home, lasting_leases():
        served = Served(Path(home))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for screen in screens(served):
            if not wanted or screen.name in wanted:
                with opened(browser, "about:blank") as page:
                    picture(page, served.address, screen, folder)
        if not wanted or "reports" in wanted:
            with opened(browser, "about:blank") as page:
                reports(page, served.address, folder)
        served.stop()
        served.ledger.close()
        with locked() as address:
            for screen in (LOGIN, WRONG_KEY):
                if not wanted or screen.name in wanted:
                    with opened(browser, "about:blank") as page:
                        picture(page, address, screen, folder)
        browser.close()


if __name__ == "__main__":
    main()
