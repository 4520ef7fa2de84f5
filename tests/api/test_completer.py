"""The completer: a study that MLflow refuses does not hold up the others, and is tried again later."""

import time

import pytest

from api.settings import ServiceSettings
from api.studies import completer as completing
from api.studies.completer import Completer
from tests.support.served import SMALL
from tuner.ledger.projection import Projection
from tuner.ledger.rows import Proposal
from tuner.ledger.study_queue import StudyQueue
from tuner.spec.study import parse_spec

STUDY = {
    "name": "x", "task": "sbn", "spec": parse_spec(SMALL).model_dump(mode="json"), "objective": "val_loss",
    "direction": "minimize",
}  # fmt: skip


class FakeProjector:
    """Takes the studies that MLflow does not refuse."""

    refused, hangs, tried = set(), set(), []

    def __init__(self, ledger, study_id, _uri):
        self.ledger, self.study, self.problem = ledger, study_id, None

    def start(self):
        self.tried.append(self.study)

    def finish(self, _timeout_s):
        if self.study in self.refused:
            self.problem = "the experiment is deleted"
        if self.study in self.refused | self.hangs:
            return False
        closed = [t.id for t in self.ledger.trials(self.study)]
        Projection(self.ledger).note(self.study, closed=closed)
        return True

    def publish(self, _files, _artifacts):
        pass


@pytest.fixture
def projector(monkeypatch):
    fake = type("Fake", (FakeProjector,), {"refused": set(), "hangs": set(), "tried": []})
    monkeypatch.setattr(completing, "Projector", fake)
    return fake


@pytest.fixture
def completer(ledger, tmp_path):
    return Completer(ledger, ServiceSettings(home=tmp_path), "http://127.0.0.1:9")


def ended(ledger):
    """A study of the service that has ended and of which MLflow has nothing."""
    study, _ = StudyQueue(ledger).submit(**STUDY)
    lease = ledger.acquire(study, {})
    ledger.start_population(lease, "p", [Proposal("search", "decoupled", 0.5, 1.0, 0.001)], [0])
    ledger.record(lease, interval=1, epoch=1, training_s=1, rows={0: {"val_loss": [1.0]}}, final=True)
    ledger.release(lease, "succeeded")
    return study


def test_studies_are_completed_one_after_the_other_oldest_first(ledger, completer, projector):
    studies = [ended(ledger) for _ in range(3)]
    assert [completer.step() for _ in range(4)] == [True, True, True, False]
    assert projector.tried == studies


@pytest.mark.parametrize("how", ["refused", "hangs"])
def test_studies_that_mlflow_does_not_take_let_the_others_through(
    ledger, completer, projector, how, monkeypatch
):
    bad = [ended(ledger) for _ in range(20)]
    setattr(projector, how, set(bad))
    good = [ended(ledger) for _ in range(2)]
    for _ in range(22):
        completer.step()
    assert projector.tried == [*bad, *good]
    late = ended(ledger)
    monkeypatch.setattr(completing, "AGAIN_S", 0.0)  # all of them are due again
    assert completer.step()
    assert projector.tried[-1] == late
    for _ in range(20):
        completer.step()
    assert projector.tried[-20:] == bad  # the least recently tried first


def test_a_study_that_failed_is_tried_again_after_a_while_and_not_before(
    ledger, completer, projector, monkeypatch
):
    study = ended(ledger)
    projector.refused = {study}
    assert [completer.step() for _ in range(3)] == [False] * 3
    assert projector.tried == [study]
    projector.refused = set()
    later = time.monotonic() + completing.AGAIN_S + 1
    monkeypatch.setattr(completing.time, "monotonic", lambda: later)
    assert completer.step()
    assert not completer.step()
    assert projector.tried == [study, study]
