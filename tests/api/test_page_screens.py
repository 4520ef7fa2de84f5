"""Screens of the page, in a real browser: none scrolls sideways, and axe finds nothing.

Those that differ in what they are made of; `python -m tests.support.screens` goes through every one.
"""

import pytest

from tests.support.patience import patient
from tests.support.screens import SCHEMES, WIDTHS, screens, too_wide, violations
from tests.support.served import CHROMIUM, MISSING_BROWSER, opened
from tests.support.stages import lasting_leases

pytestmark = [
    pytest.mark.timeout(patient(300)),
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING_BROWSER or ""),
]


SCREENS = {
    "list, empty", "list, full", "running", "cancelled late", "failed", "rescaled", "halving", "gp", "pbt",
    "queued", "form", "form, wrong fields", "form, wrong text", "question", "tags", "trial", "comparison",
    "no such study",
}  # fmt: skip


def test_screens_fit_every_width_and_axe_finds_nothing(browser, served):
    wrong, height = [], 900
    with lasting_leases():
        looked_at = (screen for screen in screens(served) if screen.name in SCREENS)
        for n, screen in enumerate(looked_at):
            scheme = SCHEMES[n % 2]
            with opened(browser, "about:blank", color_scheme=scheme) as page:
                screen.show(page, served.address)
                wrong += [(screen.name, scheme, *found) for found in violations(page)]
                for width in WIDTHS:
                    page.set_viewport_size({"width": width, "height": height})
                    if pixels := too_wide(page):
                        wrong.append((screen.name, width, pixels))
    assert wrong == []
    assert n + 1 == len(SCREENS)
