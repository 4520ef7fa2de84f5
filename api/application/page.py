"""What is not for programs: the page, the viewer of the API's description, and Ray's dashboard."""

from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool

from api.application.dependencies import only_this_machine
from api.application.service import Service
from api.requests.errors import Problem
from api.studies.dashboard import PATH as DASHBOARD

PAGES = Path(__file__).parent.parent / "pages"


def install(app: FastAPI, service: Service) -> None:
    """Adds the addresses of the page, of /docs, of Ray's dashboard, and of their files."""

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(PAGES / "index.html")

    @app.get("/docs", include_in_schema=False)
    def docs() -> FileResponse:
        """A page of our own: FastAPI's loads its viewer from a CDN, and has an inline script, which our
        Content-Security-Policy forbids.
        """
        return FileResponse(PAGES / "docs.html")

    _install_dashboard(app, service)
    app.mount("/static/swagger", StaticFiles(packages=[("fastapi_offline", "static")]), name="swagger")
    app.mount("/static", StaticFiles(directory=PAGES), name="static")


def _install_dashboard(app: FastAPI, service: Service) -> None:
    @app.get("/ray", include_in_schema=False)
    def with_slash() -> RedirectResponse:
        """Redirects to /ray/, because the dashboard's links are relative."""
        return RedirectResponse(DASHBOARD, 307)

    @app.get(DASHBOARD + "{path:path}", include_in_schema=False)
    async def dashboard(path: str, request: Request) -> Response:
        """Ray's dashboard, if `tuner serve` has started that Ray."""
        found = service.dashboard
        if found is None:
            raise Problem(404, "there is no Ray here that the service has started")
        local = only_this_machine(service, request)
        if not await run_in_threadpool(found.admits, request, local=local):
            raise Problem(
                401,
                "Ray's dashboard is for administrators: open a study on the page first, with a key of theirs",
            )
        answer: Response = await found.fetch(request, path)
        return answer
