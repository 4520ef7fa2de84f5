"""The FastAPI application: routes, middleware, the page, and the background threads (`create`)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from api import logs
from api.answers.metrics import Timing
from api.application import openapi, page, ray_dashboard
from api.application.routes import changing, health, parts_of_studies, reading, submitting
from api.application.service import Service
from api.requests import errors
from api.requests.guard import Guard
from api.requests.head import Head
from api.requests.request_id import RequestId
from api.settings import ServiceSettings
from api.studies.completer import Completer
from api.studies.jobs import Jobs
from api.studies.notifier import NotifierThread
from api.studies.probe import Probe
from api.studies.reconciler import Reconciler
from tuner.driver.notifications import Notifier
from tuner.errors import UserError
from tuner.home import open_home
from tuner.ledger.api_keys import ApiKeys
from tuner.ledger.store import Ledger
from tuner.network import reach_loopback_directly

_Worker = Probe | Reconciler | Completer | NotifierThread
_ABOUT = """Finds the two temperatures of a straight-through estimator. Submit a study, follow it, read its
verdict.

Errors are RFC 9457 problems: `errors` names the fields. Where the service has API keys, send
`Authorization: Bearer KEY`; a key sees the studies of its owner, a key with the scope `admin` sees all."""


def create(settings: ServiceSettings | None = None, jobs: Jobs | None = None) -> FastAPI:
    """The application, over the ledger that the settings name. `uvicorn --factory api.application.app:create`
    runs it.

    Args:
        settings: None: from the environment.
        jobs: the Ray that runs studies; None: the one that the settings name.
    """
    known = settings or ServiceSettings.from_environment()
    logs.install(known.log_format)
    reach_loopback_directly()
    if known.ledger_url is None:
        open_home(known.home_folder)
    if jobs is None and known.ray_address:
        jobs = Jobs(known.ray_address)
    service = Service(known, Ledger(known.ledger_address), jobs)
    try:
        require_keys(known, service.keys)
        notifier = _notifier(service)
    except UserError:
        service.ledger.close()
        raise

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        workers = _background(service, notifier)
        for worker in workers:
            worker.start()
        try:
            yield
        finally:
            for worker in workers:
                await run_in_threadpool(worker.stop)
            if service.dashboard is not None:
                await service.dashboard.close()
            service.ledger.close()

    app = FastAPI(
        title="straight-through tuner",
        description=_ABOUT,
        version="1",
        lifespan=life,
        docs_url=None,
        redoc_url=None,
    )
    app.state.service = service
    for routes in (submitting, reading, changing, parts_of_studies, health):
        app.include_router(routes.router)
    errors.install(app)
    ray_dashboard.install(app, service)
    page.install(app)
    # The last one added is the first to see a request.
    app.add_middleware(Head)
    app.add_middleware(Guard, names=known.names, limiter=service.limiter)
    app.add_middleware(RequestId)
    app.add_middleware(Timing, metrics=service.metrics)
    openapi.describe(app)
    return app


def require_keys(settings: ServiceSettings, keys: ApiKeys) -> None:
    """Raises UserError where others than this machine could reach a service that has no API keys."""
    if not settings.loopback and not keys.exist():
        raise UserError(
            f"without an API key the service binds to loopback only, not to {settings.host} (TUNER_HOST); "
            "`tuner keys create` makes a key"
        )


def _notifier(service: Service) -> Notifier | None:
    """What sends notifications of studies that end; None where TUNER_NOTIFY names nobody. Raises UserError
    for a wrong address.
    """
    settings = service.settings
    if not settings.notify:
        return None
    return Notifier(
        settings.notify, service.ledger, lambda study: f"{settings.page_link}/#/studies/{study.id}"
    )


def _background(service: Service, notifier: Notifier | None) -> list[_Worker]:
    """The threads that work beside the requests."""
    workers: list[_Worker] = [service.probe]
    if service.jobs:
        reconciler = Reconciler(
            service.queue,
            service.jobs,
            most_running=service.settings.max_running,
            most_losses=service.settings.max_attempts,
            most_of_one_owner=service.settings.max_running_per_owner,
        )
        service.wake = reconciler.wake
        workers.append(reconciler)
    if service.settings.mlflow_uri:
        workers.append(Completer(service.ledger, service.settings, service.settings.mlflow_uri))
    if notifier is not None:
        workers.append(NotifierThread(notifier))
    return workers
