"""A small client of the service, with the verbs of the command line.

with Client("http://127.0.0.1:8000", key=None) as client:
    study = client.submit({"preset": "sbn-digits"})
    for state in client.watch(study["id"]):
        print(state["progress"]["fraction"])
    print(client.results(study["id"])["verdict"])
"""

import json
import re
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx
from httpx_sse import ServerSentEvent, SSEError, connect_sse

from tuner.errors import FieldError, UserError
from tuner.network import is_loopback, through_proxy, unusable_proxy

_NO_ADDRESS = "the server must be an address like http://127.0.0.1:8000"
_LONGEST_WAIT_S = 10.0  # that a request waits for a busy service without a word
_STUDY_ID = re.compile(r"[0-9a-f]{1,32}")
_LAST_EVENTS = ("done", "deleted")


class ServiceError(UserError):
    """The service refused, or does not answer. `status` is None where there was no answer; `errors` are the
    fields that it names.
    """

    def __init__(self, message: str, status: int | None = None, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(message)
        self.status, self.errors = status, tuple(errors)


class Client:
    """One service, as one key sees it."""

    def __init__(
        self, server: str, key: str | None = None, *, timeout_s: float = 30.0, tries: int = 4
    ) -> None:
        """Args:
        server: its address.
        key: an API key.
        timeout_s: how long to wait for an answer.
        tries: how often to ask where the service is away or busy; everything may be asked twice.
        """
        headers = {"Authorization": f"Bearer {_checked_key(key)}"} if key else {}
        url = _checked_address(server)
        try:
            self._http = httpx.Client(
                base_url=url, headers=headers, timeout=timeout_s, trust_env=not is_loopback(url.host)
            )
        except (ValueError, ImportError, httpx.InvalidURL) as error:
            raise ServiceError(unusable_proxy(error)) from error
        self.server, self._tries = server.rstrip("/"), tries

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def submit(self, spec: Mapping[str, Any], *, idempotency_key: str | None = None) -> dict[str, Any]:
        """Submits a spec, or {"preset": name, ...changes}. Asked again after a lost answer, it makes no
        second study.
        """
        once = {"Idempotency-Key": idempotency_key or secrets.token_urlsafe(16)}
        return self._json(
            "POST", "/studies", content=json.dumps(spec), headers={"Content-Type": "application/json"} | once
        )

    def plan(self, spec: Mapping[str, Any]) -> dict[str, Any]:
        """Checks a spec and counts what it would train; nothing is submitted."""
        return self._json(
            "POST",
            "/studies/plan",
            has="trials",
            content=json.dumps(spec),
            headers={"Content-Type": "application/json"},
        )

    def studies(self, **filters: Any) -> Iterator[dict[str, Any]]:
        """All studies, newest first; filters: state, task, prefix, text, limit (of a page); `correct="holm"`
        takes each page for one family.
        """
        return self._pages("/studies", filters)

    def newest(self) -> list[dict[str, Any]]:
        """The newest studies, a page of them."""
        found: list[dict[str, Any]] = self._json("GET", "/studies", has="items")["items"]
        return found

    def find(self, name: str) -> str:
        """The id that "latest" or a unique beginning of an id stands for."""
        wanted = {} if name == "latest" else {"prefix": name}
        found: list[dict[str, Any]] = []
        if name == "latest" or _STUDY_ID.fullmatch(name):
            found = self._json("GET", "/studies", has="items", params={"limit": 2} | wanted)["items"]
        if not found:
            raise ServiceError(f"there is no study {name!r} on {self.server}", 404)
        if name != "latest" and len(found) > 1:
            raise ServiceError(f"{name!r} is the beginning of several studies; give more of the id")
        study_id = str(found[0].get("id"))
        if not _STUDY_ID.fullmatch(study_id):  # it goes into addresses, and names folders on this machine
            raise ServiceError(
                f"what answers at {self.server} is not the service: it names a study {study_id[:40]!r}", 200
            )
        return study_id

    def status(self, study_id: str) -> dict[str, Any]:
        """A study: spec, state, progress, links."""
        return self._json("GET", f"/studies/{study_id}")

    def results(self, study_id: str) -> dict[str, Any]:
        """What it has found so far."""
        return self._json("GET", f"/studies/{study_id}/results", has="verdict")

    def results_text(self, study_id: str) -> str:
        """The same, exactly as the service sends it."""
        answer = self._ask("GET", f"/studies/{study_id}/results")
        self._object(answer, "verdict")
        return answer.text

    def trials(self, study_id: str, **filters: Any) -> Iterator[dict[str, Any]]:
        """Its trials by number; filters: state, brief, limit (of a page)."""
        return self._pages(f"/studies/{study_id}/trials", filters)

    def files(self, study_id: str) -> list[dict[str, Any]]:
        """Its files: name, kind, about, media_type."""
        found: list[dict[str, Any]] = self._json("GET", f"/studies/{study_id}/files", has="items")["items"]
        return found

    def file(self, study_id: str, name: str) -> bytes:
        """One of its files, as `files` names it."""
        answer = self._ask("GET", f"/studies/{study_id}/files/{quote(name)}")
        if not answer.headers.get("Content-Disposition", "").startswith("attachment"):
            raise self._not_the_service(
                f"it sent {answer.headers.get('Content-Type') or 'nothing'} instead of a file", answer
            )
        return answer.content

    def cancel(self, study_id: str) -> dict[str, Any]:
        """Stops it for good."""
        return self._json("POST", f"/studies/{study_id}/cancel")

    def resume(self, study_id: str, *, restart_trials: bool = False) -> dict[str, Any]:
        """Queues it again; on demand with all of its trials anew."""
        params = {"restart_trials": "true"} if restart_trials else {}
        return self._json("POST", f"/studies/{study_id}/resume", params=params)

    def confirm(self, study_id: str, seeds: int) -> dict[str, Any]:
        """Adds so many fresh seeds to a study that has succeeded. Asked again before they are trained, it
        adds none.
        """
        return self._json("POST", f"/studies/{study_id}/confirm", params={"seeds": seeds})

    def delete(self, study_id: str) -> None:
        """Removes it from the ledger."""
        answer = self._ask("DELETE", f"/studies/{study_id}")
        if answer.status_code != 204:
            raise self._not_the_service(f"it answered {answer.status_code} to a deletion", answer)

    def watch(self, study_id: str) -> Iterator[dict[str, Any]]:
        """State and progress at every change until the study has ended or is deleted. Goes on where the
        connection breaks.
        """
        failures = 0
        while True:
            try:
                for event in self._events(study_id):
                    failures = 0
                    yield self._content(event)
                    if event.event in _LAST_EVENTS:
                        return
            except ServiceError as error:
                failures += 1
                if (error.status is not None and error.status < 500) or failures > 30:
                    raise
            time.sleep(min(5.0, 0.5 * (failures + 1)))

    def _events(self, study_id: str) -> Iterator[ServerSentEvent]:
        """The study's events over one connection."""
        path, patience = f"/studies/{study_id}/events", httpx.Timeout(30.0, read=60.0)
        try:
            with connect_sse(self._http, "GET", path, timeout=patience) as source:
                if source.response.status_code != 200:
                    source.response.read()
                    raise _refusal(source.response)
                yield from source.iter_sse()
        except SSEError as error:
            raise ServiceError(f"{self.server} sends no events: a proxy in between, perhaps", 404) from error
        except httpx.HTTPError as error:
            raise self._no_answer(error) from error

    def _content(self, event: ServerSentEvent) -> dict[str, Any]:
        try:
            found = event.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            raise ServiceError(
                f"what answers at {self.server} is not the service: its events are no JSON", 404
            )
        return found

    def _no_answer(self, error: httpx.HTTPError) -> ServiceError:
        return ServiceError(
            f"{self.server} does not answer ({type(error).__name__}{through_proxy(self.server)})"
        )

    def _pages(self, path: str, filters: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        cursor: str | None = None
        while True:
            page = self._json(
                "GET", path, has="items", params=dict(filters) | ({"cursor": cursor} if cursor else {})
            )
            yield from page["items"]
            cursor = page.get("next")
            if cursor is None:
                return

    def _json(self, method: str, path: str, *, has: str = "id", **more: Any) -> dict[str, Any]:
        """An answer that is an object with a field that every one of its kind has."""
        return self._object(self._ask(method, path, **more), has)

    def _object(self, answer: httpx.Response, has: str) -> dict[str, Any]:
        try:
            found = answer.json()
        except ValueError:
            found = None
        if not isinstance(found, dict):
            sent = answer.headers.get("Content-Type") or "nothing"
            raise self._not_the_service(f"it sent {sent} instead of a JSON object", answer)
        if has not in found:
            raise self._not_the_service(f"it sent a JSON object without {has!r}", answer)
        return found

    def _not_the_service(self, why: str, answer: httpx.Response) -> ServiceError:
        return ServiceError(f"what answers at {self.server} is not the service: {why}", answer.status_code)

    def _ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Asks, and again where the service was away or is busy for some seconds: everything here may be
        asked twice. Who has too many studies waiting is to wait for a minute, and is told so at once instead.
        """
        for attempt in range(self._tries):
            last = attempt == self._tries - 1
            try:
                answer = self._http.request(method, path, **more)
            except httpx.HTTPError as error:
                if last or isinstance(error, httpx.UnsupportedProtocol):
                    raise self._no_answer(error) from error
                time.sleep(0.5 * 2**attempt)
                continue
            wait_s = _retry_after_s(answer) if answer.status_code in (429, 503) else None
            if wait_s is None or wait_s > _LONGEST_WAIT_S or last:
                break
            time.sleep(wait_s)
        if answer.is_success:
            return answer
        if answer.is_redirect:
            raise self._not_the_service("it sends to another address, a page to sign in perhaps", answer)
        raise _refusal(answer)


def _checked_address(server: str) -> httpx.URL:
    try:
        url = httpx.URL(server)
    except (httpx.InvalidURL, ValueError) as error:  # ValueError: half a surrogate pair
        raise ServiceError(_NO_ADDRESS) from error
    if url.scheme not in ("http", "https") or not url.host:
        raise ServiceError(_NO_ADDRESS)
    return url


def _checked_key(key: str) -> str:
    if not (key.isascii() and key.isprintable()):
        raise ServiceError("the API key must be as `tuner keys create` has printed it: ASCII, in one line")
    return key


def _retry_after_s(answer: httpx.Response) -> float:
    """The seconds of Retry-After; 1 where it is absent, or a date, as proxies send it."""
    given = answer.headers.get("Retry-After", "")
    return float(given) if given.isascii() and given.isdigit() else 1.0


def _refusal(answer: httpx.Response) -> ServiceError:
    errors: list[FieldError] = []
    try:
        problem = answer.json()
        errors = [FieldError(e["field"], e["message"]) for e in problem.get("errors", [])]
        message = "; ".join(map(str, errors)) or problem["detail"]
    except (ValueError, KeyError, AttributeError, TypeError):
        message = f"it answered {answer.status_code}"
    return ServiceError(f"the service refused: {message}", answer.status_code, errors)
