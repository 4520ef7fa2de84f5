"""Ray's dashboard under the service's own address, /ray/, to be looked at.

Whoever has Ray's token may run programs as us, so no browser gets it: the service adds it to what it passes
on, and passes on nothing but GET. Where the service has keys, a browser must belong to one with the scope
admin, because the dashboard shows everybody's jobs. It cannot send the key with a link; so the answers that
it gets with the key bring a pass along, a cookie for /ray/ that is good for a few hours.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import AsyncIterator, Callable
from urllib.parse import quote

import httpx
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.requests.callers import Caller
from api.requests.errors import Problem
from api.studies.ray_token import token
from tuner.ledger.api_keys import ApiKeys

PATH = "/ray/"
JOB = "/ray/job/"  # with a job's name after it: its page in the dashboard, or why there is none
COOKIE = "tuner-ray"
_PASS_S = 4 * 3600
_PATIENCE_S = 60.0
_SENT = ("accept", "accept-encoding", "if-none-match", "if-modified-since", "range")
_PASSED_BACK = (
    "content-type",
    "content-encoding",
    "content-length",
    "etag",
    "last-modified",
    "cache-control",
)
_HEADERS = {
    "Content-Security-Policy": "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' "
    "'unsafe-eval'; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; form-action 'none'; "
    "base-uri 'self'",
}


class Dashboard:
    """The dashboard of a Ray that was started for the service."""

    def __init__(self, keys: ApiKeys, address: Callable[[], str], is_ours: Callable[[str], bool]) -> None:
        """Args:
        keys: the service's.
        address: where the dashboard is now.
        is_ours: whether it is that Ray which listens at an address.
        """
        self._keys, self._address, self._is_ours = keys, address, is_ours
        self._secret = secrets.token_bytes(32)
        self._http = httpx.AsyncClient(timeout=_PATIENCE_S, trust_env=False)

    def job(self, name: str) -> str:
        """The address that leads to a job's page."""
        return f"{JOB}{name}"

    def page_of(self, name: str) -> str:
        """The address of a job's page in the dashboard."""
        return f"{PATH}#/jobs/{name}"

    async def knows(self, name: str) -> bool:
        """Whether Ray knows a job. Raises Problem."""
        found = await self._asked(f"api/jobs/{name}", {}, b"")
        await found.aclose()
        return found.status_code == 200

    def give_pass(self, answer: Response, caller: Caller, request: Request) -> None:
        """Lets a browser in that has shown an administrator's key."""
        from_our_page = request.headers.get("sec-fetch-site") == "same-origin"
        if from_our_page and caller.id is not None and "admin" in caller.scopes:
            text = self._sign(caller.id, int(time.time()) + _PASS_S)
            answer.set_cookie(COOKIE, text, _PASS_S, path=PATH, httponly=True, samesite="strict")

    def admits(self, request: Request, *, local: bool) -> bool:
        """Whether a browser may look; `local`: whether only this machine can reach the service. Reads the
        ledger.
        """
        if local and not self._keys.used():
            return True
        key_id, _, rest = request.cookies.get(COOKIE, "").partition(".")
        until, _, _ = rest.partition(".")
        if not (until.isascii() and until.isdigit() and len(until) < 15):
            return False
        known = hmac.compare_digest(self._sign(key_id, int(until)).encode(), request.cookies[COOKIE].encode())
        return known and time.time() < int(until) and self._keys.valid(key_id)

    async def fetch(self, request: Request, path: str) -> Response:
        """The dashboard's answer to a GET. Raises Problem."""
        site, mode = request.headers.get("sec-fetch-site", "none"), request.headers.get("sec-fetch-mode", "")
        if site not in ("same-origin", "none") and mode != "navigate":
            raise Problem(403, "a page of another site may not ask Ray's dashboard")
        headers = {name: request.headers[name] for name in _SENT if name in request.headers}
        found = await self._asked(path, headers, request.scope["query_string"])
        passed = {name: found.headers[name] for name in _PASSED_BACK if name in found.headers}
        return StreamingResponse(_content(found), found.status_code, passed | _HEADERS)

    async def _asked(self, path: str, headers: dict[str, str], query: bytes) -> httpx.Response:
        """Ray's answer to a GET, to be read and closed. Raises Problem."""
        address = self._address()
        if not self._is_ours(address):
            raise Problem(503, "Ray is being started again", headers={"Retry-After": "10"})
        known = token()
        with_token = headers | ({"Authorization": f"Bearer {known}"} if known else {})
        try:
            request = self._http.build_request("GET", _url(address, path, query), headers=with_token)
            return await self._http.send(request, stream=True, follow_redirects=False)
        except (httpx.InvalidURL, UnicodeError) as error:
            raise Problem(404, "Ray's dashboard has no such page") from error
        except httpx.HTTPError as error:
            raise Problem(503, "Ray's dashboard does not answer", headers={"Retry-After": "10"}) from error

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()

    def _sign(self, key_id: str, until: int) -> str:
        mac = hmac.digest(self._secret, f"{key_id}.{until}".encode(), hashlib.sha256)
        return f"{key_id}.{until}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"


def _url(dashboard: str, path: str, query: bytes) -> httpx.URL:
    """The address of a page. The path comes decoded, and may have characters that mean something else in an
    address. Raises httpx.InvalidURL.
    """
    whole = quote(f"/{path}", safe="/:@!$&'()*+,;=~").encode() + (b"?" + query if query else b"")
    return httpx.URL(dashboard).copy_with(raw_path=whole)


async def _content(found: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in found.aiter_raw():
            yield chunk
    finally:
        await found.aclose()
