"""How a verb asks a service: the options --server and --key, the client that they open, and the completion of
a service's study ids.
"""

from collections.abc import Callable
from functools import wraps
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from tuner.cli import cli
from tuner.cli.completion import StudyName, study_items
from tuner.errors import UserError

if TYPE_CHECKING:
    from api.client import Client

_WAIT_S = 1.5  # for an answer, while somebody looks at the line they are typing


# The options by which a verb goes to a service: (names, what click.Option takes).
_SERVER_OPTIONS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("--server",), {"metavar": "URL", "help": "Address of a service; default: TUNER_SERVER."}),
    (
        ("--key",),
        {"help": "API key; default: TUNER_API_KEY, which does not show in the list of processes."},
    ),
)


def _server_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for names, given in reversed(_SERVER_OPTIONS):
        command = click.option(*names, **given)(command)
    return command


def _client(server: str | None, key: str | None, **limits: Any) -> "Client":
    """The client of the service that the options name, or else the environment. Raises UserError where
    neither does.

    Args:
        server: the option --server.
        key: the option --key.
        limits: as Client takes them.
    """
    from api.client import Client
    from api.settings import ClientSettings

    known = ClientSettings.from_environment()
    address = server or known.server
    if not address:
        raise UserError("name a service: --server http://127.0.0.1:8000, or TUNER_SERVER")
    return Client(address, key or known.api_key, **limits)


def with_client(command: Callable[..., Any]) -> Callable[..., Any]:
    """Opens the client that the options, or the environment, name."""

    @_server_options
    @wraps(command)
    def opened(*args: Any, server: str | None, key: str | None, **kwargs: Any) -> Any:
        with _client(server, key) as client:
            return command(client, *args, **kwargs)

    return opened


def remote_or_local(name: str, remote: Callable[..., None]) -> None:
    """Gives a local verb the options --server and --key, with which it asks a service. Without them it works
    on the local ledger, as before.
    """
    command = cli.commands[name]
    local_callback = command.callback
    assert local_callback is not None

    def either(server: str | None, key: str | None, **kwargs: Any) -> None:
        if not server:
            local_callback(**kwargs)
            return
        with _client(server, key) as client:
            remote(client, **kwargs)

    for param in command.params:
        if isinstance(param.type, StudyName):
            param.type = StudyHereOrThere()
    command.params.extend(click.Option(names, **given) for names, given in _SERVER_OPTIONS)
    command.callback = either


class ServiceStudy(click.ParamType[str]):
    """A study of a service: an id, a unique beginning of one, or "latest"."""

    name = "study"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The newest ids that begin so, if the service answers."""
        del param
        given = ctx.params
        try:
            with _client(given.get("server"), given.get("key"), timeout_s=_WAIT_S, tries=1) as client:
                rows = client.newest()
        except UserError:  # there is no place for a sentence
            return []
        return study_items(((r["id"], r["name"], r["state"]) for r in rows), incomplete)


def fetch(client: Any, study: str, name: str, folder: Path, place: str) -> None:
    """Writes a file of a study to its place in a folder, and says where. Raises UserError."""
    target = PurePosixPath(place)
    if target.is_absolute() or ".." in target.parts or not target.name or not place.isprintable():
        raise UserError(f"{client.server} names a file {name!r}, which would not lie in {folder}")
    content = client.file(study, name)
    try:
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        (folder / target).write_bytes(content)
    except OSError as error:
        raise UserError(f"{name} cannot be written to {folder}: {error.strerror}") from error
    click.echo(folder / target)


class StudyHereOrThere(StudyName):
    """A study of a service where the line names one by --server, else one of this machine's ledger."""

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """As where the verb will look for it."""
        there = bool(ctx.params.get("server"))
        return (ServiceStudy() if there else StudyName()).shell_complete(ctx, param, incomplete)
