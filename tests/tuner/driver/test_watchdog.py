"""A worker that has been silent for too long is killed; its silence is counted while the driver is awake."""

from types import SimpleNamespace

import pytest
from ray import cloudpickle

from tuner.driver import watchdog
from tuner.driver.heartbeat import Heartbeat
from tuner.driver.watchdog import Watchdog


@pytest.fixture
def clock(monkeypatch):
    stopped = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(watchdog, "time", SimpleNamespace(monotonic=lambda: stopped.now))
    return stopped


@pytest.fixture
def killed(monkeypatch):
    actors = []
    monkeypatch.setattr(watchdog, "ray", SimpleNamespace(kill=actors.append))
    return actors


def tune_trial(name, actor, status="RUNNING"):
    return SimpleNamespace(trial_id=name, status=status, temporary_state=SimpleNamespace(ray_actor=actor))


def watchdog_of(limit_s, say=print):
    return Watchdog(limit_s, say, lambda: None)


def turns(dog, clock, trials, seconds, each=1.0):
    for _ in range(round(seconds / each)):
        clock.now += each
        dog.on_step_begin(0, trials)


def test_what_is_silent_for_longer_than_the_users_limit_is_killed_and_said(clock, killed):
    said = []
    dog = watchdog_of(10.0, said.append)
    quiet, lively = tune_trial("a", "actor a"), tune_trial("b", "actor b")
    for _ in range(3):
        turns(dog, clock, [quiet, lively], 5)
        dog.on_trial_result(0, [quiet, lively], lively, {})
    assert killed == ["actor a"]
    assert said == ["a population has not reported for 11 s: its worker is killed, and it goes on in another"]


def test_a_new_worker_has_all_of_the_time(clock, killed):
    dog = watchdog_of(10.0)
    turns(dog, clock, [tune_trial("a", "first")], 9)
    turns(dog, clock, [tune_trial("a", "second")], 9)
    assert killed == []


def test_without_a_limit_the_longest_interval_makes_one(clock, killed):
    dog = watchdog_of(None)
    trial = tune_trial("a", "actor")
    turns(dog, clock, [trial], 5000)
    assert (dog.limit_s, killed) == (None, [])  # nothing has reported: an interval may take that long
    dog.on_trial_result(0, [trial], trial, {})
    assert dog.limit_s == pytest.approx(10 * 5000, rel=0.01)
    short = watchdog_of(None)
    turns(short, clock, [trial], 3)
    short.on_trial_result(0, [trial], trial, {})
    assert short.limit_s == 300


def test_a_driver_that_waited_for_the_ledger_does_not_take_that_for_silence(clock, killed):
    dog = watchdog_of(10.0)
    trial = tune_trial("a", "actor")
    turns(dog, clock, [trial], 2)
    turns(dog, clock, [trial], 600, each=600)
    assert killed == []


def test_a_ray_that_does_not_tell_its_workers_is_told_once_and_nothing_is_killed(clock, killed):
    said = []
    dog = watchdog_of(10.0, said.append)
    turns(dog, clock, [SimpleNamespace(trial_id="a", status="RUNNING")], 60)
    assert killed == []
    (line,) = said
    assert line.startswith("workers that hang are not killed: the installed Ray does not tell")


def test_tune_can_pickle_it_as_it_pickles_all_of_its_callbacks():
    dog = cloudpickle.loads(cloudpickle.dumps(Watchdog(7.0, print, Heartbeat().beat)))
    assert dog.limit_s == 7.0
