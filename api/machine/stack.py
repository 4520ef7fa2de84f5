"""The whole stack on one machine: Ray, MLflow, and in this process the API with its page. What it starts, it
ends.
"""

import errno
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing, suppress
from typing import Any

import uvicorn

from api.application.app import create, require_keys
from api.application.server import configuration
from api.machine.ray_head import RayHead
from api.machine.supervisor import Part, Supervisor, ready
from api.settings import ServiceSettings
from api.studies.dashboard import PATH, Dashboard
from api.studies.jobs import Jobs
from api.studies.ray_token import token_environment
from tuner.driver.signals import stopping_on_signals
from tuner.errors import UserError
from tuner.home import held, identity, open_home
from tuner.ledger.api_keys import ApiKeys
from tuner.ledger.database import without_password
from tuner.ledger.store import Ledger
from tuner.network import listen
from tuner.tracking.server import MlflowServer


def serve(given: ServiceSettings, say: Callable[[str], None]) -> None:
    """Serves until Ctrl-C, SIGTERM or SIGHUP. A part that the settings name (an MLflow, a Ray, a ledger) is
    used and not started.

    Raises UserError where something does not start or does not stay up, where the port is taken, where
    another process serves the same state folder, or where the bind needs a key that is not there.
    """
    with suppress(KeyboardInterrupt), stopping_on_signals(), ExitStack() as stack:
        listener = stack.enter_context(closing(_listen(given)))
        home = open_home(given.home_folder)
        whole = {"home": home, "data": given.data_folder, "ledger_url": given.ledger_address}
        settings = given.model_copy(update=whole | {"port": listener.getsockname()[1]})
        files = []
        if not (settings.mlflow_uri and settings.ray_address):
            files = stack.enter_context(held(home, "tuner serve"))
        _refuse_early(settings)
        _serve(settings, listener, files, stack, say)


def _serve(
    settings: ServiceSettings,
    listener: socket.socket,
    files: Sequence[int],
    stack: ExitStack,
    say: Callable[[str], None],
) -> None:
    """Starts what the settings do not name, and serves. What it starts, the stack ends."""
    home = settings.home_folder
    parts: list[Part] = []
    ray: RayHead | None = None
    if not settings.ray_address:
        os.environ.update(token_environment(home))
    if not settings.mlflow_uri:
        mlflow = MlflowServer(home, keep_open=files)
        stack.callback(mlflow.stop)
        settings = settings.model_copy(update={"mlflow_uri": mlflow.uri})
        parts.append(mlflow)
    if not settings.ray_address:
        ray = RayHead(home, _for_drivers(settings), keep_open=files)
        stack.callback(ray.stop)
        settings = settings.model_copy(update={"ray_address": ray.uri})
        parts.append(ray)
    jobs = None
    if ray is not None:
        jobs = Jobs(lambda: ray.uri, cluster=identity(home), is_ours=ray.is_at)
    app = create(settings, jobs)
    for part in parts:
        ready(part)
    if ray is not None:
        app.state.service.show(Dashboard(app.state.service.keys, lambda: ray.uri, ray.is_at))
    server = uvicorn.Server(configuration(app, settings))

    def end() -> None:
        server.should_exit = True

    supervisor = Supervisor(parts, give_up=end)
    supervisor.start()
    stack.callback(supervisor.stop)
    _announce(settings, app, say)
    server.run(sockets=[listener])
    if supervisor.problem:
        raise UserError(supervisor.problem)


def _listen(settings: ServiceSettings) -> socket.socket:
    """The socket that the service answers on: on the port that was asked for, or on another one where the
    usual one is taken and none was asked for. From now on nobody else has it. Raises UserError.
    """
    try:
        return listen(settings.host, settings.port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE and "port" not in settings.model_fields_set:
            return listen(settings.host, 0)
        why = (
            "is taken by another program; choose another one (--port, TUNER_PORT)"
            if error.errno == errno.EADDRINUSE
            else f"(TUNER_HOST) cannot be listened on: {error.strerror}"
        )
        raise UserError(f"port {settings.port} on {settings.host} {why}") from error


def _refuse_early(settings: ServiceSettings) -> None:
    """Before anything is started. `create` refuses it too, for those who start the application themselves."""
    if settings.loopback:
        return
    ledger = Ledger(settings.ledger_address)
    try:
        require_keys(settings, ApiKeys(ledger))
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


def _announce(settings: ServiceSettings, app: Any, say: Callable[[str], None]) -> None:
    page = settings.local_link
    shown = app.state.service.dashboard is not None
    say(f"page    {page}/")
    open_to = "  (it asks for no key)" if app.state.service.keys.exist() else ""
    say(f"MLflow  {settings.mlflow_link}{open_to}")
    say(f"Ray     {f'{page}{PATH}' if shown else settings.ray_link}")
    say(f"ledger  {without_password(settings.ledger_address)}")
    say(f"on {socket.gethostname()}; Ctrl-C ends what was started here")
