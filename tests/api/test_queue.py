"""The service's queue: turns between owners, repeated requests, lost jobs, and outcomes that are kept."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from api.answers.costly import Costly
from api.answers.views import Views
from api.settings import ServiceSettings
from tests.support.served import SMALL
from tuner.errors import ForbiddenByStateError
from tuner.ledger.pages import Pages
from tuner.ledger.requests import RequestKey
from tuner.ledger.rows import Proposal
from tuner.ledger.study_queue import StudyQueue
from tuner.ledger.tables import idempotency, studies
from tuner.spec.study import parse_spec

SPEC = parse_spec(SMALL).model_dump(mode="json")
STUDY = {"name": "x", "task": "sbn", "spec": SPEC, "objective": "val_loss", "direction": "minimize"}


@pytest.fixture
def queue(ledger):
    return StudyQueue(ledger)


def started(ledger, most=100, **limits):
    """The owners whose studies are started, in order."""
    order = []
    while claimed := StudyQueue(ledger).claim(most, **limits):
        with ledger.reading() as db:
            query = sa.select(studies.c.owner).where(studies.c.id == claimed[0])
            order.append(db.execute(query).scalar_one())
    return order


def test_owners_are_served_in_turn_and_the_studies_of_each_by_age(ledger, queue):
    for owner in ["a"] * 4 + ["b"] * 2 + ["c"]:
        queue.submit(**STUDY, owner=owner)
    assert started(ledger) == ["a", "b", "c", "a", "b", "a", "a"]


def test_an_owner_with_many_running_waits_for_one_with_none(ledger, queue):
    for _ in range(5):
        queue.submit(**STUDY, owner="a")
    assert started(ledger, most=2) == ["a", "a"]
    queue.submit(**STUDY, owner="b")
    assert started(ledger, most=3) == ["b"]


def test_studies_of_nobody_are_those_of_one_owner(ledger, queue):
    for owner in (None, None, "a"):
        queue.submit(**STUDY, owner=owner)
    assert started(ledger) == [None, "a", None]


def test_one_owner_has_so_many_running(ledger, queue):
    for owner in ["a"] * 3 + ["b"]:
        queue.submit(**STUDY, owner=owner)
    assert started(ledger, most_of_one_owner=2) == ["a", "b", "a"]


def test_the_position_is_the_order_in_which_studies_start(ledger, queue):
    waiting = [queue.submit(**STUDY, owner=owner)[0] for owner in ["a", "a", "b", "a", "c", None]]
    positions = {queue.position(ledger.study(study)): study for study in waiting}
    assert sorted(positions) == [1, 2, 3, 4, 5, 6]
    for place in range(1, 7):
        assert queue.claim(100)[0] == positions[place]


# --- requests that come twice ---


def test_a_request_that_comes_again_does_not_bring_a_deleted_study_back(ledger, queue):
    request = RequestKey("once", "body")
    study, _ = queue.submit(**STUDY, request=request)
    queue.cancel(study)
    queue.delete(study)
    with pytest.raises(ForbiddenByStateError, match=f"made study {study}, which has been deleted"):
        queue.submit(**STUDY, request=request)
    with ledger.writing() as db:
        yesterday = datetime.now(UTC) - timedelta(hours=25)
        db.execute(idempotency.update().values(deleted_at=yesterday))
    again, new = queue.submit(**STUDY, request=request)
    assert new
    assert again != study


# --- jobs that are lost ---


def lose_job(ledger, queue, study, *, measured):
    """The study's next job starts, measures something or not, and is lost."""
    _, job = queue.claim(100)
    lease = ledger.acquire(study, {}, job=job)
    if measured:
        first = not ledger.trials(study)
        proposals = [Proposal("search", "decoupled", 0.5, 1.0, 0.001)]
        if first:
            ledger.start_population(lease, "p", proposals, [0])
        interval = 1 + len(ledger.measurements(study))
        rows = {0: {"val_loss": [1.0]}}
        ledger.record(lease, interval=interval, epoch=interval, training_s=1, rows=rows, final=False)
    return queue.job_ended(study, job, "its job was lost", most_losses=2)


def test_a_study_that_gets_on_between_its_losses_is_resumed_without_end(ledger, queue):
    study, _ = queue.submit(**STUDY)
    assert [lose_job(ledger, queue, study, measured=True) for _ in range(6)] == ["queued"] * 6


def test_a_study_that_does_not_get_on_is_given_up(ledger, queue):
    study, _ = queue.submit(**STUDY)
    assert lose_job(ledger, queue, study, measured=True) == "queued"
    found = [lose_job(ledger, queue, study, measured=False) for _ in range(2)]
    assert found == ["queued", "interrupted"]
    assert "given up" in ledger.study(study).reason


# --- verdicts in lists ---


def test_a_verdict_is_found_once_and_kept_in_the_ledger(ledger, queue, tmp_path, monkeypatch):
    study, _ = queue.submit(**STUDY)
    ledger.release(ledger.acquire(study, {}), "succeeded")
    pages, found = Pages(ledger), []

    def listed():
        """A list as a process makes it that has just been started."""
        views = Views(ledger, pages, queue, ServiceSettings(home=tmp_path), Costly())
        return views.listed(pages.page(10))

    monkeypatch.setattr(
        "api.answers.outcomes.results", lambda *rows, **more: found.append(1) or results(*rows, **more)
    )
    from tuner.evidence.analysis import results

    first = listed()
    assert (listed(), len(found)) == (first, 1)
    queue.annotate(study, comment="what is written beside it changes nothing of it")
    assert listed() != first
    assert len(found) == 1
    with ledger.writing() as db:
        db.execute(studies.update().values(state="interrupted"))
    ledger.release(ledger.acquire(study, {}), "failed", "it went on, and came to another end")
    listed()
    assert len(found) == 2
