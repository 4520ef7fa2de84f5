"""Whether the service lives, whether it can work, and what it measures."""

import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from api.application import schemas
from api.application.auth import Reader
from api.application.service import Service
from tuner.errors import UserError

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="The process lives", responses=schemas.answers(403))
def healthz() -> dict[str, str]:
    """Answers without asking anybody."""
    return {"status": "ok"}


@router.get(
    "/readyz", summary="The ledger, Ray and MLflow answer",
    response_model=schemas.Readiness, responses=schemas.answers(403) | schemas.UNREADY,
)  # fmt: skip
def readyz(request: Request) -> JSONResponse:
    """Names each part, and answers 503 where one does not work. Studies train without MLflow, which gets them
    later.
    """
    service: Service = request.app.state.service
    parts = {
        "ledger": _works(service.keys.exist),
        "ray": _works(service.jobs.ping)
        if service.jobs
        else "TUNER_RAY_ADDRESS is not set: nothing runs studies",
        "mlflow": _works(lambda: _mlflow(service.settings.mlflow_uri or ""))
        if service.settings.mlflow_uri
        else "not used",
    }
    ready = all(said in ("ok", "not used") for said in parts.values())
    return JSONResponse(
        {"ready": ready, "parts": parts}, 200 if ready else 503, {} if ready else {"Retry-After": "5"}
    )


@router.get(
    "/metrics",
    summary="Prometheus metrics",
    response_class=Response,
    responses=schemas.answers(401, 403, 429, 503) | schemas.TEXT,
)
def metrics(request: Request, _: Reader) -> Response:
    """Studies by state, trials done, member-epochs a second, what MLflow lacks, how long requests take."""
    return Response(
        request.app.state.service.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8"
    )


def _works(ask: Callable[[], Any]) -> str:
    try:
        ask()
    except (UserError, OSError, ValueError):
        return "does not answer"  # where it is, and why, is in the log: this route needs no key
    return "ok"


def _mlflow(uri: str) -> None:
    with urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=3):  # noqa: S310  # the operator's own address
        pass
