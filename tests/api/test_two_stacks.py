"""Two stacks over one ledger, each with its own Ray: a study belongs to one stack at a time, and none is
lost.
"""

import pytest

from api.studies import reconciler as reconciling
from api.studies.reconciler import Reconciler
from tests.support.fake_ray import FakeRay
from tests.support.ledgers import STUDY
from tuner.errors import LeaseLostError, UserError
from tuner.ledger.study_queue import StudyQueue


class Stack:
    """A service with its Ray."""

    def __init__(self, ledger, name):
        self.ray = FakeRay(name)
        self.reconciler = Reconciler(StudyQueue(ledger), self.ray, most_running=1, most_losses=1)

    def step(self):
        self.reconciler.step()


@pytest.fixture
def stacks(ledger):
    return Stack(ledger, "one"), Stack(ledger, "two")


@pytest.fixture
def later(monkeypatch):
    """Minutes have passed in which the other stack did nothing."""
    return lambda: monkeypatch.setattr(reconciling, "OTHERS_MAY_TAKE_S", -1e9)


def submitted(ledger):
    return StudyQueue(ledger).submit(**STUDY)[0]


def test_a_job_is_submitted_to_the_cluster_that_it_was_named_for(ledger, stacks):
    one, two = stacks
    studies = [submitted(ledger) for _ in range(3)]
    for _ in range(2):
        one.step()
        two.step()
    assert (one.ray.submissions, two.ray.submissions) == ([f"{studies[0]}-1"], [f"{studies[1]}-1"])


def test_a_job_that_was_named_and_not_yet_started_is_left_to_its_own_stack(ledger, stacks):
    one, two = stacks
    study = submitted(ledger)
    StudyQueue(ledger).claim(1, "one")
    two.step()
    assert two.ray.submissions == []
    one.step()
    assert one.ray.submissions == [f"{study}-1"]


def test_a_study_whose_stack_is_gone_is_taken_over(ledger, stacks, later):
    one, two = stacks
    study = submitted(ledger)
    one.step()
    later()
    two.step()
    assert two.ray.submissions == [f"{study}-2"]
    with pytest.raises(UserError, match="no longer for job"):  # its driver starts after all
        ledger.acquire(study, {}, job=f"{study}-1")
    ledger.acquire(study, {}, job=f"{study}-2")


def test_a_study_that_runs_on_another_cluster_is_never_taken(ledger, stacks, later):
    one, two = stacks
    study = submitted(ledger)
    one.step()
    lease = ledger.acquire(study, {}, job=f"{study}-1")
    later()
    two.step()
    ledger.renew(lease)
    assert (ledger.study(study).state, two.ray.submissions) == ("running", [])


def test_a_job_that_ends_takes_nothing_from_a_driver_that_is_not_it(ledger, stacks):
    one, _ = stacks
    study = submitted(ledger)
    one.step()
    lease = ledger.acquire(study, {})  # `tuner resume`, say: the job's driver is refused
    with pytest.raises(UserError, match="is being run by"):
        ledger.acquire(study, {}, job=f"{study}-1")
    one.ray.jobs[f"{study}-1"] = "FAILED"
    for _ in range(2):
        one.step()
    ledger.renew(lease)
    assert (ledger.study(study).state, ledger.study(study).job) == ("running", None)
    ledger.release(lease, "succeeded")
    one.step()
    assert ledger.study(study).state == "succeeded"


def test_a_job_that_ends_while_its_driver_seems_to_live_is_fenced(ledger, stacks):
    one, _ = stacks
    study = submitted(ledger)
    one.step()
    lease = ledger.acquire(study, {}, job=f"{study}-1")
    one.ray.jobs[f"{study}-1"] = "FAILED"
    one.step()
    with pytest.raises(LeaseLostError):
        ledger.renew(lease)


def test_jobs_from_before_clusters_had_names_belong_to_whoever_looks(ledger, stacks):
    one, _ = stacks
    study = submitted(ledger)
    with ledger.writing() as db:
        db.exec_driver_sql(f"UPDATE studies SET job = '{study}-1', jobs = 1")
    one.step()
    assert one.ray.submissions == [f"{study}-1"]
