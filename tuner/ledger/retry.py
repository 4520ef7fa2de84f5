"""Waiting for a database that is away: a method of the ledger that lost its connection is run again, for a
bounded time.

A transaction whose commit was not acknowledged may have been committed or not. So a method that is retried
must leave the same rows whether it is run once or several times. Most do by themselves (`retried`). The
others look for what an earlier try may have written, and are told in an argument whether there was one
(`retried_with_attempt`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_before_delay, wait_exponential

from tuner.errors import AwayError

FIRST_PAUSE_S = 0.5  # doubled after every try
_LONGEST_PAUSE_S = 5.0


class Patient(Protocol):
    """What a class needs for its methods to be retried."""

    @property
    def patience_s(self) -> float:
        """How long one call may wait for the database in all; 0: it does not wait."""


@dataclass(frozen=True)
class Attempt:
    """One try of a method."""

    number: int  # 1 for the first

    @property
    def repeated(self) -> bool:
        """Whether there was a try before this one, whose transaction may have been committed."""
        return self.number > 1


P = ParamSpec("P")
T = TypeVar("T")
W = TypeVar("W", bound=Patient)


def retried_with_attempt(
    method: Callable[Concatenate[W, Attempt, P], T],
) -> Callable[Concatenate[W, P], T]:
    """Runs a method again where it lost the database, until it succeeds or its owner's patience ends; then
    the last AwayError is raised. The method gets the attempt as its first argument; callers do not give it.
    """

    @wraps(method)
    def until_it_succeeds(self: W, /, *args: P.args, **kwargs: P.kwargs) -> T:
        for attempt in Retrying(
            retry=retry_if_exception_type(AwayError),
            wait=wait_exponential(multiplier=FIRST_PAUSE_S, max=_LONGEST_PAUSE_S),
            stop=stop_before_delay(self.patience_s),
            reraise=True,
        ):
            with attempt:
                return method(self, Attempt(attempt.retry_state.attempt_number), *args, **kwargs)
        raise AssertionError("tenacity returns or raises")

    return until_it_succeeds


def retried(method: Callable[Concatenate[W, P], T]) -> Callable[Concatenate[W, P], T]:
    """The same for a method that leaves the same rows however often it is run."""

    @wraps(method)
    def whatever_the_attempt(self: W, _attempt: Attempt, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return method(self, *args, **kwargs)

    return retried_with_attempt(whatever_the_attempt)
