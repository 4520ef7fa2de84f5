"""Fixtures that several files use."""

import gc
import os
import shutil
import subprocess
from collections import Counter
from contextlib import closing
from pathlib import Path

import psutil
import pytest
import torch

from tests.support.order import in_order
from tests.support.patience import patient
from tests.support.postgresql import MISSING, PostgresqlServer

MEMORY = Path("/dev/shm")
ROOM_BYTES = 4 << 30  # all tests together leave 0.7 GB


def pytest_configure(config):
    """Temporary folders are in memory where there is ample room: a ledger waits for its disk at every commit,
    6 ms, and there 0.1 ms. Not those of a run in which whole environments are installed. Whoever sets
    PYTEST_DEBUG_TEMPROOT decides otherwise.
    """
    room = min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available) if MEMORY.is_dir() else 0
    if room > ROOM_BYTES and "not dist" in config.option.markexpr:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def pytest_collection_finish():
    """What is imported by now stays: the collector need not look through hundreds of thousands of objects of
    libraries again, which the engine makes it do whenever a population does not fit.
    """
    gc.collect()
    gc.freeze()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    """Files come in the order in which two workers need the shortest time for all of them."""
    tests = Counter(map(file_of, items))
    stacks = {file_of(item) for item in items if item.get_closest_marker("stack")}
    places = {file: place for place, file in enumerate(in_order(tests, stacks))}
    items.sort(key=lambda item: places[file_of(item)])


def file_of(item):
    """A test's file, as it is named from the repository's root."""
    return item.nodeid.partition("::")[0]


def pytest_unconfigure():
    """What was kept is given back: at the end of the process triton's library reports what it still finds."""
    gc.unfreeze()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    """A test's time limit, which pytest-timeout takes from its marker, is one for this machine as it is."""
    marker = item.get_closest_marker("timeout")
    seconds = marker.args[0] if marker else float(item.config.getini("timeout"))
    item.add_marker(pytest.mark.timeout(patient(seconds)), append=False)
    return (yield)


@pytest.fixture(scope="module")
def one_thread():
    """On a busy machine, threads that wait for each other take a hundred times as long as these small
    products.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def postgresql_server():
    """A private PostgreSQL server for the whole session."""
    if MISSING:
        pytest.skip(MISSING)
    server = PostgresqlServer()
    yield server
    server.remove()


@pytest.fixture
def postgresql(postgresql_server):
    """The session's PostgreSQL server, which runs whatever the last test has done to it; it may be killed."""
    if not postgresql_server.running():
        postgresql_server.start()
    return postgresql_server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """The URL of a database for a ledger, of either kind: not there yet, or empty."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    return request.getfixturevalue("postgresql").empty()


@pytest.fixture
def ledger(url):
    """A new ledger in each of the two databases."""
    from tuner.ledger.store import Ledger

    with closing(Ledger(url)) as opened:
        yield opened


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], capture_output=True, check=False
    ).returncode:
        pytest.skip("mounting a small file system is not permitted here")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def served(tmp_path):
    """The API on a port of its own, over a ledger that the test fills."""
    from tests.support.served import Served

    service = Served(tmp_path)
    yield service
    service.stop()
    service.ledger.close()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    from tests.support.served import CHROMIUM, FLAGS

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, served):
    from tests.support.served import opened

    with opened(browser, served.address) as page:
        yield page
