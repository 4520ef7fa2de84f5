"""What routes are given: the service, the caller with a scope, the body, the place in a list. FastAPI calls
them dependencies.
"""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Header, Query, Request
from starlette.convertors import StringConvertor, register_url_convertor

from api.application.service import Service
from api.requests import body
from api.requests.callers import Caller, address_of, identify, name_of
from api.requests.current_caller import comes_from
from api.requests.errors import Problem
from tuner.network import is_loopback


class _StudyInPath(StringConvertor):
    """A study's id in a path. "plan" is not an id: GET /studies/plan answers 405, not 404."""

    regex = "(?!plan$)[^/]+"


register_url_convertor("study", _StudyInPath())

Match = Annotated[
    str | None,
    Header(alias="If-None-Match", description="The ETag of an earlier answer: 304 if it still holds."),
]
Limit = Annotated[int, Query(ge=1, le=1000, description="At most so many.")]
Cursor = Annotated[str | None, Query(max_length=200, description="`next` of the page before.")]


async def service_of(request: Request) -> Service:  # FastAPI would run it in a thread of its own otherwise
    """The service that answers a request."""
    found: Service = request.app.state.service
    return found


TheService = Annotated[Service, Depends(service_of)]


async def _body(request: Request, service: TheService) -> body.Body:
    return await body.read(request, service.settings.max_body_bytes)


Body = Annotated[body.Body, Depends(_body)]


def only_this_machine(service: Service, request: Request) -> bool:
    """Whether only this machine can reach the service, judged by the settings and by the address at which the
    request arrived.
    """
    host, *_ = request.scope.get("server") or ("",)
    return service.settings.loopback and (not host or host.startswith("/") or is_loopback(host))


def _with_scope(scope: str) -> Callable[[Request, Service], Caller]:
    """A dependency: the caller, if it has this scope and has not asked too often."""

    def caller(request: Request, service: TheService) -> Caller:
        address = address_of(request)
        # Before the key is looked up, so that guessing keys costs the database nothing. Whoever has one gets
        # this token back.
        service.limiter.take(address)
        local = only_this_machine(service, request)
        found = identify(service.keys, request.headers.get("authorization"), local=local)
        if found.id is not None:
            service.limiter.give_back(address)
            service.limiter.take(name_of(found, request))
        comes_from(name_of(found, request))
        if scope not in found.scopes and "admin" not in found.scopes:
            raise Problem(403, f"this key does not have the scope {scope}")
        return found

    return caller


Reader = Annotated[Caller, Depends(_with_scope("read"))]
Submitter = Annotated[Caller, Depends(_with_scope("submit"))]
