"""How many studies an owner may have, and how many of these may wait to be run.

A quota is checked inside the transaction that accepts a study, or that queues one again for a user. A study
that is queued again because its Ray job was lost is not checked: it was accepted before.
"""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tuner.errors import UserError
from tuner.ledger.tables import studies
from tuner.ledger.turns import of_owner, waiting_of

# Number of the advisory lock of PostgreSQL by which one process at a time accepts or starts studies. SQLite
# has one writer at a time anyway.
_LOCK = 7_270_415


class QuotaError(UserError):
    """A study is refused because its owner has as many as its quota allows."""


class TooManyWaitError(QuotaError):
    """As many studies of the owner wait as its quota allows. It may pass by itself."""


class TooManyStudiesError(QuotaError):
    """As many studies of the owner are kept as its quota allows. It passes only when some are deleted."""


@dataclass(frozen=True)
class Quota:
    """How many studies one owner may have; None stands for any number."""

    waiting: int | None = None  # that wait to be run
    studies: int | None = None  # in any state

    def admit_another(self, db: Connection, owner: str | None) -> None:
        """Checks that an owner may have another study, which will wait. Call `one_at_a_time` before. Raises
        TooManyStudiesError or TooManyWaitError.
        """
        if self.studies is not None and _kept(db, owner) >= self.studies:
            raise TooManyStudiesError(
                f"{self.studies} studies are kept for their owner, as many as may be here "
                "(TUNER_MAX_STUDIES); delete some that are not needed any more"
            )
        self.admit_waiting(db, owner)

    def admit_waiting(self, db: Connection, owner: str | None) -> None:
        """Checks that another study of an owner may wait. Call `one_at_a_time` before. Raises
        TooManyWaitError.
        """
        if self.waiting is not None and waiting_of(db, owner) >= self.waiting:
            raise TooManyWaitError(
                f"{self.waiting} studies of the same owner wait, as many as may (TUNER_MAX_QUEUED); cancel "
                "one, or wait a little"
            )


ANY_NUMBER = Quota()


def one_at_a_time(db: Connection) -> None:
    """Keeps other processes from accepting or starting a study until the transaction ends. Call it before any
    row is locked: two processes that take the two locks in a different order would wait for each other.
    """
    if db.dialect.name == "postgresql":
        db.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _kept(db: Connection, owner: str | None) -> int:
    """How many studies an owner has, whatever their state."""
    query = sa.select(sa.func.count()).select_from(studies).where(of_owner(owner))
    return int(db.execute(query).scalar_one())
