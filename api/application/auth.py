"""Who asks, and what they may: API keys with scopes, and a guard against other sites' pages.

Without any key the service answers everybody who can reach it, which is this machine: it binds to loopback
only. A page of another site that the user has open could still send requests there, from the user's browser;
the guard refuses those by their Host (a name that was rebound to 127.0.0.1) and Origin.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.application.errors import Problem
from tuner.ledger.api_keys import SCOPES, ApiKeys

_SAFE = ("GET", "HEAD", "OPTIONS")
_SAFETY = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_PAGE = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True)
class Caller:
    """Who makes a request."""

    id: str | None  # of the key; None where the service has no keys
    scopes: tuple[str, ...]

    @property
    def sees(self) -> str | None:
        """The owner whose studies it may see; None: all of them."""
        return None if "admin" in self.scopes else self.id


EVERYBODY = Caller(None, SCOPES)


def identify(keys: ApiKeys, authorization: str | None) -> Caller:
    """The caller that a request's Authorization header stands for. Raises Problem 401."""
    if not keys.exist():
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
    return Caller(found.id, found.scopes)


def needs(scope: str) -> Callable[[Request], Caller]:
    """A dependency: the caller, if it has this scope and has not asked too often."""

    def caller(request: Request) -> Caller:
        service = request.app.state.service
        address = request.client.host if request.client else "?"
        try:
            found = identify(service.keys, request.headers.get("authorization"))
        except Problem:
            service.limiter.take(f"address {address}")
            raise
        service.limiter.take(f"key {found.id}" if found.id else f"address {address}")
        if scope not in found.scopes and "admin" not in found.scopes:
            raise Problem(403, f"this key does not have the scope {scope}")
        return found

    return caller


Reader = Annotated[Caller, Depends(needs("read"))]
Submitter = Annotated[Caller, Depends(needs("submit"))]


class Limiter:
    """A bucket of tokens for each caller, which fills at a steady rate and holds a quarter of a minute's
    worth.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._most, self._clock = per_minute / 60, max(1.0, per_minute / 4), clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # caller -> (tokens, when)
        self._lock = threading.Lock()

    def take(self, caller: str) -> None:
        """Takes a token. Raises Problem 429 where there is none."""
        if not self._rate:
            return
        with self._lock:
            now = self._clock()
            tokens, when = self._buckets.pop(caller, (self._most, now))
            tokens = min(self._most, tokens + (now - when) * self._rate)
            self._buckets[caller] = (max(0.0, tokens - 1) if tokens >= 1 else tokens, now)
            if len(self._buckets) > 10_000:
                self._buckets.popitem(last=False)
        if tokens < 1:
            wait_s = str(int((1 - tokens) / self._rate) + 1)
            raise Problem(429, "too many requests; wait a little", headers={"Retry-After": wait_s})


class Guard:
    """Refuses requests that come by a name that is not ours, or from a page that is not ours; adds the
    headers of safety.
    """

    def __init__(self, app: ASGIApp, names: frozenset[str]) -> None:
        self._app, self._names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if reason := self._foreign(scope["method"], headers):
            await Problem(403, reason).response()(scope, receive, send)
            return
        page = scope["path"] in ("/", "/docs") or scope["path"].startswith("/static/")
        kept = _SAFETY | (_PAGE if page else {})

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                sent = MutableHeaders(scope=message)
                for name, value in kept.items():
                    sent[name] = value
            await send(message)

        await self._app(scope, receive, send_safely)

    def _foreign(self, method: str, headers: Headers) -> str | None:
        host = headers.get("host", "")
        if "*" not in self._names and _name(host) not in self._names:
            return (
                "the Host header names no address of this service; "
                "TUNER_ALLOWED_HOSTS lists those it may name"
            )
        if method in _SAFE:
            return None
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        ours = origin is None or origin.partition("://")[2].lower() == host.lower()
        if site not in ("same-origin", "none") or not ours:
            return "a page of another site may not change anything here"
        return None


def _name(host: str) -> str:
    """The name in a Host header, without its port: [::1]:8000 -> ::1."""
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""
