"""Work that takes seconds, a report with all of its figures for instance: how much of it is done and waited
for at once. The rest of the threads is for those who ask for something else.
"""

import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from api.answers.cache import Cache
from api.application.errors import Problem

T = TypeVar("T")
AT_ONCE = 2  # it computes, and Python computes in one thread at a time
MOST = 16  # that are done and wait; the routes share 40 threads
OF_ONE = 8  # of them for one caller; a browser asks for six things at a time


@dataclass
class _Asker:
    """Who makes the request that this is done for."""

    name: str = ""  # until it is known


_ASKER: ContextVar[_Asker | None] = ContextVar("asker", default=None)


def a_request_begins() -> None:
    """What the request does from here on, in whatever thread, is done for one caller."""
    _ASKER.set(_Asker())


def asked_by(name: str) -> None:
    """Says who that is."""
    asker = _ASKER.get()
    if asker is not None:
        asker.name = name


class Costly:
    """Places for such work."""

    def __init__(self, at_once: int = AT_ONCE, most: int = MOST, of_one: int = OF_ONE) -> None:
        """Args:
        at_once: how much is done at a time.
        most: how much of it may be done and wait together.
        of_one: how much of that for one caller.
        """
        self._of_one, self._taken, self._lock = of_one, Counter[str](), threading.Lock()
        self._turns, self._most = threading.Semaphore(at_once), most
        self._mine = threading.local()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Waits for its turn; a thread whose turn it is has it for all that it does. Raises Problem 503 where
        as many wait as may, of this caller or of all.
        """
        if getattr(self._mine, "turn", False):
            yield
            return
        asker = (_ASKER.get() or _Asker()).name
        self._enter(asker)
        try:
            with self._turns:
                self._mine.turn = True
                yield
        finally:
            self._mine.turn = False
            self._leave(asker)

    def _enter(self, asker: str) -> None:
        with self._lock:
            if self._taken.total() >= self._most or self._taken[asker] >= self._of_one:
                raise Problem(
                    503, "too much is being drawn and computed; ask again", headers={"Retry-After": "3"}
                )
            self._taken[asker] += 1

    def _leave(self, asker: str) -> None:
        with self._lock:
            self._taken[asker] -= 1
            if not self._taken[asker]:
                del self._taken[asker]

    def once(self, cache: Cache[T], what: Hashable, version: Hashable, make: Callable[[], T]) -> T:
        """What a cache has, at once; or what takes a place to be made, and is kept there. Whoever wants the
        same meanwhile waits in a place, too.
        """
        kept = cache.find(what, version)
        if kept is not None:
            return kept
        with self.place():
            return cache.get(what, version, make)
