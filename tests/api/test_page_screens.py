"""Every screen of the page, in a real browser: none scrolls sideways, and axe finds nothing."""

import pytest

from tests.support.patience import patient
from tests.support.screens import SCHEMES, WIDTHS, screens, too_wide, violations
from tests.support.served import CHROMIUM, MISSING_BROWSER, opened
from tests.support.stages import lasting_leases

pytestmark = [
    pytest.mark.timeout(patient(300)),
    pytest.mark.skipif(CHROMIUM is None, reason=MISSING_BROWSER or ""),
]


def test_every_screen_fits_every_width_and_axe_finds_nothing(browser, served):
    wrong, height = [], 900
    with lasting_leases():
        for n, screen in enumerate(screens(served)):
            scheme = SCHEMES[n % 2]
            with opened(browser, "about:blank", color_scheme=scheme) as page:
                screen.show(page, served.address)
                wrong += [(screen.name, scheme, *found) for found in violations(page)]
                for width in WIDTHS:
                    page.set_viewport_size({"width": width, "height": height})
                    if pixels := too_wide(page):
                        wrong.append((screen.name, width, pixels))
    assert wrong == []
