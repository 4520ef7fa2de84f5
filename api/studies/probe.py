"""Whether the parts that the service depends on answer. Each is asked again and again by a thread of its own,
and requests get the last result.

So a part that hangs holds up its own thread, and no request.
"""

import http.client
import logging
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tuner.errors import UserError

_LOG = logging.getLogger("tuner.probe")
EVERY_S = 3.0
HANGS_S = 10.0  # a part that was asked so long ago and has not answered does not
STOPPED_S = 1.0  # how long the end waits for answers that are on their way: who answers does so in less

OK, AWAY, NOT_YET = "ok", "does not answer", "not asked yet"


@dataclass(frozen=True)
class _Asked:
    """What is known of a part."""

    said: str
    since: float | None  # when it was asked what it has not answered yet


class Probe:
    """The parts and what they said last."""

    def __init__(self, parts: Mapping[str, Callable[[], object]], fixed: Mapping[str, str]) -> None:
        """Args:
        parts: name -> asks it; raises UserError, OSError, ValueError or HTTPException where it does not
            answer.
        fixed: name -> what is said of a part that there is not.
        """
        self._parts, self._fixed = dict(parts), dict(fixed)
        self._asked = dict.fromkeys(parts, _Asked(NOT_YET, None))
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._loop, args=[name], name=f"probe {name}", daemon=True)
            for name in self._parts
        ]

    def start(self) -> None:
        """Begins."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends. A part that hangs is not waited for; one that answers is, because the ledger is closed next,
        and a connection that is in use then would stay open.
        """
        self._stop.set()
        deadline = time.monotonic() + STOPPED_S
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def said(self) -> dict[str, str]:
        """Of each part, "ok" or what is wrong."""
        now = time.monotonic()
        found = dict(self._fixed)
        for name, asked in self._asked.items():
            hangs = asked.since is not None and now - asked.since > HANGS_S
            found[name] = AWAY if hangs else asked.said
        return found

    def _loop(self, name: str) -> None:
        while not self._stop.is_set():
            before = self._asked[name].said
            self._asked[name] = _Asked(before, time.monotonic())
            said = _answer(self._parts[name])
            self._asked[name] = _Asked(said, None)
            if said != before:
                _LOG.log(logging.INFO if said == OK else logging.WARNING, "%s: %s", name, said)
            self._stop.wait(EVERY_S)


def _answer(ask: Callable[[], object]) -> str:
    try:
        ask()
    except (UserError, OSError, ValueError, http.client.HTTPException):
        return AWAY  # where it is, and why, is in the log of who works with it: /readyz needs no key
    return OK


def mlflow_answers(uri: str) -> Callable[[], None]:
    """Asks an MLflow server."""

    def ask() -> None:
        with urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=3):  # noqa: S310  # the operator's own address
            pass

    return ask
