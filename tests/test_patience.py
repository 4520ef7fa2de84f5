"""The tests' time limits grow with the machine's load, also while a test waits."""

import os

import pytest

from tests.support import patience
from tests.support.patience import patient, wait_for


@pytest.fixture
def machine(monkeypatch):
    """Makes the machine one with so slow a core, so many processes that share it, and such a load."""

    def be(*, slow=1.0, shared=1.0, load=0.0, cores=2):
        monkeypatch.setattr(patience, "measured", lambda: (slow, shared))
        monkeypatch.setattr(patience, "cores", lambda: cores)
        monkeypatch.setattr(os, "getloadavg", lambda: (load, load, load))

    return be


@pytest.mark.parametrize(
    ("state", "factor"),
    [
        ({}, 1),
        ({"load": 4.0}, 3),  # two others on each of two cores
        ({"load": 4.0, "cores": 4}, 2),
        ({"load": 2.0, "shared": 3.0}, 3),  # they have just begun, and the load does not know yet
        ({"slow": 2.5}, 2.5),
        ({"slow": 0.5, "shared": 0.9}, 1),  # what suffices on a quiet machine is never cut
        ({"slow": 2.0, "load": 2.0}, 4),
    ],
)
def test_a_limit_is_for_the_machine_as_it_is(machine, state, factor):
    machine(**state)
    assert patient(30) == 30 * factor


def test_the_small_work_says_that_a_core_does_some_work():
    slow, shared = patience.measured()
    assert slow > 0
    assert shared > 0


def test_what_is_waited_for_is_returned():
    answers = iter([0, [], "", "there"])
    assert wait_for(lambda: next(answers), every_s=0) == "there"


def test_a_wait_ends_later_where_the_machine_has_become_busy(machine):
    machine()
    looks = []

    def look():
        looks.append(1)
        machine(load=2e9 if len(looks) < 20 else 0.0)  # while the load is high, no time is too long

    with pytest.raises(AssertionError, match=r"nothing after 0 s; a quiet machine is given 0 s"):
        wait_for(look, 1e-9, every_s=0)
    assert len(looks) >= 20


def test_the_time_limit_of_a_test_is_for_this_machine_too(request):
    limit = request.node.get_closest_marker("timeout").args[0]
    assert limit >= float(request.config.getini("timeout"))
