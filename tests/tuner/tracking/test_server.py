"""How the small MLflow server is started; tests that run studies look at the server itself."""

import pytest

from tuner.tracking.server import MlflowServer


@pytest.fixture
def started(tmp_path, monkeypatch):
    """What the server's process would have been started with."""
    given = {}

    def process(command, *, listener, **settings):
        listener.close()
        given.update(settings, command=command)

    monkeypatch.setattr("tuner.tracking.server.ChildProcess", process)

    def start():
        MlflowServer(tmp_path)
        return given

    return start


def test_a_prefix_that_is_meant_for_another_server_does_not_move_its_addresses(started, monkeypatch):
    monkeypatch.setenv("MLFLOW_STATIC_PREFIX", "/elsewhere")
    monkeypatch.setenv("MLFLOW_S3_ENDPOINT_URL", "http://127.0.0.1:1")
    environment = started()["environment"]
    assert "MLFLOW_STATIC_PREFIX" not in environment
    assert environment["MLFLOW_S3_ENDPOINT_URL"] == "http://127.0.0.1:1"
