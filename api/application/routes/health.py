"""Routes for operators: whether the process lives, whether its parts answer, and Prometheus metrics."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from api.application import openapi, schemas
from api.application.dependencies import Reader, TheService
from api.studies.probe import OK

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="The process lives", responses=openapi.may_answer(403))
async def healthz() -> dict[str, str]:
    """Answers without asking anybody, and without waiting for a thread."""
    return {"status": "ok"}


@router.get(
    "/readyz", summary="The ledger, Ray and MLflow answer",
    response_model=schemas.Readiness, responses=openapi.may_answer(403) | openapi.UNREADY,
)  # fmt: skip
async def readyz(service: TheService) -> JSONResponse:
    """What each part said when it was last asked, some seconds ago at most; 503 where the ledger does not
    answer. Without Ray studies wait, and without MLflow they train all the same: neither takes the service
    out of use.
    """
    parts = service.probe.said()
    ready = parts["ledger"] == OK
    return JSONResponse(
        {"ready": ready, "parts": parts}, 200 if ready else 503, {} if ready else {"Retry-After": "5"}
    )


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses=openapi.may_answer(401, 403, 422, 429, 503) | openapi.TEXT,
)
def metrics(service: TheService, _: Reader) -> Response:
    """Studies by state, trials done, member-epochs a second, what MLflow lacks, how long requests take."""
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
