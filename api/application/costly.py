"""Work that takes seconds, a report with all of its figures for instance: how much of it is done and waited
for at once. The rest of the threads is for those who ask for something else.
"""

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from api.answers.cache import Cache
from api.application.errors import Problem

T = TypeVar("T")
AT_ONCE = 2  # it computes, and Python computes in one thread at a time
MOST = 16  # that are done and wait; the routes share 40 threads


class Costly:
    """Places for such work."""

    def __init__(self, at_once: int = AT_ONCE, most: int = MOST) -> None:
        """Args:
        at_once: how much is done at a time.
        most: how much of it may be done and wait together.
        """
        self._turns, self._places = threading.Semaphore(at_once), threading.Semaphore(most)
        self._mine = threading.local()

    @contextmanager
    def place(self) -> Iterator[None]:
        """Waits for its turn; a thread whose turn it is has it for all that it does. Raises Problem 503 where
        as many wait as may.
        """
        if getattr(self._mine, "turn", False):
            yield
            return
        if not self._places.acquire(blocking=False):
            raise Problem(
                503, "too much is being drawn and computed; ask again", headers={"Retry-After": "3"}
            )
        try:
            with self._turns:
                self._mine.turn = True
                yield
        finally:
            self._mine.turn = False
            self._places.release()

    def once(self, cache: Cache[T], what: Hashable, version: Hashable, make: Callable[[], T]) -> T:
        """What a cache has, at once; or what takes a place to be made, and is kept there. Whoever wants the
        same meanwhile waits in a place, too.
        """
        kept = cache.find(what, version)
        if kept is not None:
            return kept
        with self.place():
            return cache.get(what, version, make)
