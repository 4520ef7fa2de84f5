"""Limits on work that takes seconds, such as a report with all of its figures: how much of it runs, and how
much may wait. So there are always threads left for other requests.
"""

import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from api.answers.cache import Cache
from api.requests.current_caller import current_caller
from api.requests.errors import Problem

T = TypeVar("T")
AT_ONCE = 2  # running at once; more would not help, because Python computes in one thread at a time
MOST = 16  # running or waiting; the routes share 40 threads
OF_ONE = 8  # of these for one caller; a browser sends six requests at a time


class Costly:
    """A limited number of places for costly work."""

    def __init__(self, at_once: int = AT_ONCE, most: int = MOST, of_one: int = OF_ONE) -> None:
        """Args:
        at_once: how many pieces of work run at a time.
        most: how many may run or wait.
        of_one: how many of these for one caller.
        """
        self._of_one, self._taken, self._lock = of_one, Counter[str](), threading.Lock()
        self._turns, self._most = threading.Semaphore(at_once), most
        self._mine = threading.local()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Waits for a turn. Nested use in the thread that has the turn does not wait again. Raises Problem
        503 where too many wait already, of this caller or of all.
        """
        if getattr(self._mine, "turn", False):
            yield
            return
        name = current_caller()
        self._enter(name)
        try:
            with self._turns:
                self._mine.turn = True
                yield
        finally:
            self._mine.turn = False
            self._leave(name)

    def _enter(self, name: str) -> None:
        with self._lock:
            if self._taken.total() >= self._most or self._taken[name] >= self._of_one:
                raise Problem(
                    503, "too much is being drawn and computed; ask again", headers={"Retry-After": "3"}
                )
            self._taken[name] += 1

    def _leave(self, name: str) -> None:
        with self._lock:
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]

    def once(self, cache: Cache[T], what: Hashable, version: Hashable, make: Callable[[], T]) -> T:
        """The value that the cache has for `what` at `version`, at once; or else what `make` returns, which
        takes a place, and is kept. Other requests for the same value meanwhile wait in a place, too.
        """
        kept = cache.find(what, version)
        if kept is not None:
            return kept
        with self.place():
            return cache.get(what, version, make)
