"""The pictures of the documentation, made anew from a real study: `make pictures`.

It runs the preset sbn-fashion-quick where the state folder (TUNER_HOME) has no finished study of it, serves
the folder, and looks at it in Chromium (the variable CHROMIUM, or the one of the system). FashionMNIST is
read from TUNER_DATA, or downloaded. `make pictures PRESET=sbn-digits` takes two minutes, and makes the
pictures of the page and of MLflow alone. The tutorial's own picture is what its study's plot_landscape()
draws.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from api.client import Client, ServiceError
from tuner.network import any_free_port

PRESET = "sbn-fashion-quick"
IMAGES = Path(__file__).parent.parent / "images"
TUNER = (sys.executable, "-m", "api.cli")
START_S, WAIT_MS = 120.0, 60_000.0
WIDTH_PX, MARGIN_PX = 1280, 16.0


def main() -> None:
    """Makes page.png and mlflow.png, and landscape.png of the preset that the text around it is about."""
    preset = sys.argv[1] if len(sys.argv) > 1 else PRESET
    with served() as client:
        study = finished(client, preset)
        if study is None:
            study = client.submit({"preset": preset})
            for _ in client.watch(study["id"]):
                pass
        if preset == PRESET:
            (IMAGES / "landscape.png").write_bytes(client.file(study["id"], "figures/landscape.png"))
        with chromium() as page:
            page.goto(f"{client.server}/#/studies/{study['id']}")
            page.get_by_role("heading", name=study["name"]).first.wait_for()
            page.wait_for_load_state("networkidle")
            figures = page.locator(".figures").first.bounding_box()
            assert figures is not None
            end = figures["y"] + figures["height"] + MARGIN_PX  # below it are tables
            whole = {"x": 0.0, "y": 0.0, "width": WIDTH_PX, "height": end}
            page.screenshot(path=IMAGES / "page.png", full_page=True, clip=whole)
            with page.expect_popup() as opened:
                page.get_by_role("link", name="Compare its trials in MLflow").click()
            opened.value.set_viewport_size({"width": 1440, "height": 1000})
            opened.value.locator(".js-plotly-plot").nth(1).wait_for()
            # MLflow opens its assistant beside the charts, which takes a third of the window.
            opened.value.get_by_role("button", name="Close", exact=True).last.click()
            opened.value.wait_for_timeout(3000)  # the charts are drawn one after the other
            opened.value.screenshot(path=IMAGES / "mlflow.png")


def finished(client: Client, preset: str) -> dict[str, Any] | None:
    """The newest finished study of a preset."""
    return next((s for s in client.studies(state="succeeded") if s["name"] == preset), None)


@contextmanager
def served() -> Iterator[Client]:
    """A client of the state folder's service, which runs as long as the block."""
    port = any_free_port()
    process = subprocess.Popen([*TUNER, "serve", "--port", str(port)])
    try:
        with Client(f"http://127.0.0.1:{port}") as client:
            deadline = time.monotonic() + START_S
            while True:
                try:
                    client.newest()
                    break
                except ServiceError:
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise
                    time.sleep(0.5)
            yield client
    finally:
        process.terminate()
        process.wait()


@contextmanager
def chromium() -> Iterator[Page]:
    """A page of a desktop's size."""
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH_PX, "height": 1400})
        page.set_default_timeout(WAIT_MS)
        yield page
        browser.close()


if __name__ == "__main__":
    main()
