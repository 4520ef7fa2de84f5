"""Fresh seeds are added to studies that have succeeded; a repeated request adds none."""

import pytest

from tests.support.ledgers import STUDY
from tuner.errors import ForbiddenByStateError, StudyNotFoundError
from tuner.ledger.added_seeds import add_seeds
from tuner.ledger.rows import Proposal
from tuner.ledger.study_queue import StudyQueue


def ended(ledger, state="succeeded", role="confirm"):
    study = ledger.create_study(**STUDY)
    lease = ledger.acquire(study, {})
    ledger.start_population(lease, "p", [Proposal(role, "decoupled", 0.5, 1.0, 0.001)], [7, 8])
    ledger.record(lease, interval=1, epoch=1, training_s=1, rows={0: {"val_loss": [1.0, 2.0]}}, final=True)
    ledger.release(lease, state, "why")
    return study


@pytest.mark.parametrize(("service", "state"), [(True, "queued"), (False, "interrupted")])
def test_a_block_is_added_once_however_often_it_is_asked_for(ledger, service, state):
    study = ended(ledger)
    assert ledger.study(study).added_seeds == ()
    for _ in range(3):
        assert add_seeds(ledger, study, 5, room=20, service=service) == state
    row = ledger.study(study)
    assert (row.state, row.added_seeds, row.finished_at) == (state, (5,), None)
    assert (StudyQueue(ledger).claim(9) is not None) == service
    with pytest.raises(ForbiddenByStateError, match="is being trained; wait for its end"):
        add_seeds(ledger, study, 6, room=20, service=service)


def test_blocks_are_added_one_after_the_other_as_long_as_there_is_room(ledger):
    study = ended(ledger)
    for seeds in (5, 7):
        add_seeds(ledger, study, seeds, room=15, service=False)
        ledger.release(ledger.acquire(study, {}), "succeeded")
    assert ledger.study(study).added_seeds == (5, 7)
    for seeds in (4, 0):
        with pytest.raises(ForbiddenByStateError, match=f"room for 3 more fresh seeds, and {seeds} were"):
            add_seeds(ledger, study, seeds, room=15, service=False)
    assert ledger.study(study).state == "succeeded"


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_what_has_not_succeeded_gets_none(ledger, state):
    study = ended(ledger, state)
    with pytest.raises(ForbiddenByStateError, match="added to a study that has succeeded"):
        add_seeds(ledger, study, 5, room=20, service=True)
    assert (ledger.study(study).state, ledger.study(study).added_seeds) == (state, ())


def test_what_waits_runs_or_confirmed_nothing_gets_none(ledger):
    study = ledger.create_study(**STUDY)
    with pytest.raises(ForbiddenByStateError, match="has not ended"):
        add_seeds(ledger, study, 5, room=20, service=True)
    with pytest.raises(ForbiddenByStateError, match="no confirmation that seeds could be added to"):
        add_seeds(ledger, ended(ledger, role="search"), 5, room=20, service=True)
    with pytest.raises(StudyNotFoundError):
        add_seeds(ledger, "none", 5, room=20, service=True)


def test_trials_that_are_started_anew_have_none_added(ledger):
    study = ended(ledger)
    add_seeds(ledger, study, 5, room=20, service=False)
    StudyQueue(ledger).restart_trials(study)
    assert (ledger.study(study).added_seeds, ledger.trials(study)) == ((), [])
