"""Errors as RFC 9457 problem+json: they name the fields, and never repeat what came in."""

import logging
import re
from collections.abc import Mapping, Sequence
from functools import singledispatch
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import Match, Mount

from tuner.errors import (
    FieldError,
    ForbiddenByStateError,
    LedgerError,
    SpecError,
    StudyNotFoundError,
    UserError,
)
from tuner.ledger.quotas import TooManyStudiesError, TooManyWaitError

_LOG = logging.getLogger("tuner.api")
_FIELD = re.compile(r"[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,8}")
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_TITLES = {
    400: "Bad request",
    401: "A key is needed",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
    408: "Too slow",
    409: "The study's state forbids it",
    413: "Too large",
    415: "Neither JSON nor YAML",
    422: "Not valid",
    429: "Too many requests",
    500: "Internal error",
    503: "Not available",
}


class Problem(Exception):  # noqa: N818  # RFC 9457's word
    """An answer that is an error."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),  # what came with them is left out of the answer
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.errors, self.headers = status, detail, errors, headers

    @property
    def title(self) -> str:
        """What errors of its status are called."""
        return _TITLES.get(self.status, "Error")

    def response(self) -> JSONResponse:
        """As it is sent."""
        content: dict[str, Any] = {
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            content["errors"] = [{"field": _named(e.field), "message": e.message} for e in self.errors]
        return JSONResponse(
            content, self.status, dict(self.headers or {}), media_type="application/problem+json"
        )


def refused(field: str, message: str, detail: str = "see errors") -> Problem:
    """The problem of one wrong field."""
    return Problem(422, detail, errors=[FieldError(field, message)])


def _named(field: str) -> str:
    """The name of a field, which may be the client's own, and then anything; "spec" for the whole."""
    if not field:
        return "spec"
    return field if _FIELD.fullmatch(field) else "(a name that no field has)"


def install(app: FastAPI) -> None:
    """Makes every error that leaves the app a problem."""

    async def problem(request: Request, error: Any) -> JSONResponse:
        found = as_problem(error)
        if found.status == 405:
            found.headers = {"Allow": _allowed(app, request)}
        return found.response()

    for kind in (Problem, HTTPException, RequestValidationError, UserError):
        app.add_exception_handler(kind, problem)

    async def unforeseen(request: Request, error: Exception) -> JSONResponse:
        _LOG.error("%s %r failed", request.method, request.url.path, exc_info=error)
        return Problem(500, "something went wrong here; the service's log says what").response()

    app.add_exception_handler(Exception, unforeseen)


def _allowed(app: FastAPI, request: Request) -> str:
    """The methods of all routes with the request's path; Starlette names those of the first."""
    scope = {**request.scope, "root_path": request.scope.get("app_root_path", "")}  # before any mount

    def found(method: str) -> bool:
        routes = (r for r in app.router.routes if method == "GET" or not isinstance(r, Mount))
        return any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)

    methods = [method for method in _METHODS if found(method)]
    return ", ".join(sorted([*methods, *(["HEAD"] if "GET" in methods else [])]))


@singledispatch
def as_problem(error: Exception) -> Problem:
    """Any error that users may see as a problem."""
    return Problem(422, str(error))


@as_problem.register
def _(error: Problem) -> Problem:
    return error


@as_problem.register
def _(error: SpecError) -> Problem:
    fields = ", ".join(dict.fromkeys(_named(e.field) for e in error.errors))
    others = f", and {error.more} more" if error.more else ""
    return Problem(422, f"the spec is not valid; see errors for {fields}{others}", errors=error.errors)


@as_problem.register
def _(_: StudyNotFoundError) -> Problem:
    return Problem(404, "there is no such study")


@as_problem.register
def _(error: ForbiddenByStateError) -> Problem:
    return Problem(409, str(error))


@as_problem.register
def _(error: TooManyWaitError) -> Problem:
    return Problem(429, str(error), headers={"Retry-After": "60"})


@as_problem.register
def _(error: TooManyStudiesError) -> Problem:
    return Problem(403, str(error))


@as_problem.register
def _(error: LedgerError) -> Problem:
    _LOG.error("%s", error)
    return Problem(503, "the ledger does not answer; try again", headers={"Retry-After": "5"})


def worded(message: str) -> str:
    """A sentence of pydantic's in the words of this API: "must be a valid string"."""
    return message.replace("Input should", "must")


@as_problem.register
def _(error: RequestValidationError) -> Problem:
    errors = [
        FieldError(str(e["loc"][-1]) if e["loc"] else "request", worded(e["msg"])) for e in error.errors()
    ]
    return Problem(422, "the request is not valid; see errors", errors=errors)


@as_problem.register
def _(error: HTTPException) -> Problem:
    return Problem(error.status_code, str(error.detail), headers=error.headers)
