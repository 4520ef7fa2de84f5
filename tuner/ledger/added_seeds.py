"""Adds fresh seeds to a study that has ended. They are written beside its spec, which stays as submitted.

The study's next driver trains its confirmed methods on them. These seeds were not among the looks that the
study was planned with, so its verdict then rests on statistics that hold at every number of seeds
(evidence/always_valid.py).
"""

import json

import sqlalchemy as sa

from tuner.errors import ForbiddenByStateError
from tuner.ledger.locked_row import change, locked
from tuner.ledger.quotas import ANY_NUMBER, Quota, one_at_a_time
from tuner.ledger.row_mapping import study_row
from tuner.ledger.rows import Role, StudyRow, StudyState
from tuner.ledger.store import Ledger
from tuner.ledger.tables import studies, trials


def add_seeds(
    ledger: Ledger, study_id: str, seeds: int, *, room: int, service: bool, quota: Quota = ANY_NUMBER
) -> StudyState:
    """Adds a block of fresh seeds to a study that has succeeded, and returns its new state.

    The same request, repeated before the block is trained, adds no second block.

    Args:
        ledger: holds the study.
        study_id: the study.
        seeds: how many to add.
        room: how many seeds may be added to a study of its spec in all.
        service: whether the service trains them: the study is then queued for it. Otherwise it becomes
            interrupted, and a driver on this machine may resume it.
        quota: how many studies of its owner may wait; only with `service`.

    Raises:
        StudyNotFoundError: there is no study with that id.
        ForbiddenByStateError: it has not succeeded, has no confirmation, or has no room for so many seeds.
        TooManyWaitError: as many of its owner's studies wait as the quota allows.
    """
    with ledger.writing() as db:
        one_at_a_time(db)
        row = locked(db, study_id)
        study = study_row(row)
        if study.state is not StudyState.SUCCEEDED:
            return _asked_before(study, seeds)
        confirming = (trials.c.study == study_id) & (trials.c.role == Role.CONFIRM)
        if db.execute(sa.select(trials.c.id).where(confirming).limit(1)).first() is None:
            raise ForbiddenByStateError(
                f"study {study_id} has no confirmation that seeds could be added to; submit it again with "
                "confirm_seeds"
            )
        left = room - sum(study.added_seeds)
        if not 1 <= seeds <= left:
            raise ForbiddenByStateError(
                f"study {study_id} has room for {left} more fresh seeds, and {seeds} were asked for"
            )
        if service:
            quota.admit_waiting(db, row["owner"])
        state = StudyState.QUEUED if service else StudyState.INTERRUPTED
        reason = None if service else f"{seeds} fresh seeds were added, and are to be trained"
        change(
            db, study_id, added_seeds=json.dumps([*study.added_seeds, seeds]), state=state, reason=reason,
            service=service, losses=0, finished_at=None, cancel_at=None, lease_until=None,
            fence=studies.c.fence + 1,
        )  # fmt: skip
        return state


def _asked_before(study: StudyRow, seeds: int) -> StudyState:
    """The state of a study that has not succeeded, where the request is a repeated one: its last block is of
    as many seeds and is still to be trained. Raises ForbiddenByStateError where it is not.
    """
    waits = study.state in (StudyState.QUEUED, StudyState.RUNNING, StudyState.INTERRUPTED)
    if waits and study.added_seeds[-1:] == (seeds,):
        return study.state
    if waits:
        what = "is being trained; wait for its end" if study.added_seeds else "has not ended"
        raise ForbiddenByStateError(f"study {study.id} {what}: seeds are added to a study that has succeeded")
    was = "was cancelled" if study.state is StudyState.CANCELLED else f"has {study.state}"
    raise ForbiddenByStateError(f"study {study.id} {was}; seeds are added to a study that has succeeded")
