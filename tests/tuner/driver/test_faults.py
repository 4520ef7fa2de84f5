"""A study on a real cluster survives what happens there: everything is killed in turn, then the ledger and
MLflow are read.

One head and two workers, PostgreSQL for the ledger and MLflow, one study that is paced (an interval a second
while a file is there), so that every fault comes in the middle of its work however fast the machine is. Each
test does one thing to that study and waits until it is well again; then it is let to its end, and what every
fault must have left whole is checked. Any test can be run by itself: what one that failed has left broken is
put right before the next. deploy/FAULTS.md is the table of all faults.
"""

import os
import signal
import time

import pytest

from tests.support import checker
from tests.support.day import INTERVALS, Day
from tests.support.patience import wait_for
from tests.support.postgresql import MISSING
from tests.support.processes import alive, kill
from tests.support.servers import Driver
from tuner.ledger.projection import Projection

pytestmark = [pytest.mark.faults, pytest.mark.skipif(MISSING is not None, reason=str(MISSING))]


@pytest.fixture(scope="module")
def the_day():
    made = Day()
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def day(the_day):
    """The study, in the middle of its work on both nodes."""
    the_day.put_right()
    if the_day.driver is None or not the_day.driver.running():
        the_day.drive()
    wait_for(lambda: all(the_day.cluster.training()), 60)
    return the_day


@pytest.fixture
def evening(the_day):
    """The cluster, with nothing to do."""
    the_day.put_right()
    the_day.end_driver()
    wait_for(lambda: not any(the_day.cluster.training()), 60)
    the_day.pace.touch()
    return the_day


def recovered(what, seconds):
    """Says how long a recovery took."""
    print(f"\n{what}: {seconds:.1f} s until every population had reported twice")


def test_populations_are_spread_over_the_nodes(day):
    assert [len(workers) for workers in day.cluster.training()] == [1, 1]


def test_a_worker_that_is_killed_is_replaced(day):
    victim = day.victim()
    kill(victim)
    recovered("worker killed", day.goes_on())
    assert all(victim not in workers for workers in day.cluster.training())


def test_a_worker_that_hangs_is_killed_and_replaced(day):
    victim = day.victim()
    os.kill(victim, signal.SIGSTOP)
    recovered("worker suspended", day.goes_on())
    assert not alive(victim)
    assert "has not reported for" in day.driver.said.read_text()


def test_a_node_that_is_lost_is_done_without_and_a_new_one_is_used(day):
    lost = day.cluster.workers.pop()
    since = time.monotonic()
    kill(lost.pid_of("raylet"))
    lost.kill()  # what the raylet's end has left of it
    day.cluster.add_worker()
    day.goes_on()
    recovered("node lost, a new one started at once", time.monotonic() - since)
    wait_for(lambda: all(day.cluster.training()), 60)


def test_training_does_not_wait_for_an_mlflow_that_is_away_for_a_minute(day):
    def reports_within(seconds):
        before = len(day.ledger.measurements(day.study))
        time.sleep(seconds)
        return len(day.ledger.measurements(day.study)) - before

    usual = reports_within(20)
    day.mlflow.kill()
    meanwhile = reports_within(60)
    print(
        f"\nMLflow away: {meanwhile / 60:.2f} reports a second in a minute without it, {usual / 20:.2f} "
        "before"
    )
    day.goes_on()
    last = day.ledger.measurements(day.study)[-1].id
    assert Projection(day.ledger).sent(day.study)[0] < last
    since = time.monotonic()
    day.mlflow.start()
    wait_for(lambda: Projection(day.ledger).sent(day.study)[0] >= last, 120)
    print(f"MLflow has everything {time.monotonic() - since:.1f} s after it was started again")


def test_a_driver_waits_for_a_database_that_is_away_for_half_a_minute(day):
    before = [m.id for m in day.ledger.measurements(day.study)]
    day.databases.kill()
    time.sleep(30)
    day.databases.start()
    recovered("PostgreSQL, after its 30 s away", day.goes_on())
    assert [m.id for m in day.ledger.measurements(day.study)][: len(before)] == before


