"""Cursors of pages: where the next page begins, as a text that clients send back unchanged."""

import base64
import binascii
import json
from datetime import UTC, datetime

from api.requests.errors import Problem, refused


def encoded(*parts: str) -> str:
    """The cursor of a place: printable ASCII in, printable ASCII out."""
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


def decoded(cursor: str, parts: int) -> list[str]:
    """The parts that a cursor was made of. Raises Problem 422 for a text that is no such cursor."""
    try:
        found = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise not_a_cursor() from error
    if (
        not isinstance(found, list)
        or len(found) != parts
        or not all(isinstance(p, str) and p.isascii() and p.isprintable() for p in found)
    ):
        raise not_a_cursor()
    return found


def time(text: str) -> datetime:
    """A part that is a time. Raises Problem 422."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise not_a_cursor() from error


def not_a_cursor() -> Problem:
    """The error for a text that is not a cursor."""
    return refused("cursor", "must be the `next` of an earlier answer")
