"""The page without a key and without a network; and its page that describes the routes."""

import pytest
from playwright.sync_api import expect

from tests.support.patience import patient
from tests.support.served import CHROMIUM, MISSING_BROWSER, Driver, opened

pytestmark = [pytest.mark.timeout(120), pytest.mark.skipif(CHROMIUM is None, reason=MISSING_BROWSER or "")]


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
    expect(page.get_by_role("heading", name="No verdict")).to_be_visible()  # all of it is loaded
    served.stop()
    expect(page.get_by_text("The service cannot be reached.")).to_be_visible()
    Driver(served, study).finish()
    served.start()
    expect(page.locator(".badge").first).to_have_text("succeeded", timeout=1000 * patient(20))
    expect(page.get_by_text("The service cannot be reached.")).to_be_hidden()


def test_a_view_that_lost_the_service_while_it_was_loaded_comes_when_it_is_back(page, served):
    study = served.create()
    page.route("**/results", lambda route: route.abort("connectionrefused"))
    page.goto(f"{served.address}#/studies/{study}")
    expect(page.get_by_role("heading", name="This did not work")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_text("The service cannot be reached.")
    page.unroute_all()
    expect(page.get_by_role("heading", name="No verdict")).to_be_visible()
