"""API keys in the ledger: who may read, submit and administer.

Only a key's SHA-256 is kept. A slow hash, as passwords need, would protect nothing here: a key is 256 random
bits and cannot be guessed. Keys are revoked, never deleted: an emptied table must not open the service to
everybody. A study belongs to an owner, not to a key, so that a key can be exchanged for a new one.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tuner.errors import UserError
from tuner.ledger.store import Ledger
from tuner.ledger.tables import api_keys

SCOPES = ("read", "submit", "admin")
_PREFIX = "tuner_"  # lets scanners for leaked secrets recognise a key


@dataclass(frozen=True)
class KeyRow:
    """A key as the ledger has it; the key itself is not kept."""

    id: str
    name: str
    scopes: tuple[str, ...]
    owner: str  # to whom the studies belong that it submits; several keys may have the same owner
    created_at: datetime
    revoked_at: datetime | None


class ApiKeys:
    """The API keys of a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._used = False

    def create(self, name: str, scopes: Sequence[str], *, owner: str | None = None) -> tuple[str, KeyRow]:
        """Makes a key and returns it with its row. The key itself is not kept, so it cannot be read again.

        Args:
            name: tells people which key it is; from 1 to 64 printable characters.
            scopes: what it may do: some of SCOPES.
            owner: the owner of another key; both then see the same studies. None makes a new owner.

        Raises UserError where one of these is wrong.
        """
        if not scopes or any(scope not in SCOPES for scope in scopes):
            raise UserError(f"scopes must be some of {', '.join(SCOPES)}, got {', '.join(scopes) or 'none'}")
        if not 1 <= len(name) <= 64 or not name.isprintable():
            raise UserError(f"a key's name must have from 1 to 64 printable characters, got {len(name)}")
        with self._ledger.writing() as db:
            if owner is not None and not _has_keys(db, owner):
                raise UserError(f"there is no owner {owner!r}; `tuner keys list` shows those there are")
            return _create(db, name, tuple(s for s in SCOPES if s in scopes), owner)

    def rotate(self, key_id: str) -> tuple[str, KeyRow]:
        """Revokes a key, by its id, and returns a new one with its row: of the same name, scopes and owner.
        Raises UserError where there is no such key, or it has been revoked.
        """
        with self._ledger.writing() as db:
            query = sa.select(api_keys).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
            row = db.execute(query.with_for_update()).first()
            if row is None:
                raise UserError(
                    f"there is no key {key_id!r} that is valid; `tuner keys list` begins with their ids"
                )
            old = _row(row)
            made = _create(db, old.name, old.scopes, old.owner)
            db.execute(api_keys.update().where(api_keys.c.id == key_id).values(revoked_at=datetime.now(UTC)))
            return made

    def list(self) -> list[KeyRow]:
        """All keys, oldest first, the revoked ones included."""
        with self._ledger.reading() as db:
            return [
                _row(row)
                for row in db.execute(sa.select(api_keys).order_by(api_keys.c.created_at, api_keys.c.id))
            ]

    def exist(self) -> bool:
        """Whether a key was ever made. Revoked ones count: revoking the last one must not open the service to
        everybody.
        """
        with self._ledger.reading() as db:
            return db.execute(sa.select(sa.exists(sa.select(api_keys.c.id)))).scalar_one()

    def used(self) -> bool:
        """Whether a key was ever made, as far as this object has seen: a table that is emptied while the
        service runs must not open the service to everybody.
        """
        self._used = self._used or self.exist()
        return self._used

    def find(self, key: str) -> KeyRow | None:
        """The row of a key; None for one that is unknown or revoked."""
        query = sa.select(api_keys).where(api_keys.c.hash == _hash(key), api_keys.c.revoked_at.is_(None))
        with self._ledger.reading() as db:
            row = db.execute(query).first()
        return None if row is None else _row(row)

    def valid(self, key_id: str) -> bool:
        """Whether there is a key with that id that has not been revoked."""
        query = sa.select(api_keys.c.id).where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
        with self._ledger.reading() as db:
            return db.execute(query).first() is not None

    def revoke(self, key_id: str) -> None:
        """Revokes a key, by its id, at once and for good. Raises UserError where there is no such key."""
        with self._ledger.writing() as db:
            update = api_keys.update().where(api_keys.c.id == key_id)
            first_time = sa.func.coalesce(api_keys.c.revoked_at, datetime.now(UTC))
            if db.execute(update.values(revoked_at=first_time)).rowcount == 0:
                raise UserError(f"there is no key {key_id!r}; `tuner keys list` begins with their ids")


def _has_keys(db: Connection, owner: str) -> bool:
    return db.execute(sa.select(api_keys.c.id).where(api_keys.c.owner == owner)).first() is not None


def _create(db: Connection, name: str, scopes: tuple[str, ...], owner: str | None) -> tuple[str, KeyRow]:
    key, key_id = _PREFIX + secrets.token_urlsafe(32), secrets.token_hex(4)
    row = KeyRow(key_id, name, scopes, owner or key_id, datetime.now(UTC), None)
    values = {"name": name, "scopes": ",".join(scopes), "owner": row.owner, "created_at": row.created_at}
    db.execute(api_keys.insert().values(id=key_id, hash=_hash(key), **values))
    return key, row


def _hash(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def _row(row: sa.Row) -> KeyRow:  # type: ignore[type-arg]  # as SQLAlchemy gives it
    return KeyRow(row.id, row.name, tuple(row.scopes.split(",")), row.owner, row.created_at, row.revoked_at)
