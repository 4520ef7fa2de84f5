"""Protection against requests that another site's page sends from a user's browser.

Such a page could reach even a service that is bound to loopback; the guard refuses its requests by their Host
(a name that was rebound to 127.0.0.1) and Origin. The headers that it adds to answers bind browsers likewise.
"""

import re
from urllib.parse import urlsplit

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.requests.callers import address_of
from api.requests.current_caller import a_request_begins
from api.requests.errors import Problem
from api.requests.limiter import Limiter

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_READING_METHODS = ("GET", "HEAD", "OPTIONS")
_SECURITY_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}


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
                self._limiter.take(address_of(Request(scope)))
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
