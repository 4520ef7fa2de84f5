"""Fixtures of the service's tests: the service in this process, asked without a port."""

import pytest
from fastapi.testclient import TestClient

from api.application.app import create
from api.settings import ServiceSettings


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
