"""Requests that are sent twice: those with the same idempotency key and body make one study.

A key is kept for a day longer than its study, so that a request that is repeated after the study was deleted
does not create it again.
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tuner.errors import ForbiddenByStateError, UserError
from tuner.ledger.tables import idempotency

_OUTLIVES_STUDY = timedelta(days=1)


class OtherBodyError(UserError):
    """An idempotency key was used before, with another request."""


@dataclass(frozen=True)
class RequestKey:
    """What two requests have in common that count as the same."""

    key: str  # the client's idempotency key
    body: str  # SHA-256 of the request's body


def study_of_request(db: Connection, owner: str | None, request: RequestKey) -> str | None:
    """The id of the study that the same request of an owner made earlier; None where there was no such
    request.

    Raises OtherBodyError where its key was used with another request, and ForbiddenByStateError where the
    study has been deleted.
    """
    old = idempotency.c.deleted_at < datetime.now(UTC) - _OUTLIVES_STUDY
    db.execute(idempotency.delete().where(old))
    query = sa.select(idempotency).where(
        idempotency.c.owner == (owner or ""), idempotency.c.key == _hash(request.key)
    )
    row = db.execute(query).mappings().first()
    if row is None:
        return None
    if row["body"] != request.body:
        raise OtherBodyError("this key came before with another request; use a new one for a new study")
    if row["deleted_at"] is not None:
        raise ForbiddenByStateError(
            f"this key came before and made study {row['study']}, which has been deleted; use a new one for "
            "a new study"
        )
    return str(row["study"])


def note_request(db: Connection, owner: str | None, request: RequestKey, study_id: str) -> None:
    """Writes down which study a request has made."""
    values = {"owner": owner or "", "key": _hash(request.key), "body": request.body, "study": study_id}
    db.execute(idempotency.insert().values(created_at=datetime.now(UTC), **values))


def note_deletion(db: Connection, study_id: str) -> None:
    """Writes down that a study has been deleted, if a request with a key made it."""
    made = idempotency.c.study == study_id
    db.execute(idempotency.update().where(made).values(deleted_at=datetime.now(UTC)))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
