"""A study has one driver at a time, and a driver that was replaced writes nothing."""

import os
import subprocess
import sys

import pytest

from tests.support.ledgers import create, dump, record, started
from tuner.errors import LeaseLostError, UserError
from tuner.ledger.rows import Proposal


def in_another_process(ledger, code, *arguments):
    opened = (
        "import os, sys\nfrom tuner.errors import UserError\nfrom tuner.ledger.store import Ledger\n"
        "ledger = Ledger(sys.argv[1])\n"
    )
    command = [sys.executable, "-c", opened + code, ledger.url, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_a_study_has_one_driver_until_it_lets_go(ledger, study):
    first = ledger.acquire(study, {"torch": "1"})
    assert ledger.study(study).state == "running"
    with pytest.raises(UserError, match=f"study {study} is being run by .*:{os.getpid()}"):
        ledger.acquire(study, {})
    ledger.release(first, "interrupted", "stopped by the user")
    assert (ledger.study(study).state, ledger.study(study).reason) == ("interrupted", "stopped by the user")
    second = ledger.acquire(study, {"torch": "2"})
    assert second.fence > first.fence
    row = ledger.study(study)
    assert (row.state, row.reason, row.host) == ("running", None, {"torch": "2"})


def test_the_lease_of_one_study_is_not_anothers(ledger, study):
    ledger.acquire(study, {})
    ledger.acquire(create(ledger), {})


def test_a_study_that_failed_may_be_driven_again(ledger, study):
    ledger.release(ledger.acquire(study, {}), "failed", "every trial failed")
    failed = ledger.study(study)
    assert (failed.state, failed.reason, failed.finished_at is not None) == (
        "failed",
        "every trial failed",
        True,
    )
    ledger.acquire(study, {})
    again = ledger.study(study)
    assert (again.state, again.reason, again.started_at, again.finished_at) == (
        "running",
        None,
        failed.started_at,
        None,
    )


@pytest.mark.parametrize("state", ["succeeded", "cancelled"])
def test_a_study_that_has_ended_is_not_driven_again(ledger, study, state):
    ledger.release(ledger.acquire(study, {}), state)
    assert ledger.study(study).finished_at is not None
    with pytest.raises(UserError, match=f"has {state}; there is nothing to resume"):
        ledger.acquire(study, {})


@pytest.mark.parametrize(
    "collected",
    [
        pytest.param(True, id="collected"),
        pytest.param(
            False,
            id="zombie",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="/proc tells a zombie"),
        ),
    ],
)
def test_the_lease_of_a_dead_process_is_free_at_once(ledger, study, collected):
    driver = in_another_process(
        ledger, "ledger.acquire(sys.argv[2], {})\nprint(flush=True)\nsys.stdin.read()\nos._exit(1)", study
    )
    with driver:
        driver.stdout.readline()
        assert ledger.study(study).state == "running"
        with pytest.raises(UserError, match=f"is being run by .*:{driver.pid}"):
            ledger.acquire(study, {})
        driver.stdin.close()
        if collected:
            driver.wait()
        else:
            os.waitid(os.P_PID, driver.pid, os.WEXITED | os.WNOWAIT)
        assert ledger.study(study).state == "interrupted"
        assert [row.state for row in ledger.list_studies()] == ["interrupted"]
        ledger.acquire(study, {})
        assert ledger.study(study).state == "running"


WRITES = {
    "renew": lambda ledger, lease: ledger.renew(lease),
    "release": lambda ledger, lease: ledger.release(lease, "succeeded"),
    "start": lambda ledger, lease: ledger.start_population(
        lease, "p1", [Proposal("search", "decoupled", 2.0, 2.0, 0.1)], [0]
    ),
    "restart": lambda ledger, lease: ledger.restart_population(lease, "p0"),
    "record": lambda ledger, lease: record(ledger, lease, 1, final=True),
    "fail": lambda ledger, lease: ledger.fail(lease, [0], "no reason"),
}


@pytest.mark.parametrize("write", WRITES)
def test_a_driver_that_was_replaced_writes_nothing(ledger, study, write, monkeypatch):
    with monkeypatch.context() as past:
        past.setattr("tuner.ledger.lease.LEASE_S", -1.0)
        old = started(ledger, study)
    assert ledger.study(study).state == "interrupted"
    new = ledger.acquire(study, {})
    before = dump(ledger)
    with pytest.raises(LeaseLostError):
        WRITES[write](ledger, old)
    assert dump(ledger) == before
    WRITES[write](ledger, new)
    assert dump(ledger) != before


@pytest.mark.parametrize("write", WRITES)
def test_a_lease_that_was_given_back_writes_nothing(ledger, study, write):
    lease = started(ledger, study)
    ledger.release(lease, "interrupted")
    before = dump(ledger)
    with pytest.raises(LeaseLostError):
        WRITES[write](ledger, lease)
    assert dump(ledger) == before


def test_renewing_keeps_the_lease(ledger, study, monkeypatch):
    with monkeypatch.context() as past:
        past.setattr("tuner.ledger.lease.LEASE_S", -1.0)
        lease = ledger.acquire(study, {})
    ledger.renew(lease)
    assert ledger.study(study).state == "running"
    with pytest.raises(UserError, match="is being run by"):
        ledger.acquire(study, {})


WRITER = """
own, *contended = sys.argv[2:]
from tuner.ledger.projection import Projection
from tuner.ledger.rows import Continuation, Proposal
lease = ledger.acquire(own, {})
ledger.start_population(lease, "p", [Proposal("search", "decoupled", 0.5, 0.5, 0.1)], [0])
print(flush=True)
sys.stdin.readline()
won = 0
for interval, study in enumerate(contended, start=1):
    last = interval == len(contended)
    rows = {0: {"val_loss": [1.0]}}
    ledger.record(lease, interval=interval, epoch=1.0, training_s=1.0, rows=rows, final=last)
    try:
        ledger.acquire(study, {})
        won += 1
    except UserError:
        pass
print(won, flush=True)
sys.stdin.readline()
ledger.release(lease, "succeeded")
"""


def test_two_processes_that_write_at_once_lose_nothing(ledger):
    own = [create(ledger), create(ledger)]
    contended = [create(ledger) for _ in range(40)]
    with (
        in_another_process(ledger, WRITER, own[0], *contended) as a,
        in_another_process(ledger, WRITER, own[1], *contended) as b,
    ):
        for _ in range(2):  # both are ready; both have written, and are still there
            said = [p.stdout.readline() for p in (a, b)]
            for p in (a, b):
                p.stdin.write("\n")
                p.stdin.flush()
    assert (a.returncode, b.returncode) == (0, 0)
    assert sum(map(int, said)) == len(contended)  # every study has one driver
    for study in own:
        row = ledger.study(study)
        assert (row.state, row.training_s) == ("succeeded", 40.0)
        assert [t.state for t in ledger.trials(study)] == ["succeeded"]
        assert [m.interval for m in ledger.measurements(study)] == list(range(1, 41))
