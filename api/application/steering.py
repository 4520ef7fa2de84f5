"""Routes that cancel, resume and delete a study."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from api.application import schemas
from api.application.routes import TheService
from api.application.service import Service
from api.requests import audit
from api.requests.callers import Caller, Submitter

router = APIRouter()


@router.post(
    "/studies/{study_id}/cancel", status_code=202, tags=["studies"], summary="Stop a study for good",
    response_model=schemas.Study,
    responses=schemas.answers(401, 403, 404, 409, 429, 503, known=schemas.Study),
)  # fmt: skip
def cancel(service: TheService, caller: Submitter, request: Request, study_id: str) -> Response:
    """Training stops within seconds, what was finished is kept. 200 when it is over, 202 until then; again:
    the same.
    """
    return steered(service, caller, request, study_id, service.queue.cancel, "cancelled")


@router.post(
    "/studies/{study_id}/resume", status_code=202, tags=["studies"],
    summary="Continue an interrupted or failed study",
    response_model=schemas.Study,
    responses=schemas.answers(401, 403, 404, 409, 429, 503, known=schemas.Study),
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

    return steered(service, caller, request, study_id, act, "running")


def steered(
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


@router.delete(
    "/studies/{study_id:study}", status_code=204, tags=["studies"], summary="Delete a study",
    response_class=Response, responses=schemas.answers(401, 403, 404, 409, 429, 503),
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
