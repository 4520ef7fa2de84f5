"""Fixtures of the service's tests: the service in this process, asked without a port."""

from contextlib import closing

import pytest
from fastapi.testclient import TestClient

from api.application.app import create
from api.application.settings import ServiceSettings
from tuner.ledger.store import Ledger


@pytest.fixture
def ledger(url):
    """A new ledger in each of the two databases."""
    with closing(Ledger(url)) as opened:
        yield opened


@pytest.fixture
def app(tmp_path):
    return create(ServiceSettings(home=tmp_path, rate_per_minute=0))


@pytest.fixture
def service(app):
    """What the application's routes ask."""
    return app.state.service


@pytest.fixture
def http(app):
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client
