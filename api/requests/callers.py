"""Who makes a request: the caller that its API key stands for.

Without any key the service answers everybody who can reach it, which is this machine: it binds to loopback
only.
"""

from dataclasses import dataclass

from fastapi import Request

from api.requests.errors import Problem
from tuner.ledger.api_keys import SCOPES, ApiKeys
from tuner.network import neighbourhood


@dataclass(frozen=True)
class Caller:
    """Who makes a request."""

    id: str | None  # of the key; None where the service has no keys
    scopes: tuple[str, ...]
    owner: str | None = None  # whose studies those are that it submits

    @property
    def sees(self) -> str | None:
        """The owner whose studies it may see; None: all of them."""
        return None if "admin" in self.scopes else self.owner


EVERYBODY = Caller(None, SCOPES)


def identify(keys: ApiKeys, authorization: str | None, *, local: bool) -> Caller:
    """The caller that a request's Authorization header stands for. Raises Problem 401.

    Args:
        keys: those of the service.
        authorization: the header.
        local: whether only this machine can reach the service. Where others can, a service that has no keys
            answers nobody: the table may have been emptied while it ran.
    """
    if local and not keys.used():
        return EVERYBODY
    scheme, _, key = (authorization or "").partition(" ")
    found = keys.find(key.strip()) if scheme.lower() == "bearer" else None
    if found is None:
        what = (
            "this key is not known, or was revoked"
            if authorization
            else "send a key: Authorization: Bearer KEY"
        )
        raise Problem(401, what, headers={"WWW-Authenticate": "Bearer"})
    return Caller(found.id, found.scopes, found.owner)


def still_welcome(keys: ApiKeys, caller: Caller, *, local: bool) -> bool:
    """Whether a caller that was let in some time ago would be let in now."""
    if caller.id is None:
        return local and not keys.used()
    return keys.valid(caller.id)


def name_of(caller: Caller, request: Request) -> str:
    """The name under which a caller's requests are counted: its key or, where there are none, its address."""
    return f"key {caller.id}" if caller.id else address_of(request)


def address_of(request: Request) -> str:
    """The name under which requests of an address are counted."""
    return f"address {neighbourhood(request.client.host) if request.client else '?'}"
