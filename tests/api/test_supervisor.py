"""The supervisor restarts a part of the stack that ends, after pauses that grow, and names a part that
does not stay up.
"""

from pathlib import Path

import pytest

from api.machine import supervisor as supervising
from api.machine.supervisor import Supervisor, ready
from tuner.errors import UserError


class Part:
    """A process as a test has it."""

    log = Path("its.log")

    def __init__(self, name="Ray", *, starts_to_get_ready=1):
        self.name, self.running, self.well, self.starts = name, True, True, 1
        self.starts_to_get_ready = starts_to_get_ready

    def healthy(self):
        return self.well

    def start(self):
        self.running, self.starts = True, self.starts + 1

    def end(self):
        self.running = False

    def wait_until_ready(self):
        if self.starts < self.starts_to_get_ready:
            raise UserError(f"{self.name} did not answer")


class Watched:
    """A supervisor on a clock of the test's own."""

    def __init__(self, *parts):
        self.now, self.gave_up = 0.0, 0
        self.supervisor = Supervisor(parts, give_up=self._give_up, clock=lambda: self.now)

    def _give_up(self):
        self.gave_up += 1

    def after(self, seconds):
        self.now += seconds
        self.supervisor.step()


def test_a_part_that_ends_is_started_again_and_the_other_is_left_alone():
    ray, mlflow = Part(), Part("MLflow")
    watched = Watched(ray, mlflow)
    watched.after(1)
    ray.end()
    watched.after(1)
    assert not ray.running  # there is a pause
    watched.after(2)
    assert (ray.running, ray.starts, mlflow.starts) == (True, 2, 1)
    assert watched.supervisor.problem is None


def test_the_pause_grows_while_a_part_does_not_stay_up_and_shrinks_when_it_does():
    part = Part()
    watched = Watched(part)

    def pause():
        part.end()
        watched.after(0)
        began = watched.now
        while not part.running:
            watched.after(0.5)
        return watched.now - began

    assert [pause() for _ in range(3)] == [1, 2, 4]
    watched.after(supervising.STEADY_S + 1)
    assert pause() == 1


def test_a_part_that_does_not_stay_up_is_named_and_given_up_once():
    part = Part("MLflow")
    watched = Watched(part)
    for _ in range(1000):
        part.end()
        watched.after(1)
    assert watched.gave_up == 1
    assert part.starts == 1 + supervising.MOST_FAILURES
    assert watched.supervisor.problem == (
        f"MLflow does not stay up: it ended {supervising.MOST_FAILURES + 1} times; its log is its.log"
    )


def test_a_part_of_which_something_is_missing_is_ended_and_started_again():
    part = Part()
    watched = Watched(part)
    watched.after(1)
    part.well = False
    while part.running:
        watched.after(1)
    assert supervising.BROKEN_S <= watched.now <= supervising.BROKEN_S + 2 * supervising.LOOK_EVERY_S
    part.well = True
    watched.after(2)
    assert (part.running, part.starts) == (True, 2)


def test_a_part_that_is_starting_is_given_more_time():
    part = Part()
    part.well = False
    watched = Watched(part)
    while part.running:
        watched.after(1)
    assert supervising.START_S <= watched.now <= supervising.START_S + 2 * supervising.LOOK_EVERY_S


def test_a_part_that_does_not_get_ready_is_started_again_a_few_times():
    part = Part(starts_to_get_ready=3)
    ready(part)
    assert part.starts == 3
    with pytest.raises(UserError, match="Ray did not answer"):
        ready(Part(starts_to_get_ready=4))
