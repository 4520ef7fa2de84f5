"""How many studies an owner may have, and how many of these may wait. Checked inside the transaction that
accepts a study, or that queues one again for a user.

A study that is queued again because its job was lost is not checked: it was accepted before.
"""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tuner.errors import UserError
from tuner.ledger.tables import studies
from tuner.ledger.turns import of_owner, waiting_of

# An advisory lock of PostgreSQL, so that one process at a time accepts or starts studies. SQLite has one
# writer anyway.
_LOCK = 7_270_415


class QuotaError(UserError):
    """An owner has as many studies as it may have."""


class TooManyWaitError(QuotaError):
    """As many as may wait do: it helps to wait."""


class TooManyStudiesError(QuotaError):
    """As many as may be kept are: something must be deleted."""


@dataclass(frozen=True)
class Quota:
    """What one owner may have; None: any number."""

    waiting: int | None = None
    studies: int | None = None

    def admit_another(self, db: Connection, owner: str | None) -> None:
        """Refuses a new study where its owner has enough. Call `one_at_a_time` before. Raises QuotaError."""
        if self.studies is not None and _kept(db, owner) >= self.studies:
            raise TooManyStudiesError(
                f"{self.studies} studies are kept for their owner, as many as may be here "
                "(TUNER_MAX_STUDIES); delete some that are not needed any more"
            )
        self.admit_waiting(db, owner)

    def admit_waiting(self, db: Connection, owner: str | None) -> None:
        """Refuses another study that waits, likewise. Raises TooManyWaitError."""
        if self.waiting is not None and waiting_of(db, owner) >= self.waiting:
            raise TooManyWaitError(
                f"{self.waiting} studies of the same owner wait, as many as may (TUNER_MAX_QUEUED); cancel "
                "one, or wait a little"
            )


ANY_NUMBER = Quota()


def one_at_a_time(db: Connection) -> None:
    """Until the transaction ends, no other process accepts or starts a study. Before any row is locked."""
    if db.dialect.name == "postgresql":
        db.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _kept(db: Connection, owner: str | None) -> int:
    """How many studies an owner has, whatever their state."""
    query = sa.select(sa.func.count()).select_from(studies).where(of_owner(owner))
    return int(db.execute(query).scalar_one())
