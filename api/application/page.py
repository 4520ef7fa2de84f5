"""The page and the viewer of the API's description: files as they are."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

PAGES = Path(__file__).parent.parent / "pages"


def install(app: FastAPI) -> None:
    """Adds the addresses of the page, of /docs, and of their files."""

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(PAGES / "index.html")

    @app.get("/docs", include_in_schema=False)
    def docs() -> FileResponse:
        """A page of our own: FastAPI's loads its viewer from a CDN, and has an inline script, which our
        Content-Security-Policy forbids.
        """
        return FileResponse(PAGES / "docs.html")

    app.mount("/static/swagger", StaticFiles(packages=[("fastapi_offline", "static")]), name="swagger")
    app.mount("/static", StaticFiles(directory=PAGES), name="static")
