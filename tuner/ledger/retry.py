"""Waiting for a database that is away: a method of the ledger that lost its connection is run again, for a
bounded time.

A transaction whose commit was not acknowledged may have happened or not. So every method that waits is
written so that running it again leaves what running it once leaves; where that takes a look at what is there,
`repeating` tells it that it is needed.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from tuner.errors import AwayError

_PAUSE_S = 0.5
_LONGEST_PAUSE_S = 5.0

P = ParamSpec("P")
T = TypeVar("T")

_here = threading.local()


class Waiting(Protocol):
    """What a class needs for its methods to be `patient`."""

    patience_s: float  # how long a method may wait in all; 0 does not


def repeating() -> bool:
    """Whether this is not the first time that the running method is tried: an earlier transaction may have
    been committed.
    """
    return getattr(_here, "tries", 0) > 1


W = TypeVar("W", bound=Waiting)


def patient(method: Callable[Concatenate[W, P], T]) -> Callable[Concatenate[W, P], T]:
    """Runs a method again where it lost the database, until it succeeds or the owner's patience ends and the
    error is raised.
    """

    @wraps(method)
    def patiently(self: W, /, *args: P.args, **kwargs: P.kwargs) -> T:
        deadline = time.monotonic() + self.patience_s
        pause = _PAUSE_S
        with _counted() as tries:
            while True:
                tries()
                try:
                    return method(self, *args, **kwargs)
                except AwayError:
                    if time.monotonic() + pause > deadline:
                        raise
                time.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE_S)

    return patiently


@contextmanager
def _counted() -> Iterator[Callable[[], None]]:
    """Counts the tries of one call; a patient method that calls another does not count for it."""
    before = getattr(_here, "tries", 0)
    _here.tries = 0

    def another() -> None:
        _here.tries += 1

    try:
        yield another
    finally:
        _here.tries = before
