"""Every view of the page with the Tab key alone: it reaches all controls, shows which has the focus, and
gets out again.
"""

import pytest

from tests.support.screens import READY
from tests.support.served import CHROMIUM, MISSING_BROWSER, opened
from tests.support.stages import SEARCHES, finished

pytestmark = [pytest.mark.timeout(120), pytest.mark.skipif(CHROMIUM is None, reason=MISSING_BROWSER or "")]
MOST, AT_A_TIME = 400, 20  # presses of Tab
# At every move of the focus, tells what is wrong with how it is seen. The walk is over where it comes back.
WATCH = """() => {
    window.walk = { wrong: [], over: false };
    document.addEventListener("focusin", ({ target: e }) => {
        if (window.walk.over || e.dataset.reached) return void (window.walk.over = true);
        e.dataset.reached = "yes";
        const style = getComputedStyle(e), box = e.getBoundingClientRect();
        const x = Math.min(Math.max((box.left + box.right) / 2, 0), innerWidth - 1);
        const y = Math.min(Math.max((box.top + box.bottom) / 2, 0), innerHeight - 1);
        const there = document.elementFromPoint(x, y);
        const say = (what) => window.walk.wrong.push(what + ": " + e.outerHTML.slice(0, 120));
        const drawn = e instanceof SVGElement && parseFloat(style.strokeWidth) >= 4; // a point of a landscape
        const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
        if (!drawn && !outlined) say("no outline");
        if (box.bottom <= 0 || box.top >= innerHeight || box.right <= 0 || box.left >= innerWidth)
            say("out of sight");
        else if (!e.contains(there) && !there?.contains(e) && there?.closest("label")?.control !== e)
            say("covered by " + there?.outerHTML.slice(0, 80));
    });
}"""
# What can be used and was never reached; of radio buttons and the like one stands for its group.
MISSED = """() => [...document.querySelectorAll(
        'a[href], button:enabled, input:enabled, select:enabled, textarea:enabled, summary, [tabindex="0"]')]
    .filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.dataset.reached && e.tabIndex >= 0)
    .map((e) => e.outerHTML.slice(0, 120))"""


def addresses(served):
    """Views with all that they have, by what they are called. One study has a table of cells, one points."""
    grid, gp = (
        finished(search=SEARCHES[name]).played(served.ledger, served.create, name) for name in ("grid", "gp")
    )
    return {
        "list": "",
        "form": "#/new",
        "study with cells": f"#/studies/{grid}",
        "study with points": f"#/studies/{gp}",
        "trial": f"#/studies/{grid}/trials/1",
        "comparison": f"#/compare?ids={grid},{gp}",
    }


def walk(page):
    """Presses Tab from the top until the focus leaves the page or comes back. What was wrong on the way."""
    page.evaluate(WATCH)
    for _ in range(0, MOST, AT_A_TIME):
        for _ in range(AT_A_TIME):
            page.keyboard.press("Tab")
        if page.evaluate("window.walk.over"):
            return page.evaluate("window.walk.wrong")
    raise AssertionError(f"after {MOST} presses of Tab the focus has not come back")


def test_tab_comes_to_everything_and_it_is_seen_where_it_is(browser, served):
    wrong, missed = {}, {}
    for name, view in addresses(served).items():
        with opened(browser, served.address + view) as page:
            page.locator(f":is({READY}):visible").first.wait_for()
            page.wait_for_load_state("networkidle")
            page.evaluate("document.querySelectorAll('details').forEach((e) => { e.open = true; })")
            page.wait_for_load_state("networkidle")  # of what is asked for where it is opened
            page.locator("#skip").evaluate("e => { e.focus(); e.dataset.reached = 'yes'; }")  # the first one
            wrong[name] = walk(page)
            missed[name] = page.evaluate(MISSED)
    assert {name: found for name, found in wrong.items() if found} == {}
    assert {name: found for name, found in missed.items() if found} == {}