def test_the_database_and_a_worker_lost_at_once(day):
    victim = day.victim()
    day.databases.kill()
    kill(victim)
    time.sleep(3)
    day.databases.start()
    recovered("PostgreSQL, after its 3 s away, and a worker", day.goes_on())
    assert not alive(victim)


def test_a_driver_that_is_killed_leaves_a_study_to_resume(day):
    since = time.monotonic()
    day.driver.kill()
    assert day.ledger.study(day.study).state == "interrupted"
    day.drive()
    recovered("driver killed, resumed at once", time.monotonic() - since)


def test_a_head_that_is_killed_interrupts_a_study_which_resumes_on_a_new_cluster(day):
    since = time.monotonic()
    day.cluster.head.kill()
    wait_for(lambda: not day.driver.running(), 90)
    print(f"\nhead killed: the driver ended after {time.monotonic() - since:.1f} s")
    assert day.driver.process.returncode != 0
    assert day.ledger.study(day.study).state == "interrupted"
    day.cluster.stop()
    day.new_cluster()
    since = time.monotonic()
    day.drive()
    recovered("resumed on a new cluster", time.monotonic() - since)


def test_after_all_of_it_every_trial_ended_once_and_nothing_is_lost_or_doubled(day):
    day.pace.unlink()
    wait_for(lambda: not day.driver.running(), 240)
    assert day.driver.process.returncode == 0, day.driver.said.read_text()
    day.trials()  # what ended between the faults has not changed
    assert day.ledger.study(day.study).state == "succeeded"
    trials = checker.check_ledger_and_mlflow(day.url, day.mlflow_url, day.study, intervals=INTERVALS)
    assert [t.role for t in trials].count("search") == 40
    assert {t.state for t in trials} == {"succeeded"}
    assert not list((day.home / "checkpoints").glob("*"))


# --- devices, on the same cluster ---


def test_two_populations_share_a_device_and_a_worker_reads_the_data_once(evening):
    evening.reads.unlink(missing_ok=True)
    spec = evening.spec("shared", epochs=3, reports=3, baselines=[], confirm_seeds=0)
    driver = Driver(evening.folder, evening.environment(TUNER_GPUS_PER_POPULATION="0.5"), "run", spec)
    wait_for(lambda: [len(workers) for workers in evening.cluster.training()] == [2, 2], 90)

    def uses():
        """(process, dataset) of every population."""
        lines = evening.reads.read_text().splitlines() if evening.reads.exists() else []
        return [(pid, data) for pid, data in map(str.split, lines) if pid != str(driver.process.pid)]

    wait_for(lambda: len({pid for pid, _ in uses()}) == 4, 90)  # each has begun with one
    evening.pace.unlink()
    wait_for(lambda: not driver.running(), 120)
    assert driver.process.returncode == 0, driver.said.read_text()
    trials, _ = checker.check_ledger(evening.url, driver.study, intervals=3)
    assert len(uses()) >= len({t.population for t in trials}) == 40
    reads = [pid for pid, _ in {*uses()}]
    assert len(reads) == len(set(reads)) == 4  # by four workers, for all of the populations


def test_a_study_waits_for_the_devices_that_its_cluster_may_grow_to(evening):
    while evening.cluster.workers:
        evening.cluster.workers.pop().kill()
    spec = evening.spec("grown", epochs=3, reports=3, baselines=[], confirm_seeds=0)
    driver = Driver(evening.folder, evening.environment(TUNER_DEVICES="2"), "run", spec)
    try:
        wait_for(lambda: evening.ledger.trials(driver.study), 60)  # it has asked for a device
        assert not evening.ledger.measurements(driver.study)
        for n in (1, 2):
            evening.cluster.add_worker()
            wait_for(lambda n=n: sum(map(len, evening.cluster.training())) == n, 60)
        evening.pace.unlink()
        wait_for(lambda: not driver.running(), 120)
        assert driver.process.returncode == 0, driver.said.read_text()
        checker.check_ledger(evening.url, driver.study, intervals=3)
    finally:
        if driver.running():
            driver.kill()
