"""Every screen of the page fits a phone, and axe finds no barriers to accessibility in it."""

import pytest

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

pytestmark = [pytest.mark.timeout(120), pytest.mark.skipif(CHROMIUM is None, reason=MISSING_BROWSER or "")]


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
    with opened(browser, "about:blank") as page:
        for screen in screens_of_all_kinds(served):
            if screen.name in ALIKE:
                continue
            page.set_viewport_size({"width": 360, "height": 740})
            page.emulate_media(color_scheme="light")
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
