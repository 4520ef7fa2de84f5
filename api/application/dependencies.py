"""What routes are given: the service, the caller with a scope, the body, the place in a list. FastAPI calls
them dependencies.
"""

from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Header, Query, Request
from fastapi.dependencies.models import Dependant
from starlette.convertors import StringConvertor, register_url_convertor

from api.application.service import Service
from api.requests import body
from api.requests.callers import Caller, address_of, identify, name_of
from api.requests.current_caller import comes_from
from api.requests.errors import Problem, refused
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
    """A dependency: the caller, if it has this scope, has not asked too often, and asks with parameters that
    the address knows.
    """

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
        _refuse_strange_parameters(request)
        return found

    return caller


def _refuse_strange_parameters(request: Request) -> None:
    """A filter that is misspelt or given twice would else be passed over, and the answer be another than was
    asked for. Raises Problem.
    """
    known = sorted(_parameters(request.scope["route"].dependant))
    given = [name for name, _ in request.query_params.multi_items()]
    for name in given:
        if name not in known:
            there = f"there are {', '.join(known)}" if known else "there are none"
            raise refused(name, f"is no parameter of this address; {there}")
        if given.count(name) > 1:
            raise refused(name, "is given twice")


def _parameters(dependant: Dependant) -> set[str]:
    """The names of the query parameters of a route and of what it is given."""
    own = {field.alias for field in dependant.query_params}
    return own.union(*map(_parameters, dependant.dependencies))


Reader = Annotated[Caller, Depends(_with_scope("read"))]
Submitter = Annotated[Caller, Depends(_with_scope("submit"))]
