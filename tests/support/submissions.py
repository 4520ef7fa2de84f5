"""Studies of a service, as its clients and its drivers make them: submitted, and trained."""

from tests.support.specs import TINY
from tuner.ledger.rows import Proposal


def submitted(http, **changes):
    answer = http.post("/studies", json=TINY | changes)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def trained(http, ledger):
    """A study of two trials that has succeeded."""
    study = submitted(http)
    lease = ledger.acquire(study, {})
    proposals = [Proposal("search", "decoupled", 0.5, tau, 0.001) for tau in (0.5, 1.0)]
    ledger.start_population(lease, "p", proposals, [0, 1])
    scores = {0: {"val_loss": [1.0, 2.0]}, 1: {"val_loss": [3.0, float("nan")]}}
    ledger.record(lease, interval=1, epoch=1, training_s=1, rows=scores, final=True)
    ledger.release(lease, "succeeded")
    return study
