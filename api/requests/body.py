"""Request bodies: strict JSON, or YAML by the rules for spec files.

Some things that Python's JSON parser accepts are refused: NaN, Infinity, 1e999, a name given twice, half a
surrogate pair, very deep nesting.
"""

import asyncio
import json
import math
import re
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from api.requests.errors import Problem, refused
from tuner.errors import FieldError
from tuner.spec.yaml_reader import YamlError, read_yaml

YAML = "application/yaml"
# As json.dumps writes it; not after a backslash that is text.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
BODY_S = 30.0  # from the headers until the whole body is there


@dataclass(frozen=True)
class Body:
    """What a request sent."""

    content: bytes
    media: str  # application/json or application/yaml


async def read(request: Request, most_bytes: int) -> Body:
    """The body, if it is not larger and comes in time. What is too large is not read to its end."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media not in ("application/json", YAML):
        raise Problem(415, f"the body must be application/json or {YAML}")
    too_large = Problem(
        413, f"the body must have at most {most_bytes} bytes", headers={"Connection": "close"}
    )
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and (len(announced) > 15 or int(announced) > most_bytes):
        raise too_large
    body = bytearray()  # not bytes: those are copied with every chunk, and a chunk may be one byte
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most_bytes:
                    raise too_large
    except TimeoutError as error:
        raise Problem(
            408, f"the body did not come within {BODY_S:g} s", headers={"Connection": "close"}
        ) from error
    except ClientDisconnect as error:  # without this the log would have an internal error
        raise Problem(400, "the connection ended before the body") from error
    return Body(bytes(body), media)


def mapping(body: Body) -> dict[str, Any]:
    """The object in a body. Raises Problem."""
    try:
        text = body.content.decode("utf-8")
    except UnicodeError as error:
        raise Problem(400, "the body must be in UTF-8") from error
    given = _yaml(text) if body.media == YAML else _json(text)
    # Written in either language by an escape; PostgreSQL and the names of files have no place for it.
    if _NUL.search(json.dumps(given, ensure_ascii=False)):
        raise Problem(400, "the body has a text with the character U+0000, which cannot be kept")
    if not isinstance(given, dict):
        raise refused("spec", "must be an object of fields", "the body must be an object of fields")
    return given


def _yaml(text: str) -> Any:
    try:
        return read_yaml(text)
    except YamlError as error:
        twice = [FieldError(error.field, "is given twice")] if error.field is not None else []
        raise Problem(400, f"the text {error}", errors=twice) from error


def _json(text: str) -> Any:
    try:
        given = json.loads(
            text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_int
        )
        json.dumps(given, ensure_ascii=False).encode("utf-8")  # half a surrogate pair has no encoding
    except UnicodeError as error:
        raise Problem(400, "the body has half a surrogate pair, which no text has") from error
    except RecursionError as error:
        raise Problem(400, "the body is nested too deeply") from error
    except _RefusedError as error:
        twice = [FieldError(error.field, "is given twice")] if error.field is not None else []
        raise Problem(400, str(error), errors=twice) from error
    except json.JSONDecodeError as error:
        raise Problem(400, f"the body is not JSON: line {error.lineno}, column {error.colno}") from error
    return given


class _RefusedError(Exception):
    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field  # that is given twice


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in fields:
            raise _RefusedError("the body has an object that gives a field twice", name)
        fields[name] = value
    return fields


def _constant(_: str) -> Any:
    raise _RefusedError("the body has NaN or Infinity, which JSON does not know")


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _RefusedError("the body has a number that is too large")
    return value


def _int(text: str) -> int:
    if len(text) > 20:
        raise _RefusedError("the body has a number that is too large")
    return int(text)
