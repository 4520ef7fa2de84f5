"""A study that has run for max_hours ends, and what it had finished is kept."""

import time

import pytest

from tests.support.patience import wait_for
from tests.support.specs import TINY
from tuner.driver import cancellation, lease_keeping
from tuner.driver.cancellation import CancelledError, TimeLimit, cancelled_when_asked
from tuner.driver.heartbeat import Heartbeat
from tuner.driver.lease_keeping import renewing
from tuner.errors import SpecError
from tuner.ledger.rows import Proposal
from tuner.spec.study import parse_spec


def test_the_time_of_earlier_drivers_counts():
    assert not TimeLimit(hours=1.0, ran_s=3599.0, since=time.monotonic()).over
    assert TimeLimit(hours=1.0, ran_s=3601.0, since=time.monotonic()).over
    assert TimeLimit(hours=1.0, ran_s=0.0, since=time.monotonic() - 3601.0).over


def test_a_study_whose_time_is_over_ends_as_cancelled_and_says_why(ledger, lease, monkeypatch):
    monkeypatch.setattr(cancellation, "EVERY_S", 0.05)
    proposals = [Proposal("search", "decoupled", 0.5, tau, 0.001) for tau in (0.5, 1.0)]
    ledger.start_population(lease, "p", proposals, [0])
    ledger.record(lease, interval=1, epoch=1, training_s=1, rows={0: {"val_loss": [1.0]}}, final=True)
    limit = TimeLimit(hours=0.5, ran_s=1800.1)
    with (
        pytest.raises(
            CancelledError, match=r"was stopped after max_hours, 0\.5 h; what it had finished is kept"
        ),
        cancelled_when_asked(ledger, lease, time_limit=limit),
    ):
        time.sleep(60)
    row = ledger.study(lease.study_id)
    assert (row.state, row.reason) == ("cancelled", "stopped after max_hours, 0.5 h")
    assert [t.state for t in ledger.trials(lease.study_id)] == ["succeeded", "stopped"]


def test_a_study_with_time_left_goes_on(ledger, lease):
    with cancelled_when_asked(ledger, lease, time_limit=TimeLimit(hours=1.0, ran_s=0.0)):
        pass
    assert ledger.study(lease.study_id).state == "running"


def test_how_long_drivers_have_had_a_study_is_kept(ledger, lease, monkeypatch):
    monkeypatch.setattr(lease_keeping, "LEASE_S", 0.15)
    with renewing(ledger, lease, Heartbeat()):
        wait_for(lambda: ledger.study(lease.study_id).run_s > 0.15, 20)
    ledger.release(lease, "interrupted")
    before = ledger.study(lease.study_id).run_s
    again = ledger.acquire(lease.study_id, {})
    ledger.renew(again, 5.0)
    assert ledger.study(lease.study_id).run_s == pytest.approx(before + 5.0)


@pytest.mark.parametrize("hours", [0.5, 1, 100_000])
def test_a_spec_may_have_a_limit(hours):
    assert parse_spec(TINY | {"max_hours": hours}).max_hours == hours
    assert parse_spec(TINY).max_hours is None


@pytest.mark.parametrize("hours", [0, -1, 100_001, "long", True, float("inf"), float("nan")])
def test_a_limit_that_is_none_is_refused(hours):
    with pytest.raises(SpecError, match="max_hours: must be"):
        parse_spec(TINY | {"max_hours": hours})
