"""The reconciler over a real ledger: studies are accepted, started once, lost, resumed and cancelled."""

import threading
from types import SimpleNamespace

import pytest

from api.answers.measured import Measured
from api.studies import reconciler as reconciling
from api.studies.jobs import RayAwayError, RayHangsError
from api.studies.reconciler import Reconciler
from tests.support.fake_ray import FakeRay
from tests.support.ledgers import STUDY
from tuner.errors import ForbiddenByStateError, LeaseLostError, StudyNotFoundError, UserError
from tuner.ledger.api_keys import ApiKeys
from tuner.ledger.requests import OtherBodyError, RequestKey
from tuner.ledger.rows import Proposal
from tuner.ledger.study_queue import StudyQueue


@pytest.fixture
def queue(ledger):
    return StudyQueue(ledger)


@pytest.fixture
def ray():
    return FakeRay()


@pytest.fixture
def reconciler(queue, ray):
    return Reconciler(queue, ray, most_running=2, most_losses=2)


def test_studies_start_in_order_and_no_more_than_the_limit(ledger, queue, ray, reconciler):
    first, second, third = (queue.submit(**STUDY)[0] for _ in range(3))
    reconciler.step()
    assert ray.submissions == [f"{first}-1", f"{second}-1"]
    assert queue.position(ledger.study(third)) == 1
    lease = ledger.acquire(first, {})
    ledger.release(lease, "succeeded")
    ray.jobs[f"{first}-1"] = "SUCCEEDED"
    reconciler.step()
    assert ray.submissions[2:] == [f"{third}-1"]
    assert ledger.study(first).state == "succeeded"


def test_two_reconcilers_start_a_study_once(queue, ledger):
    studies = [queue.submit(**STUDY)[0] for _ in range(4)]
    claimed, barrier = [], threading.Barrier(4)

    def claim():
        barrier.wait()
        while found := StudyQueue(ledger).claim(10):
            claimed.append(found[0])

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == sorted(studies)


def test_a_job_that_was_named_and_never_started_is_started_under_that_name(queue, ray, reconciler):
    study, _ = queue.submit(**STUDY)
    ray.away = True
    with pytest.raises(RayAwayError):
        reconciler.step()
    ray.away = False
    reconciler.step()
    reconciler.step()
    assert ray.submissions == [f"{study}-1"]


def test_a_ray_that_hangs_is_asked_once_a_step(queue, ray, reconciler):
    for _ in range(2):
        queue.submit(**STUDY)
    reconciler.step()
    asked = []

    def status(job):
        asked.append(job)
        raise RayHangsError("Ray hangs")

    ray.status = status
    with pytest.raises(RayHangsError):
        reconciler.step()
    assert len(asked) == 1


def test_a_study_that_another_process_deletes_meanwhile_holds_up_no_other(ledger, queue, ray, reconciler):
    gone, other = (queue.submit(**STUDY)[0] for _ in range(2))
    reconciler.step()
    for study in (gone, other):
        queue.cancel(study)
        ray.jobs[f"{study}-1"] = "STOPPED"
    status = ray.status

    def deleted(job):
        if job == f"{gone}-1":
            assert queue.job_ended(gone, job, "it ended", 3) == "cancelled"
            queue.delete(gone)
        return status(job)

    ray.status = deleted
    reconciler.step()
    assert queue.jobs() == []
    assert ledger.study(other).state == "cancelled"


def test_a_study_that_lost_its_job_is_resumed_so_many_times_and_then_interrupted(
    ledger, queue, ray, reconciler
):
    study, _ = queue.submit(**STUDY)
    for attempt in (1, 2, 3):
        reconciler.step()
        lease = ledger.acquire(study, {}, job=f"{study}-{attempt}")
        ray.jobs[f"{study}-{attempt}"] = "FAILED"
        reconciler.step()
        with pytest.raises(LeaseLostError):  # whatever is left of the lost driver writes nothing
            ledger.renew(lease)
    assert ray.submissions == [f"{study}-{n}" for n in (1, 2, 3)]
    row = ledger.study(study)
    assert row.state == "interrupted"
    assert "given up" in row.reason
    assert queue.resume(study) == "queued"
    reconciler.step()
    assert ray.submissions[-1] == f"{study}-4"


