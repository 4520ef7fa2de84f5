"""Authentication: API keys with scopes, limits on requests, and protection against requests that another
site's page sends from a user's browser.

Without any key the service answers everybody who can reach it, which is this machine: it binds to loopback
only. A page of another site that the user has open could still send requests there, from the user's browser;
the guard refuses those by their Host (a name that was rebound to 127.0.0.1) and Origin.
"""

import re
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

from api.answers.costly import a_request_begins, asked_by
from api.requests.errors import Problem
from tuner.ledger.api_keys import SCOPES, ApiKeys
from tuner.network import is_loopback, neighbourhood

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_READING_METHODS = ("GET", "HEAD", "OPTIONS")
_SECURITY_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_PAGE_HEADERS = {
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


def only_this_machine(request: Request) -> bool:
    """Whether only this machine can reach the service, judged by the settings and by the address at which the
    request arrived.
    """
    settings = request.app.state.service.settings
    host, *_ = request.scope.get("server") or ("",)
    return bool(settings.loopback) and (not host or host.startswith("/") or is_loopback(host))


def name_of(caller: Caller, request: Request) -> str:
    """The name under which a caller's requests are counted: its key or, where there are none, its address."""
    return f"key {caller.id}" if caller.id else _address(request)


def _address(request: Request) -> str:
    return f"address {neighbourhood(request.client.host) if request.client else '?'}"


def needs(scope: str) -> Callable[[Request], Caller]:
    """A dependency: the caller, if it has this scope and has not asked too often."""

    def caller(request: Request) -> Caller:
        service = request.app.state.service
        address = _address(request)
        # Before the key is looked up, so that guessing keys costs the database nothing. Whoever has one gets
        # this token back.
        service.limiter.take(address)
        found = identify(service.keys, request.headers.get("authorization"), local=only_this_machine(request))
        if found.id is not None:
            service.limiter.give_back(address)
            service.limiter.take(name_of(found, request))
        asked_by(name_of(found, request))
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

    def give_back(self, caller: str) -> None:
        """Puts a token back that was taken just now."""
        with self._lock:
            if caller in self._buckets:
                tokens, when = self._buckets[caller]
                self._buckets[caller] = min(self._most, tokens + 1), when


class Guard:
    """Middleware that refuses requests with a foreign Host header or from another site's page, and adds
    security headers to the answers. It also counts the requests that need no key (the page, its files, the
    API's description) against the caller's limit.
    """

    def __init__(self, app: ASGIApp, names: frozenset[str], limiter: Limiter) -> None:
        self._app, self._names, self._limiter = app, names, limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        a_request_begins()
        headers = Headers(scope=scope)
        if reason := self._foreign(scope["method"], headers):
            await Problem(403, reason).response()(scope, receive, send)
            return
        if _CONTROL.search(scope["path"]):  # a line feed at the end of a path would pass for none
            await Problem(404, "no address here has such a character").response()(scope, receive, send)
            return
        page = scope["path"] in ("/", "/docs") or scope["path"].startswith("/static/")
        if page or scope["path"] == "/openapi.json":
            try:
                self._limiter.take(_address(Request(scope)))
            except Problem as refusal:
                await refusal.response()(scope, receive, send)
                return
        kept = _SECURITY_HEADERS | (_PAGE_HEADERS if page else {})

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
        if method in _READING_METHODS:
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
