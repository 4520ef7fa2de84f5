"""Connecting to Ray: a start that fails is tried again, and what is said where there is no Ray. Ray itself is
not started here.
"""

import importlib
import os
import signal
import time

import pytest
import ray

from tuner.driver.ray_cluster import connected, token_without_home
from tuner.driver.ray_join import RayNotStartedError
from tuner.settings import Settings


class FakeRay:
    """Stands in for ray.init and ray.shutdown."""

    def __init__(self, failures, error):
        self.failures, self.error, self.calls = failures, error, []

    def init(self, **given):
        self.calls.append(f"init {given['address']}")
        signal.signal(signal.SIGTERM, signal.SIG_DFL)  # as Ray does
        if self.failures:
            self.failures -= 1
            raise self.error

    def shutdown(self):
        self.calls.append("shutdown")

    @property
    def starts(self):
        return [call for call in self.calls if call != "shutdown"]


@pytest.fixture
def fake(monkeypatch):
    before = dict(os.environ)

    def install(failures=0, error=None):
        made = FakeRay(failures, error or Exception("The current node timed out during startup.\nmore"))
        monkeypatch.setattr(ray, "init", made.init)
        monkeypatch.setattr(ray, "shutdown", made.shutdown)
        return made

    yield install
    os.environ.clear()
    os.environ.update(before)


def test_a_private_ray_is_started_and_ended(fake):
    ours = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        made = fake()
        with connected(Settings()) as module:
            assert module is ray
            assert made.calls == ["init local"]
            assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler  # Ray took it for itself
        assert made.calls == ["init local", "shutdown"]
    finally:
        signal.signal(signal.SIGTERM, ours)


def test_tune_is_whole_when_ray_is_connected(fake, monkeypatch):
    """A thread imports it meanwhile; the main thread must not find it half made."""
    fake()
    imported = []

    def slowly(name):
        time.sleep(0.2)
        imported.append(name)

    monkeypatch.setattr(importlib, "import_module", slowly)
    with connected(Settings()):
        assert imported == ["tuner.driver.tune_searcher"]


def test_a_start_that_fails_once_is_tried_again(fake):
    made = fake(failures=1)
    with connected(Settings()):
        assert made.calls == ["init local", "shutdown", "init local"]


def test_a_start_that_fails_again_and_again_is_told_in_one_sentence(fake):
    made = fake(failures=5)
    said = r"^Ray does not start on this machine, tried 4 times: The current node timed out during startup\.$"
    with pytest.raises(RayNotStartedError, match=said), connected(Settings()):
        pass
    assert made.starts == ["init local"] * 4
    assert made.calls[-1] == "shutdown"  # nothing of it is left


def test_a_cluster_that_is_not_there_is_named(fake):
    made = fake(failures=1, error=ConnectionError("ray client connection timeout"))
    with (
        pytest.raises(RayNotStartedError, match=r"no Ray cluster at head:6379 \(TUNER_RAY_ADDRESS\): ray"),
        connected(Settings(ray_address="head:6379")),
    ):
        pass
    assert made.starts == ["init head:6379"]


def test_where_home_can_keep_no_token_there_is_one_of_our_own(tmp_path, monkeypatch):
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert token_without_home() == {}  # Ray makes one there
    (tmp_path / ".ray" / "auth_token").write_text("a token")
    assert token_without_home() == {}
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    assert len(token_without_home()["RAY_AUTH_TOKEN"]) == 64
    monkeypatch.setenv("RAY_AUTH_TOKEN", "the user's")
    assert token_without_home() == {}
