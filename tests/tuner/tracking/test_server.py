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


# Options of `mlflow server` that a user may mean for ours, too: who may reach it, from where, and how long
# its secrets are kept.
FOR_OURS = ("MLFLOW_SERVER_", "MLFLOW_CRYPTO_", "MLFLOW_SCORING_", "MLFLOW_MODELS_")


@pytest.mark.filterwarnings("ignore")  # those of importing MLflow
def test_no_option_of_the_server_comes_from_the_environment(started, monkeypatch):
    from mlflow.cli import server

    names = {o.envvar for o in server.params if isinstance(o.envvar, str)}
    assert "MLFLOW_BACKEND_STORE_URI" in names
    for name in (*names, "UVICORN_ROOT_PATH", "WEB_CONCURRENCY"):
        monkeypatch.setenv(name, "7")
    left = {*names, "UVICORN_ROOT_PATH", "WEB_CONCURRENCY"} & started()["environment"].keys()
    assert {name for name in left if not name.startswith(FOR_OURS)} == set()
