"""How many studies of an owner may wait and be kept, however a study gets into the queue; with both
databases.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from tests.support.ledgers import STUDY
from tuner.ledger.added_seeds import add_seeds
from tuner.ledger.quotas import Quota, TooManyStudiesError, TooManyWaitError
from tuner.ledger.rows import Proposal
from tuner.ledger.store import Ledger
from tuner.ledger.study_queue import StudyQueue

TWO_WAIT = Quota(waiting=2)


@pytest.fixture
def queue(ledger):
    return StudyQueue(ledger)


def ended(ledger, queue, state):
    """A study of owner a that was driven to some end."""
    study, _ = queue.submit(**STUDY, owner="a")
    lease = ledger.acquire(study, {})
    ledger.start_population(lease, "p", [Proposal("confirm", "decoupled", 0.5, 1.0, 0.001)], [7])
    ledger.record(lease, interval=1, epoch=1, training_s=1, rows={0: {"val_loss": [1.0]}}, final=True)
    ledger.release(lease, state, "why")
    return study


def test_so_many_studies_of_one_owner_wait(queue):
    for owner in ("a", "a", None, None):
        queue.submit(**STUDY, owner=owner, quota=TWO_WAIT)
    for owner in ("a", None):
        with pytest.raises(TooManyWaitError, match="2 studies of the same owner wait"):
            queue.submit(**STUDY, owner=owner, quota=TWO_WAIT)
    queue.submit(**STUDY, owner="b", quota=TWO_WAIT)
    queue.claim(100)
    queue.submit(**STUDY, owner="a", quota=TWO_WAIT)


@pytest.mark.parametrize(
    ("state", "again"),
    [
        ("interrupted", lambda ledger, study: StudyQueue(ledger).resume(study, quota=TWO_WAIT)),
        ("failed", lambda ledger, study: StudyQueue(ledger).resume(study, quota=TWO_WAIT)),
        (
            "succeeded",
            lambda ledger, study: add_seeds(ledger, study, 5, room=9, service=True, quota=TWO_WAIT),
        ),
    ],
    ids=["resume an interrupted one", "resume a failed one", "add seeds"],
)
def test_a_study_that_comes_back_counts_as_one_that_is_submitted(ledger, queue, state, again):
    studies = [ended(ledger, queue, state) for _ in range(3)]
    for study in studies[:2]:
        assert again(ledger, study) == "queued"
    with pytest.raises(TooManyWaitError, match="TUNER_MAX_QUEUED"):
        again(ledger, studies[2])
    assert ledger.study(studies[2]).state == state
    assert again(ledger, studies[0]) == "queued"  # asked again, it takes no other place
    queue.claim(100)
    assert again(ledger, studies[2]) == "queued"


def test_who_come_at_once_take_no_more_places_than_there_are(url, ledger, queue):
    studies = [ended(ledger, queue, "failed") for _ in range(6)]
    start = threading.Barrier(len(studies))

    def resumed(study):
        with closing(Ledger(url)) as mine:  # as another process has it
            start.wait()
            try:
                return StudyQueue(mine).resume(study, quota=TWO_WAIT)
            except TooManyWaitError:
                return "refused"

    with ThreadPoolExecutor(len(studies)) as clients:
        answers = sorted(clients.map(resumed, studies))
    assert answers == ["queued"] * 2 + ["refused"] * 4


def test_trials_are_not_forgotten_where_there_is_no_place_to_start_them_anew(ledger, queue):
    study, *_ = [ended(ledger, queue, "failed"), *(queue.submit(**STUDY, owner="a") for _ in range(2))]
    with pytest.raises(TooManyWaitError):
        queue.restart_trials(study, quota=TWO_WAIT)
    assert len(ledger.trials(study)) == 1
    queue.restart_trials(study, quota=Quota(waiting=3))
    assert ledger.trials(study) == []


def test_a_study_that_lost_its_job_goes_back_whoever_waits(queue):
    queue.submit(**STUDY, owner="a", quota=TWO_WAIT)
    study, job = queue.claim(100)
    for _ in range(2):
        queue.submit(**STUDY, owner="a", quota=TWO_WAIT)
    assert queue.job_ended(study, job, "its job is gone", 3) == "queued"
    with pytest.raises(TooManyWaitError):
        queue.submit(**STUDY, owner="a", quota=TWO_WAIT)


def test_so_many_studies_of_one_owner_are_kept_until_some_are_deleted(ledger, queue):
    quota = Quota(studies=2)
    first = ended(ledger, queue, "succeeded")
    for owner in ("a", None, None):
        queue.submit(**STUDY, owner=owner, quota=quota)
    for owner in ("a", None):
        with pytest.raises(TooManyStudiesError, match=r"2 studies are kept .*TUNER_MAX_STUDIES"):
            queue.submit(**STUDY, owner=owner, quota=quota)
    queue.submit(**STUDY, owner="b", quota=quota)
    queue.delete(first)
    queue.submit(**STUDY, owner="a", quota=quota)
