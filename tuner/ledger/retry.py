"""Waits for a database that cannot be reached: a method of the ledger that lost its connection is run again,
for a bounded time.

A transaction whose commit was not acknowledged may or may not have been committed. So a method that is run
again must leave the same rows whether it is run once or several times. Most methods do so as they are
(`retried`). The others must look for what an earlier try may have written, so they are told in an argument
which try it is (`retried_with_attempt`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from tenacity import Retrying, retry_if_exception_type, stop_before_delay, wait_exponential

from tuner.errors import AwayError

FIRST_PAUSE_S = 0.5  # after the first try; doubled after every further one
_LONGEST_PAUSE_S = 5.0


class Patient(Protocol):
    """What a class needs so that its methods can be retried."""

    @property
    def patience_s(self) -> float:
        """Seconds for which one call may wait for the database, over all tries; with 0 it does not wait."""


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
    """Makes a method run again after an AwayError, until it succeeds or `patience_s` seconds are over; then
    the last AwayError is raised. The decorator gives the method the attempt as its first argument after self;
    callers do not give it.
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
    """As `retried_with_attempt`, for a method that leaves the same rows however often it is run, and so need
    not know the attempt.
    """

    @wraps(method)
    def whatever_the_attempt(self: W, _attempt: Attempt, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return method(self, *args, **kwargs)

    return retried_with_attempt(whatever_the_attempt)
