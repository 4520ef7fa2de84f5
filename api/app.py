"""The application: its parts put together, and what runs beside the requests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from api import errors, schemas
from api.auth import Guard
from api.routes import router
from api.service import Service
from api.settings import ServiceSettings
from tuner.ledger import Ledger

PAGES = Path(__file__).parent / "pages"
_ABOUT = """Finds the two temperatures of a straight-through estimator. Submit a study, follow it, read its verdict.

Errors are RFC 9457 problems: `errors` names the fields. Where the service has API keys, send `Authorization: Bearer KEY`;
a key sees the studies that were submitted with it, a key with the scope `admin` sees all."""


def create(settings: ServiceSettings | None = None) -> FastAPI:
    """The application, over the ledger that the settings name. `uvicorn --factory api.app:create` runs it."""
    known = settings or ServiceSettings.from_environment()
    service = Service(known, Ledger(known.ledger))

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            service.ledger.close()

    app = FastAPI(title="straight-through tuner", description=_ABOUT, version="1", lifespan=life, redoc_url=None)
    app.state.service = service
    app.include_router(router)
    errors.install(app)
    _serve_page(app)
    app.add_middleware(Guard, names=known.names)
    _describe(app)
    return app


def _serve_page(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(PAGES / "index.html")

    app.mount("/static", StaticFiles(directory=PAGES), name="static")


def _describe(app: FastAPI) -> None:
    """Adds the schemas of what routes read by hand."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = described()
            found.setdefault("components", {}).setdefault("schemas", {}).update(schemas.components())
            for methods in found["paths"].values():
                for operation in methods.values():
                    if "422" in operation["responses"]:
                        operation["responses"]["422"]["content"] = schemas.answers(422)[422]["content"]
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's manual has it
