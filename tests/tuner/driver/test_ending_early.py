"""A driver that is stopped, is stuck or has lost its Ray gives its study back, so that nobody has to wait
for its lease to expire.
"""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from tests.support.ledgers import STUDY
from tests.support.processes import wait_for
from tests.support.rows import trial
from tuner.driver.cancellation import CancelledError, cancelled_when_asked
from tuner.driver.drive import what_went_wrong
from tuner.driver.heartbeat import Heartbeat
from tuner.driver.lease_keeping import given_back_on_error, renewing
from tuner.driver.signals import StoppedBySignal, handler_kept, stopping_on_signals
from tuner.errors import UserError
from tuner.ledger.study_queue import StudyQueue

# --- signals ---


@pytest.fixture
def heard():
    """A signal that is not ignored, as SIGHUP is where the tests were started by nohup."""
    kept = {}

    def hear(number):
        kept[number] = signal.signal(number, signal.SIG_DFL)

    yield hear
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("in_ray", [False, True])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_a_driver_which_gives_its_study_back(ledger, lease, heard, number, in_ray):
    heard(number)
    before = signal.getsignal(number)

    def drive():
        with given_back_on_error(ledger, lease), stopping_on_signals():
            try:
                os.kill(os.getpid(), number)
                time.sleep(10)
            except KeyboardInterrupt:
                if in_ray:  # Ray raises its own
                    raise KeyboardInterrupt from None
                raise

    with pytest.raises(KeyboardInterrupt) as stop:
        drive()
    assert (type(stop.value), str(stop.value)) == (StoppedBySignal, number.name)
    row = ledger.study(lease.study_id)
    assert (row.state, row.reason) == ("interrupted", f"stopped by {number.name}")
    assert signal.getsignal(number) is before


def test_a_signal_that_is_ignored_stays_so():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping_on_signals():
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_library_that_takes_a_signal_gives_it_back():
    with stopping_on_signals():
        ours = signal.getsignal(signal.SIGTERM)
        with handler_kept(signal.SIGTERM):
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
        assert signal.getsignal(signal.SIGTERM) is ours


def test_another_thread_may_drive_without_signals():
    passed = []

    def drive():
        with stopping_on_signals(), handler_kept(signal.SIGTERM):
            passed.append(True)

    thread = threading.Thread(target=drive)
    thread.start()
    thread.join()
    assert passed == [True]


# --- reasons ---


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (KeyboardInterrupt(), "stopped by the user"),
        (UserError("there is no GPU"), "there is no GPU"),
        (ValueError("first line\nsecond line"), "ValueError: first line"),
        (UserError(""), "UserError"),
    ],
)
def test_why_a_driver_ended_early_is_in_the_ledger(ledger, lease, error, reason):
    with pytest.raises(type(error)), given_back_on_error(ledger, lease):
        raise error
    assert ledger.study(lease.study_id).reason == reason


# --- a cancel ---


def test_a_cancel_stops_the_main_thread_and_is_final(ledger, lease):
    StudyQueue(ledger).cancel(lease.study_id)
    with (
        pytest.raises(CancelledError, match="what it had finished is kept"),
        cancelled_when_asked(ledger, lease),
    ):
        time.sleep(60)
    assert ledger.study(lease.study_id).state == "cancelled"


def test_ctrl_c_is_no_cancel(ledger, lease):
    with pytest.raises(KeyboardInterrupt) as stop, cancelled_when_asked(ledger, lease):
        raise KeyboardInterrupt
    assert not isinstance(stop.value, CancelledError)
    assert ledger.study(lease.study_id).state == "running"


# --- a parent that ends ---

PARENT = """
import subprocess, sys, time
code = '''
import os, sys, time
import tuner.processes
time.sleep(float(sys.argv[1]))  # the driver's imports
from tuner.driver.cancellation import cancelled_when_asked
from tuner.ledger.store import Ledger
ledger = Ledger(sys.argv[2])
lease = ledger.acquire(sys.argv[3], {})
def orphaned():
    ledger.release(lease, "interrupted", "orphaned")
    os._exit(0)
with cancelled_when_asked(ledger, lease, when_orphaned=orphaned):
    print(flush=True)
    time.sleep(120)
'''
child = subprocess.Popen([sys.executable, "-c", code, *sys.argv[2:]])
time.sleep(float(sys.argv[1]))
"""


@pytest.mark.parametrize(("parent_s", "imports_s"), [(0.5, 2.0), (3.0, 0.0)], ids=["during imports", "after"])
def test_a_driver_whose_parent_has_ended_notices(ledger, parent_s, imports_s):
    study = ledger.create_study(**STUDY)
    command = [sys.executable, "-c", PARENT, str(parent_s), str(imports_s), ledger.url, study]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wait_for(lambda: ledger.study(study).reason == "orphaned", 60)


def test_a_driver_whose_parent_lives_goes_on(ledger, lease):
    called = []
    with cancelled_when_asked(ledger, lease, when_orphaned=lambda: called.append(1)):
        time.sleep(0.2)
    assert called == []


# --- a driver that is stuck ---


def test_a_driver_that_is_stuck_lets_its_lease_run_out(ledger, lease, monkeypatch):
    monkeypatch.setattr("tuner.driver.lease_keeping.LEASE_S", 0.03)
    renewals, renew = [], ledger.renew
    monkeypatch.setattr(ledger, "renew", lambda *given: renewals.append(renew(*given)))
    heartbeat = Heartbeat()
    with renewing(ledger, lease, heartbeat):
        wait_for(lambda: len(renewals) > 2, 30)
    stuck = Heartbeat(stuck_after_s=-1.0)
    assert stuck.stuck
    renewals.clear()
    with renewing(ledger, lease, stuck):
        time.sleep(0.3)
    assert renewals == []


def test_a_sign_of_life_is_enough():
    heartbeat = Heartbeat(stuck_after_s=0.05)
    wait_for(lambda: heartbeat.stuck, 10)
    heartbeat.beat()
    heartbeat_of_now = Heartbeat(stuck_after_s=60.0)
    assert not heartbeat_of_now.stuck


# --- what the trials say ---


def test_what_went_wrong_names_the_first_of_each_kind():
    good = [trial(0, [1.0])]
    assert what_went_wrong(good) is None
    diverged = trial(2, [None], state="diverged", reason="the objective is not finite for 1 of 1 seeds")
    failed = trial(3, None, state="failed", reason="RuntimeError: no memory")
    said = what_went_wrong([*good, diverged, failed, trial(4, None, state="failed", reason="other")])
    assert said == (
        f"2 of 4 trials failed (trial 3, {failed.description}, lr {failed.lr:g}: RuntimeError: no memory); "
        f"1 of 4 trials diverged (trial 2, {diverged.description}, lr {diverged.lr:g}: the objective is not "
        "finite for 1 of 1 seeds)"
    )
