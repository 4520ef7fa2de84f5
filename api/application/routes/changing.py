"""Routes that change a study: cancel, resume, confirm on more seeds, annotate, delete."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import ValidationError

from api.application import openapi, schemas
from api.application.dependencies import Body, Submitter, TheService
from api.application.service import Service
from api.requests import audit
from api.requests.body import mapping
from api.requests.callers import Caller
from api.requests.errors import Problem, refused, worded
from tuner.errors import FieldError
from tuner.ledger.added_seeds import add_seeds
from tuner.spec.judging import MOST_SEEDS
from tuner.spec.study import parse_spec

router = APIRouter(tags=["studies"])


@router.post(
    "/studies/{study_id}/cancel", status_code=202, summary="Stop a study for good",
    response_model=schemas.Study,
    responses=openapi.may_answer(401, 403, 404, 409, 429, 503, known=schemas.Study),
)  # fmt: skip
def cancel(service: TheService, caller: Submitter, request: Request, study_id: str) -> Response:
    """Training stops within seconds, what was finished is kept. 200 when it is over, 202 until then; again:
    the same.
    """
    return _changed(service, caller, request, study_id, service.queue.cancel, "cancelled")


@router.post(
    "/studies/{study_id}/resume", status_code=202,
    summary="Continue an interrupted or failed study",
    response_model=schemas.Study,
    responses=openapi.may_answer(401, 403, 404, 409, 429, 503, known=schemas.Study),
)  # fmt: skip
def resume(
    service: TheService,
    caller: Submitter,
    request: Request,
    study_id: str,
    restart_trials: Annotated[
        bool, Query(description="Forget all of its trials and start them anew: the data has changed, say.")
    ] = False,
) -> Response:
    """It is queued again; what had finished is not run again. A study that is queued or running already stays
    as it is.
    """

    def act(found: str) -> str:
        if restart_trials:
            service.queue.restart_trials(found, quota=service.quota)
            service.settings.remove_files(found)
            audit.note(request, caller, "trials are started anew", found)
        return service.queue.resume(found, quota=service.quota)

    return _changed(service, caller, request, study_id, act, "running")


@router.post(
    "/studies/{study_id}/confirm", status_code=202, summary="Add fresh seeds to a study that has succeeded",
    response_model=schemas.Study,
    responses=openapi.may_answer(401, 403, 404, 409, 422, 429, 503, known=schemas.Study),
)  # fmt: skip
def confirm(
    service: TheService,
    caller: Submitter,
    request: Request,
    study_id: str,
    seeds: Annotated[int, Query(ge=1, le=MOST_SEEDS, description="How many.")],
) -> Response:
    """Its confirmed methods are trained on them, and nothing else. The verdict then holds at every number of
    seeds: `gain.by` says so. Asked again before they are trained, it adds none.
    """

    def act(found: str) -> str:
        row = service.ledger.study(found)
        spec = parse_spec(row.spec)
        left = spec.room_for_seeds - sum(row.added_seeds)
        if seeds > left:
            raise refused("seeds", f"must be at most {left}: a study has {MOST_SEEDS} fresh ones at most")
        members = spec.with_added((*row.added_seeds, seeds)).planned_members
        if members > service.settings.max_members:
            raise refused("seeds", f"the study may have at most {service.settings.max_members} members")
        room = spec.room_for_seeds
        return add_seeds(service.ledger, found, seeds, room=room, service=True, quota=service.quota)

    return _changed(service, caller, request, study_id, act, "running")


@router.patch(
    "/studies/{study_id:study}", summary="Write tags and a comment beside a study",
    response_model=schemas.Study,
    responses=openapi.may_answer(400, 401, 403, 404, 413, 415, 422, 429, 503),
    openapi_extra=openapi.ANNOTATION,
)  # fmt: skip
def annotate(
    service: TheService, caller: Submitter, request: Request, study_id: str, content: Body
) -> dict[str, Any]:
    """For people, and for the search in the list; nothing is computed from it. What is left out stays as it
    is.
    """
    row = service.find(study_id, caller)
    try:
        given = schemas.Annotation.model_validate(mapping(content))
    except ValidationError as error:
        errors = [FieldError(".".join(map(str, e["loc"])), worded(e["msg"])) for e in error.errors()]
        raise Problem(422, "see errors", errors=errors) from error
    tags = None if given.tags is None else list(dict.fromkeys(given.tags))
    service.queue.annotate(row.id, tags=tags, comment=given.comment)
    audit.note(request, caller, "annotated", row.id)
    return service.views.study(service.ledger.study(row.id))


@router.delete(
    "/studies/{study_id:study}", status_code=204, summary="Delete a study",
    response_class=Response, responses=openapi.may_answer(401, 403, 404, 409, 429, 503),
)  # fmt: skip
def delete(service: TheService, caller: Submitter, request: Request, study_id: str) -> Response:
    """From the ledger, with its trials and measurements, and from the state folder, with its report and its
    files; not from MLflow. Not while it runs.
    """
    row = service.find(study_id, caller)
    service.queue.delete(row.id)
    audit.note(request, caller, f"deleted {row.name!r}", row.id)
    service.settings.remove_files(row.id)
    return Response(status_code=204)


def _changed(
    service: Service,
    caller: Caller,
    request: Request,
    study_id: str,
    act: Callable[[str], str],
    over: str,
) -> Response:
    """Does something to a study that the caller may see, and answers the study: 202 until it is `over`."""
    row = service.find(study_id, caller)
    state = act(row.id)
    audit.note(request, caller, f"{request.url.path.rpartition('/')[2]}: {state}", row.id)
    service.wake()
    wait = {} if state == over else {"Retry-After": "2"}
    content = service.views.study(service.ledger.study(row.id))
    return JSONResponse(content, 200 if state == over else 202, wait | {"Location": f"/studies/{row.id}"})
