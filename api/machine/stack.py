"""The whole stack on one machine: Ray, MLflow, and in this process the API with its page. What it starts, it
ends.
"""

import os
import secrets
import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import uvicorn

from api.application.app import create
from api.application.service import DashboardLogin
from api.application.settings import ServiceSettings
from api.machine.ray_head import RayHead
from api.studies.ray_token import token, token_environment
from tuner.errors import UserError
from tuner.ledger.api_keys import ApiKeys
from tuner.ledger.database import without_password
from tuner.ledger.store import Ledger
from tuner.network import any_free_port, port_is_free
from tuner.tracking.server import MlflowServer


def serve(given: ServiceSettings, say: Callable[[str], None]) -> None:
    """Serves until Ctrl-C or SIGTERM. A part that the settings name (an MLflow, a Ray, a ledger) is used and
    not started.

    Raises UserError where something does not start, or the bind needs a key that is not there.
    """
    settings = given.model_copy(
        update={
            "home": given.home_folder,
            "data": given.data_folder,
            "port": _port(given),
            "ledger_url": given.ledger_address,
        }
    )
    _refuse_early(settings)
    with ExitStack() as stack:
        for name, value in token_environment(settings.home_folder).items() if not given.ray_address else ():
            os.environ[name] = value
        mlflow = ray = None
        if not settings.mlflow_uri:
            mlflow = MlflowServer(settings.home_folder)
            stack.callback(mlflow.stop)
            settings = settings.model_copy(update={"mlflow_uri": mlflow.uri})
        if not settings.ray_address:
            ray = RayHead(settings.home_folder, _for_drivers(settings))
            stack.callback(ray.stop)
            settings = settings.model_copy(update={"ray_address": ray.uri})
        app = create(settings)
        for part in (mlflow, ray):
            if part is not None:
                part.wait_until_ready()
        if ray is not None and (ray_token := token()):
            app.state.service.dashboard = DashboardLogin(secrets.token_urlsafe(24), ray_token)
        _announce(settings, app, say)
        config = uvicorn.Config(
            app,
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=3,
            server_header=False,
        )
        uvicorn.Server(config).run()


def _refuse_early(settings: ServiceSettings) -> None:
    """Refuses what cannot be served before anything is started: a port that was asked for and is taken, an
    address beyond loopback without a key. (`create` refuses the latter, too, for those who start the
    application themselves.)
    """
    if settings.port and not port_is_free(settings.port, settings.host):
        raise UserError(
            f"port {settings.port} on {settings.host} is taken by another program; choose another one "
            "(--port, TUNER_PORT)"
        )
    if settings.loopback:
        return
    ledger = Ledger(settings.ledger_address)
    try:
        if not ApiKeys(ledger).exist():
            raise UserError(
                f"without an API key the service binds to loopback only, not to {settings.host} "
                "(TUNER_HOST); "
                "`tuner keys create` makes a key"
            )
    finally:
        ledger.close()


def _for_drivers(settings: ServiceSettings) -> dict[str, str]:
    """The settings that a driver needs, for Ray's environment: no request and no runtime_env carries them."""
    return {
        "TUNER_HOME": str(settings.home_folder),
        "TUNER_DATA": str(settings.data_folder),
        "TUNER_LEDGER_URL": settings.ledger_address,
        "TUNER_MLFLOW_URI": settings.mlflow_uri or "",
        "TUNER_MAX_RUNNING": str(settings.max_running),
        "TUNER_RAY_ADDRESS": "",
    }


def _port(settings: ServiceSettings) -> int:
    """The port that was asked for; another one where the usual one is taken and none was asked for."""
    if "TUNER_PORT" in os.environ or port_is_free(settings.port):
        return settings.port
    return any_free_port()


def _announce(settings: ServiceSettings, app: Any, say: Callable[[str], None]) -> None:
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104  # to be shown
    page = f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"
    login = app.state.service.dashboard
    say(f"page    {page}/")
    say(f"MLflow  {settings.mlflow_link}")
    say(f"Ray     {f'{page}/ray?login={login.secret}' if login else settings.ray_link}")
    say(f"ledger  {without_password(settings.ledger_address)}")
    say(f"on {socket.gethostname()}; Ctrl-C ends what was started here")
