"""Routes that submit a study, say what one would train, and list what may be submitted."""

import hashlib
import re
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse

from api.answers import lists
from api.application import openapi, schemas
from api.application.dependencies import Body, Reader, Submitter, TheService
from api.requests import audit, body
from api.requests.errors import refused
from api.studies.submission import spec_of
from trainables.tasks import task_declaration
from tuner.evidence.plan import planned
from tuner.ledger.requests import OtherBodyError, RequestKey
from tuner.ledger.rows import StudyState

_PAST = 20  # studies by which a plan's time is estimated, the newest that succeeded
_ONCE = re.compile(r"[\x21-\x7e]{1,255}")
router = APIRouter()


@router.post(
    "/studies", status_code=202, tags=["studies"], summary="Submit a study",
    response_model=schemas.Study,
    responses=openapi.may_answer(400, 401, 403, 413, 415, 422, 429, 503, known=schemas.Study),
    openapi_extra=openapi.SUBMISSION,
)  # fmt: skip
def submit(
    service: TheService,
    caller: Submitter,
    content: Body,
    request: Request,
    once: Annotated[
        str | None, Header(alias="Idempotency-Key", description="The same key and body: the same study.")
    ] = None,
) -> Response:
    """Accepts a spec, or a preset with changes, and queues it. It runs as a Ray job when its turn comes."""
    if once is not None and not _ONCE.fullmatch(once):
        raise refused("Idempotency-Key", "must be 1 to 255 visible ASCII characters")
    spec, notes = spec_of(body.mapping(content), service.settings)
    objective = task_declaration(spec.task).objective
    try:
        study_id, new = service.queue.submit(
            name=spec.name,
            task=spec.task,
            spec=spec.model_dump(mode="json"),
            objective=objective.name,
            direction=objective.direction,
            owner=caller.owner,
            quota=service.quota,
            request=RequestKey(once, hashlib.sha256(content.content).hexdigest()) if once else None,
        )
    except OtherBodyError as error:
        raise refused("Idempotency-Key", str(error), str(error)) from error
    if new:
        audit.note(request, caller, f"submitted {spec.name!r}", study_id)
    service.wake()
    row = service.ledger.study(study_id)
    headers = {"Location": f"/studies/{study_id}", "Retry-After": "2"}
    return JSONResponse(service.views.study(row) | {"notes": notes}, 202 if new else 200, headers)


@router.post(
    "/studies/plan", tags=["studies"], summary="Count what a study would train",
    response_model=schemas.Planned, responses=openapi.may_answer(400, 401, 403, 413, 415, 422, 429, 503),
    openapi_extra=openapi.SUBMISSION,
)  # fmt: skip
def plan(service: TheService, caller: Submitter, content: Body) -> dict[str, Any]:
    """Looks whether a spec is valid, as POST /studies does, and says how much it would train, how long by
    what earlier studies took, and whether its data is there. Nothing is submitted.
    """
    spec, notes = spec_of(body.mapping(content), service.settings)
    newest = service.pages.page(_PAST, state=StudyState.SUCCEEDED, task=spec.task, owner=caller.sees)
    past = service.pages.studies(found.study_id for found in newest)
    return planned(spec, past, service.settings.data_folder) | {"notes": notes}


@router.get(
    "/tasks", tags=["lists"], summary="Tasks: datasets, estimators, options",
    response_model=schemas.Tasks, responses=openapi.may_answer(401, 403, 422, 429, 503),
)  # fmt: skip
def get_tasks(_: Reader) -> dict[str, Any]:
    """What a spec may name."""
    return {"items": lists.tasks(), "labels": lists.labels(), "next": None}


@router.get(
    "/presets", tags=["lists"], summary="Presets and their specs",
    response_model=schemas.Presets, responses=openapi.may_answer(401, 403, 422, 429, 503),
)  # fmt: skip
def get_presets(_: Reader) -> dict[str, Any]:
    """The studies that come with the package."""
    return {"items": lists.presets(), "next": None}
