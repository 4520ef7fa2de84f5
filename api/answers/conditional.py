"""Answers with an ETag: whoever has the current one is told so, and is not sent it again."""

import hashlib
import re
from collections.abc import Callable

from fastapi import Response

_TAG = re.compile(r'"[^"]*"')  # what is before it, W/, does not count in a comparison for If-None-Match


def answer(
    match: str | None, tag: str, make: Callable[[], bytes], media_type: str = "application/json"
) -> Response:
    """What `make` gives, or 304 where the header If-None-Match has the tag (RFC 9110, section 13.1.2)."""
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if match is not None and (match.strip() == "*" or tag in _TAG.findall(match)):
        return Response(status_code=304, headers=headers)
    return Response(make(), media_type=media_type, headers=headers)


def tag_of(content: bytes) -> str:
    """The ETag of an answer whose version is its content."""
    return f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
