"""The order of the tests' files: long ones first, and whole stacks beside quick tests."""

from tests.support.order import SECONDS, in_order
from tests.support.paths import ROOT


def test_stacks_are_spread_among_quick_files_by_when_a_worker_would_come_to_them(monkeypatch):
    for file, seconds in {"long": 100, "short": 20, "s long": 90, "s short": 40}.items():
        monkeypatch.setitem(SECONDS, file, seconds)
    tests = dict.fromkeys(["few", "long", "s long", "s short", "short"], 1)
    assert in_order(tests, {"s long", "s short"}) == ["s long", "long", "s short", "short", "few"]


def test_a_file_whose_seconds_are_not_known_takes_longer_with_more_tests():
    assert in_order({"a": 2, "b": 9, "c": 5}, set()) == ["b", "c", "a"]


def test_every_file_that_is_said_to_take_long_is_there():
    assert [file for file in SECONDS if not (ROOT / file).is_file()] == []