def test_a_driver_that_lives_while_ray_has_forgotten_its_job_keeps_its_study(ledger, queue, ray, reconciler):
    study, _ = queue.submit(**STUDY)
    reconciler.step()
    lease = ledger.acquire(study, {}, job=f"{study}-1")
    ray.jobs.clear()
    reconciler.step()
    ledger.renew(lease)
    assert ledger.study(study).state == "running"


def test_a_driver_whose_job_ray_has_not_known_for_minutes_loses_its_study(
    ledger, queue, ray, reconciler, monkeypatch
):
    study, _ = queue.submit(**STUDY)
    reconciler.step()
    lease = ledger.acquire(study, {}, job=f"{study}-1")
    ray.jobs.clear()
    reconciler.step()
    monkeypatch.setattr("api.studies.reconciler.RAY_MAY_FORGET_S", -1)
    reconciler.step()
    with pytest.raises(LeaseLostError):
        ledger.renew(lease)
    assert ray.submissions == [f"{study}-1", f"{study}-2"]
    assert "its job was lost; resumed, 1 of 2" in ledger.study(study).reason


def test_a_job_that_ray_knows_again_is_not_held_against_it(ledger, queue, ray, reconciler, monkeypatch):
    study, _ = queue.submit(**STUDY)
    reconciler.step()
    lease = ledger.acquire(study, {}, job=f"{study}-1")
    jobs = ray.jobs
    for minute in range(60):  # every other minute Ray does not know it
        now = 60.0 * minute
        monkeypatch.setattr(reconciling, "time", SimpleNamespace(monotonic=lambda now=now: now))
        ray.jobs = {} if minute % 2 else jobs
        reconciler.step()
    ledger.renew(lease)
    assert 60.0 < reconciling.RAY_MAY_FORGET_S < 30 * 60.0
    for seconds in (0.0, reconciling.RAY_MAY_FORGET_S + 1):
        now = 10_000.0 + seconds
        monkeypatch.setattr(reconciling, "time", SimpleNamespace(monotonic=lambda now=now: now))
        ray.jobs = {}
        reconciler.step()
    with pytest.raises(LeaseLostError):
        ledger.renew(lease)


def test_a_driver_that_renews_no_more_loses_its_job_and_its_study_goes_on(
    ledger, queue, ray, reconciler, monkeypatch
):
    study, _ = queue.submit(**STUDY)
    reconciler.step()
    with monkeypatch.context() as past:
        past.setattr("tuner.ledger.lease.LEASE_S", -100.0)
        lease = ledger.acquire(study, {}, job=f"{study}-1")
    reconciler.step()
    assert ray.stopped == []  # the ledger may have been away
    monkeypatch.setattr("api.studies.reconciler.DRIVER_MAY_BE_SILENT_S", 50.0)
    reconciler.step()
    assert ray.stopped == [f"{study}-1"]
    reconciler.step()
    assert ray.submissions == [f"{study}-1", f"{study}-2"]
    with pytest.raises(LeaseLostError):
        ledger.renew(lease)


@pytest.mark.parametrize("state", ["succeeded", "failed"])
def test_a_terminal_state_is_never_changed(ledger, queue, ray, reconciler, state):
    study, _ = queue.submit(**STUDY)
    reconciler.step()
    ledger.release(ledger.acquire(study, {}), state, "why")
    ray.jobs[f"{study}-1"] = "FAILED"
    for _ in range(3):
        reconciler.step()
    row = ledger.study(study)
    assert (row.state, row.reason, row.job) == (state, "why", None)
    with pytest.raises(ForbiddenByStateError):
        queue.cancel(study)


def test_cancelling_what_waits_is_immediate_idempotent_and_final(ledger, queue, ray, reconciler):
    study, _ = queue.submit(**STUDY)
    assert [queue.cancel(study), queue.cancel(study)] == ["cancelled", "cancelled"]
    reconciler.step()
    assert ray.submissions == []
    with pytest.raises(ForbiddenByStateError):
        queue.resume(study)
    with pytest.raises(UserError):
        ledger.acquire(study, {})


