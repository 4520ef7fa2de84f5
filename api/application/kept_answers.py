"""Answers about a study with an ETag, each kept until what it says changes."""

from collections.abc import Callable
from typing import Any

from fastapi import Response

from api.answers.conditional import answer
from api.answers.versions import found_etag
from api.application.service import Service
from tuner.ledger.rows import StudyRow


def versioned(
    service: Service,
    row: StudyRow,
    match: str | None,
    what: Any,
    make: Callable[[], bytes],
    *,
    tag: str | None = None,
) -> Response:
    """What `make` makes of a study, as JSON; made once, and kept under the name `what`.

    Args:
        match: the request's If-None-Match.
        tag: the answer's ETag, under which it is kept; None: one that holds until the study's results change.
    """
    tag = found_etag(row) if tag is None else tag
    return answer(match, tag, lambda: service.answers.get((row.id, what), tag, make))


def costly_answer(
    service: Service,
    row: StudyRow,
    match: str | None,
    what: str,
    make: Callable[[], bytes],
    media_type: str = "application/json",
) -> Response:
    """As `versioned`, for what takes seconds: only so many of these are made at once
    (api/answers/costly.py).
    """
    tag, kept = found_etag(row), service.answers if media_type == "application/json" else service.drawings
    return answer(match, tag, lambda: service.costly.once(kept, (row.id, what), tag, make), media_type)
