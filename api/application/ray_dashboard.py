"""The addresses of Ray's dashboard, /ray/, where `tuner serve` has started that Ray; and of a job's page in
it. A browser that cannot be shown one gets a page that says why.
"""

from html import escape
from string import Template

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from api.application.dependencies import only_this_machine
from api.application.page import PAGES
from api.application.service import Service
from api.requests.errors import Problem
from api.studies.dashboard import JOB, PATH, Dashboard
from api.studies.jobs import JOB_NAME

_PAGE = Template((PAGES / "problem.html").read_text(encoding="utf-8"))
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


def install(app: FastAPI, service: Service) -> None:
    """Adds the addresses."""

    @app.get(PATH.rstrip("/"), include_in_schema=False)
    def with_slash() -> RedirectResponse:
        """Redirects to /ray/, because the dashboard's links are relative."""
        return RedirectResponse(PATH, 307)

    @app.get(JOB + "{name}", include_in_schema=False)
    async def job(name: str, request: Request) -> Response:
        """Redirects to the page of a study's job."""
        try:
            return RedirectResponse(await _page_of(service, name, request), 307)
        except Problem as problem:
            named = JOB_NAME.fullmatch(name)
            return _shown(problem, request, f"studies/{named['study']}" if named else "")

    @app.get(PATH + "{path:path}", include_in_schema=False)
    async def dashboard(path: str, request: Request) -> Response:
        try:
            found = await _admitted(service, request)
            answer: Response = await found.fetch(request, path)
        except Problem as problem:
            return _shown(problem, request)
        return answer


async def _page_of(service: Service, name: str, request: Request) -> str:
    """The address of a job's page in Ray's dashboard. Raises Problem: a Ray that was started after the job
    had run does not know it.
    """
    found = await _admitted(service, request)
    if not JOB_NAME.fullmatch(name) or not await found.knows(name):
        raise Problem(
            404,
            "Ray knows no such job: it was started again after the job had run, and keeps nothing of what "
            "was before; all that the study has measured is kept",
        )
    return found.page_of(name)


async def _admitted(service: Service, request: Request) -> Dashboard:
    """The dashboard, for a browser that may look. Raises Problem."""
    found = service.dashboard
    if found is None:
        raise Problem(404, "there is no Ray here that the service has started")
    local = only_this_machine(service, request)
    if not await run_in_threadpool(found.admits, request, local=local):
        raise Problem(
            401,
            "Ray's dashboard is for administrators: open a study on the page first, with a key of theirs",
        )
    return found


def _shown(problem: Problem, request: Request, view: str = "") -> Response:
    """A problem as a page, where a browser asks for one; `view`: the view of our page that it links to."""
    if "text/html" not in request.headers.get("accept", ""):
        raise problem
    texts = {
        "title": problem.title,
        "detail": f"{problem.detail[:1].upper()}{problem.detail[1:]}.",
        "view": view,
        "link": "The study" if view else "All studies",
    }
    content = _PAGE.substitute({name: escape(text) for name, text in texts.items()})
    return HTMLResponse(content, problem.status, dict(problem.headers or {}) | _HEADERS)