def test_a_study_that_the_ledger_has_not_is_an_error_of_its_own(ledger, queue):
    for ask in (ledger.study, ledger.find_study, queue.cancel, queue.resume, queue.delete):
        with pytest.raises(StudyNotFoundError, match="there is no study 'beef'"):
            ask("beef")
    with pytest.raises(StudyNotFoundError, match="there is no study yet"):
        ledger.find_study("latest")


def test_a_driver_that_does_not_react_to_a_cancel_loses_its_job_and_keeps_what_was_finished(
    ledger, queue, ray, reconciler, monkeypatch
):
    study, _ = queue.submit(**STUDY)
    reconciler.step()
    lease = ledger.acquire(study, {}, job=f"{study}-1")
    trials = ledger.start_population(
        lease, "p", [Proposal("search", "decoupled", 0.5, tau, 0.001) for tau in (0.5, 1.0)], [0]
    )
    row = {trials[0].number: {"val_loss": [1.0]}}
    ledger.record(lease, interval=1, epoch=1, training_s=1, rows=row, final=True)
    assert queue.cancel(study) == "running"
    reconciler.step()
    assert ray.stopped == []  # it has a little time
    monkeypatch.setattr("api.studies.reconciler.DRIVER_MAY_TAKE_S", -1)
    reconciler.step()
    reconciler.step()
    assert ray.stopped == [f"{study}-1"]
    assert ledger.study(study).state == "cancelled"
    assert [t.state for t in ledger.trials(study)] == ["succeeded", "stopped"]
    with pytest.raises(LeaseLostError):
        ledger.renew(lease)


def test_the_same_request_is_the_same_study_and_another_is_refused(queue):
    study, new = queue.submit(**STUDY, request=RequestKey("k", "a"))
    assert new
    assert queue.submit(**STUDY, request=RequestKey("k", "a")) == (study, False)
    assert queue.submit(**STUDY, request=RequestKey("k", "a"), owner="other")[1]
    with pytest.raises(OtherBodyError):
        queue.submit(**STUDY, request=RequestKey("k", "b"))


def test_a_study_is_deleted_only_when_nothing_runs_it(ledger, queue, reconciler):
    study, _ = queue.submit(**STUDY)
    reconciler.step()
    with pytest.raises(ForbiddenByStateError):
        queue.delete(study)
    queue.cancel(study)
    reconciler.step()
    reconciler.step()
    queue.delete(study)
    assert ledger.list_studies() == []


def test_keys_are_kept_as_hashes_and_end_when_revoked(ledger):
    keys = ApiKeys(ledger)
    assert not keys.exist()
    key, row = keys.create("ci", ["submit", "read"])
    assert keys.find(key) == keys.find(key)
    assert keys.find(key).scopes == ("read", "submit")
    assert keys.find(key + "x") is None
    with ledger.reading() as db:
        assert key not in str(db.exec_driver_sql("select * from api_keys").all())
    keys.revoke(row.id)
    assert keys.find(key) is None
    assert keys.exist()  # the service does not open again
    with pytest.raises(UserError):
        keys.create("x", ["root"])


def test_what_was_measured_is_read_once(ledger, queue, monkeypatch):
    studies, leases = [], []
    for _ in range(2):
        studies.append(queue.submit(**STUDY)[0])
        leases.append(ledger.acquire(studies[-1], {}))
        ledger.start_population(
            leases[-1], "p", [Proposal("search", "decoupled", 0.5, tau, 0.001) for tau in (0.5, 1.0)], [0]
        )
    asked = []

    def counted(study, *, after=0, read=ledger.measurements, **limits):
        asked.append((study, after))
        return read(study, after=after, **limits)

    measured = Measured(ledger, most_rows=4)
    for interval in (1, 2):  # the two write by turns
        for lease in leases:
            row = {n: {"val_loss": [1.0]} for n in (0, 1)}
            ledger.record(lease, interval=interval, epoch=interval, training_s=1, rows=row, final=False)
        assert measured.of(studies[0]) == ledger.measurements(studies[0])
    monkeypatch.setattr(ledger, "measurements", counted)
    known = measured.of(studies[0])
    assert asked == [(studies[0], known[-1].id)]
    assert len(measured.of(studies[1])) == 4  # more than may be kept: the other is forgotten
    assert measured.of(studies[0]) == known
    assert asked[1:] == [(studies[1], 0), (studies[0], 0)]
