"""Fixtures of the tests of MLflow."""

import shutil

import pytest


@pytest.fixture(scope="session")
def new_store(tmp_path_factory):
    """The database of an MLflow that nobody has used: making its tables takes a second each time."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("new-mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # where MLflow keeps artifacts
        MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db").search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def uri(tmp_path, monkeypatch, new_store):
    """The address of an MLflow that is a database, without a server."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(new_store, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path}/mlflow.db"
