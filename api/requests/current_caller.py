"""The caller whose request the current work is for, known to code that has no request at hand, in whatever
thread it runs.
"""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class _Name:
    """The same object in all contexts that are copied from a request's, so that it can be named later."""

    text: str = ""  # until it is known


_NAME: ContextVar[_Name | None] = ContextVar("name of the current caller", default=None)


def a_request_begins() -> None:
    """Begins a request: work in its context counts for its caller, in whatever thread it is done."""
    _NAME.set(_Name())


def comes_from(name: str) -> None:
    """Says who has sent the current request."""
    current = _NAME.get()
    if current is not None:
        current.text = name


def current_caller() -> str:
    """The name of the caller; "" where it is not known, or the work is for no request."""
    return (_NAME.get() or _Name()).text
