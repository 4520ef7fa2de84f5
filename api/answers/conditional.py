"""Answers with an ETag: a client that has the current version gets 304 instead of the content."""

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

from fastapi import Response
from fastapi.responses import FileResponse
from starlette.types import Receive, Scope, Send

_RANGE = re.compile(rb"bytes=([0-9]{0,15})-([0-9]{0,15})")
_TAG = re.compile(r'"[^"]*"')  # what is before it, W/, does not count in a comparison for If-None-Match


def answer(
    match: str | None, tag: str, make: Callable[[], bytes], media_type: str = "application/json"
) -> Response:
    """What `make` gives, or 304 where the header If-None-Match has the tag (RFC 9110, section 13.1.2)."""
    return unchanged(match, tag) or Response(make(), media_type=media_type, headers=_headers(tag))


def unchanged(match: str | None, tag: str) -> Response | None:
    """304 where the header If-None-Match has the tag; None where there is more to be sent."""
    if match is not None and (match.strip() == "*" or tag in _TAG.findall(match)):
        return Response(status_code=304, headers=_headers(tag))
    return None


def _headers(tag: str) -> dict[str, str]:
    return {"ETag": tag, "Cache-Control": "private, no-cache"}


class FileAnswer(FileResponse):
    """A file from its place on the disk, or the one range of its bytes that is asked for. Any other Range is
    ignored, as RFC 9110, section 14.2, allows: FileResponse has errors of its own for some.
    """

    def __init__(self, path: Path, status: os.stat_result, saved_as: str, media_type: str) -> None:
        headers = _headers(file_tag(status))
        super().__init__(path, media_type=media_type, filename=saved_as, stat_result=status, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        headers = [h for h in scope["headers"] if h[0] != b"range" or _is_range(h[1])]
        await super().__call__({**scope, "headers": headers}, receive, send)


def _is_range(header: bytes) -> bool:
    found = _RANGE.fullmatch(header)
    if found is None:
        return False
    first, last = found.groups()
    return int(first) <= int(last) if first and last else bool(first or last)


def file_tag(status: os.stat_result) -> str:
    """The ETag of a file."""
    return f'"{status.st_mtime_ns}-{status.st_size}"'


def tag_of(content: bytes) -> str:
    """The ETag of an answer whose version is its content."""
    return f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
