"""Answers that take long to make, kept by the version of what they were made from, up to a total size; the
least recently used goes first.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")
_ENTRY_BYTES = 300  # of memory that an entry takes beside its bytes: its key, its version, its place


def bytes_of(content: bytes) -> int:
    """The size of an entry in a cache that is bounded in bytes."""
    return len(content) + _ENTRY_BYTES


class Cache(Generic[T]):
    """Values of one kind, each of one version. Safe for threads; a value is made by one thread at a time."""

    def __init__(self, most: int, size: Callable[[T], int] = lambda _: 1) -> None:
        """Keeps entries whose sizes sum up to `most`; by default their number."""
        self._most, self._size, self._total = most, size, 0
        self._kept: OrderedDict[Hashable, tuple[Hashable, T, int]] = OrderedDict()
        self._making: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, what: Hashable, version: Hashable, make: Callable[[], T]) -> T:
        """The value of `what` as of `version`. What `make` raises is raised, and nothing is kept."""
        if (kept := self._find(what, version)) is not None:
            return kept[0]
        with self._lock:
            making = self._making.setdefault(what, threading.Lock())
        try:
            with making:
                if (kept := self._find(what, version)) is not None:
                    return kept[0]
                return self.keep(what, version, make())
        finally:
            with self._lock:
                self._making.pop(what, None)

    def find(self, what: Hashable, version: Hashable) -> T | None:
        """The value if it is kept."""
        kept = self._find(what, version)
        return kept[0] if kept is not None else None

    def keep(self, what: Hashable, version: Hashable, value: T) -> T:
        """Keeps a value, and gives it back."""
        size = self._size(value)
        with self._lock:
            if what in self._kept:
                self._total -= self._kept.pop(what)[2]
            if size <= self._most:
                self._kept[what] = (version, value, size)
                self._total += size
            while self._total > self._most:
                self._total -= self._kept.popitem(last=False)[1][2]
        return value

    def _find(self, what: Hashable, version: Hashable) -> tuple[T] | None:
        with self._lock:
            if what in self._kept and self._kept[what][0] == version:
                self._kept.move_to_end(what)
                return (self._kept[what][1],)
        return None
