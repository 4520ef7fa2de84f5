"""Every end of a study is claimed once."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.support.ledgers import create, started
from tuner.ledger.notices import Notices
from tuner.ledger.study_queue import StudyQueue
from tuner.ledger.tables import studies


@pytest.fixture
def notices(ledger):
    return Notices(ledger)


def ended(ledger, state="succeeded"):
    study = create(ledger)
    ledger.release(started(ledger, study), state)
    return study


def test_a_study_that_waits_or_runs_has_no_end(ledger, notices):
    create(ledger)
    started(ledger, create(ledger))
    assert notices.due() == []


@pytest.mark.parametrize("state", ["succeeded", "failed", "interrupted"])
def test_an_end_is_claimed_by_one(ledger, notices, state):
    study = ended(ledger, state)
    assert notices.due() == [study]
    assert [notices.claim(study), Notices(ledger).claim(study)] == [True, False]
    assert notices.due() == []


def test_a_driver_that_is_gone_leaves_an_interruption(ledger, notices):
    study = create(ledger)
    started(ledger, study)
    with ledger.writing() as db:
        db.execute(studies.update().values(lease_until=0.0))
    assert notices.due() == [study]
    assert [notices.claim(study), notices.claim(study)] == [True, False]
    assert notices.due() == []


def test_a_study_of_the_service_is_interrupted_only_when_it_is_given_up(ledger, notices):
    queue = StudyQueue(ledger)
    study, _ = queue.submit(name="x", task="sbn", spec={}, objective="val_loss", direction="minimize")
    _, job = queue.claim(1)
    ledger.acquire(study, {}, job=job)
    with ledger.writing() as db:
        db.execute(studies.update().values(lease_until=0.0))
    assert ledger.study(study).state == "interrupted"
    assert notices.due() == []
    queue.job_ended(study, job, "lost", most_losses=0)
    assert notices.due() == [study]


def test_a_study_that_is_resumed_may_end_again(ledger, notices):
    study = ended(ledger, "failed")
    assert notices.claim(study)
    StudyQueue(ledger).resume(study)
    assert not notices.claim(study)
    ledger.release(ledger.acquire(study, {}), "failed")
    assert notices.claim(study)


def test_a_cancelled_study_has_ended(ledger, notices):
    study = create(ledger)
    StudyQueue(ledger).cancel(study)
    assert notices.claim(study)


def test_of_what_ended_long_ago_nobody_is_told(ledger, notices):
    old, new = ended(ledger), ended(ledger)
    with ledger.writing() as db:
        long_ago = datetime.now(UTC) - timedelta(hours=2)
        db.execute(studies.update().where(studies.c.id == old).values(finished_at=long_ago))
    notices.leave_out(3600)
    assert notices.due() == [new]


def test_claiming_does_not_change_what_clients_see(ledger, notices):
    study = ended(ledger)
    before = ledger.study(study)
    notices.claim(study)
    assert ledger.study(study) == before
