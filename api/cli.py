"""The console script: the local verbs of tuner/cli.py, and with them serve, keys, and the verbs against a
server.

What a verb needs is imported when it runs: the local ones start as fast as without these.
"""

import json
import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from tuner import cli as local
from tuner.cli import cli
from tuner.errors import UserError


def main() -> None:
    """The console script."""
    local.import_fast()
    local.main()


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


def _with_client(command: Callable[..., Any]) -> Callable[..., Any]:
    """Opens the client that the options, or the environment, name."""

    @_server_options
    @wraps(command)
    def opened(*args: Any, server: str | None, key: str | None, **kwargs: Any) -> Any:
        from api.application.settings import ClientSettings
        from api.client import Client

        known = ClientSettings.from_environment()
        address = server or known.server
        if not address:
            raise UserError("name a service: --server http://127.0.0.1:8000, or TUNER_SERVER")
        with Client(address, key or known.api_key) as client:
            return command(client, *args, **kwargs)

    return opened


@cli.command()
@click.option("--host", help="Address to bind to; default: TUNER_HOST.")
@click.option("--port", type=click.IntRange(0, 65535), help="Default: TUNER_PORT, or a free one.")
def serve(host: str | None, port: int | None) -> None:
    """Serve the whole stack on this machine: Ray, MLflow, the API and its page, until Ctrl-C."""
    import os

    for name, value in (("TUNER_HOST", host), ("TUNER_PORT", port)):
        if value is not None:
            os.environ[name] = str(value)
    from api.application.settings import ServiceSettings
    from api.machine.stack import serve as run

    settings = ServiceSettings.from_environment()

    run(settings, click.echo)


@cli.command()
@click.argument("spec")
@_with_client
def submit(client: Any, spec: str) -> None:
    """Submit SPEC, a YAML file or a preset, to a service."""
    from tuner.spec.study import load_spec

    is_file = Path(spec).suffix in (".yaml", ".yml")
    given = load_spec(spec, local.print_note).model_dump(mode="json") if is_file else {"preset": spec}
    study = client.submit(given)
    click.echo(
        f"study {study['id']}  {study['name']}: {study['state']}, {study['progress']['trials']['total']} "
        "trials"
    )
    click.echo(f"page  {client.server}{study['links']['page']}")


@cli.command()
@click.argument("study", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@_with_client
def status(client: Any, study: str | None, as_json: bool) -> None:
    """Show a study on a service, or the newest of all."""
    if study is None:
        rows = client.newest()
        if as_json:
            click.echo(json.dumps(rows, indent=1))
        else:
            table = [[r["id"], r["name"], r["task"], r["state"], _line(r)] for r in rows]
            click.echo(
                local.columns(["study", "name", "task", "state", "progress"], table, left=5)
                if table
                else "There is no study yet."
            )
        return
    found = client.status(client.find(study))
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    click.echo(f"study {found['id']}  {found['name']}: {found['state']}{_because(found)}")
    click.echo(_line(found))
    for name, address in found["links"].items():
        if name in ("page", "job", "mlflow") and address:
            click.echo(f"{name:6} {address if '://' in address else client.server + address}")


@cli.command()
@click.argument("study")
@_with_client
def watch(client: Any, study: str) -> None:
    """Follow a study on a service until it ends; a live progress line."""
    name = client.find(study)
    in_place, printed_at, last = sys.stderr.isatty(), 0.0, ""
    final: dict[str, Any] = {}
    for final in client.watch(name):
        line = f"{final.get('state', 'deleted')} · {_line(final)}" if "progress" in final else "deleted"
        if in_place:
            click.echo(f"\r\x1b[K{line}", err=True, nl=False)
        elif line != last and (time.monotonic() - printed_at > 5 or final.get("state") != "running"):
            click.echo(line, err=True)
            printed_at, last = time.monotonic(), line
    if in_place:
        click.echo(err=True)
    click.echo(f"study {name}: {final.get('state')}{_because(final)}")
    if final.get("state") != "succeeded":
        sys.exit(1)
    found = client.results(name)
    click.echo(f"verdict: {found['verdict']}\n  {found['verdict_reason']}")


@cli.command()
@click.argument("study")
@_with_client
def cancel(client: Any, study: str) -> None:
    """Stop a study on a service, for good; what it has finished is kept."""
    _said(client.cancel(client.find(study)))


def _said(study: dict[str, Any]) -> None:
    click.echo(f"study {study['id']}: {'cancelling' if study['cancelling'] else study['state']}")


def _remote_or_local(name: str, remote: Callable[..., None]) -> None:
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
        from api.application.settings import ClientSettings
        from api.client import Client

        with Client(server, key or ClientSettings.from_environment().api_key) as client:
            remote(client, **kwargs)

    command.params.extend(click.Option(names, **given) for names, given in _SERVER_OPTIONS)
    command.callback = either


def _results(client: Any, study: str, as_json: bool) -> None:
    name = client.find(study)
    if as_json:
        click.echo(client.results_text(name))
        return
    from tuner.evidence.results import Results

    found = client.results(name)
    click.echo(f"study {name}: {found['state']}")
    objective = client.status(name)["objective"]
    title = objective.get("title", objective["name"])  # which services of an older version do not send
    click.echo(local.summary_of(Results.model_validate(found), title))


def _resume(client: Any, study: str, restart_trials: bool, **_: Any) -> None:
    _said(client.resume(client.find(study), restart_trials=restart_trials))


_remote_or_local("results", _results)
_remote_or_local("resume", _resume)


@cli.group()
def keys() -> None:
    """API keys of the service, in the ledger that the settings name."""


@keys.command("create")
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    default=("read", "submit"),
    show_default=True,
    help="read, submit or admin; repeat it.",
)
@click.option("--owner", help="That of another key, which then sees the same studies; default: a new one.")
@local.with_ledger
def create_key(_settings: Any, ledger: Any, name: str, scopes: tuple[str, ...], owner: str | None) -> None:
    """Make a key and print it, for the only time. From the first key on, every request needs one."""
    from tuner.ledger.api_keys import ApiKeys

    _show_key(*ApiKeys(ledger).create(name, scopes, owner=owner))


@keys.command("rotate")
@click.argument("key_id", metavar="KEY")
@local.with_ledger
def rotate_key(_settings: Any, ledger: Any, key_id: str) -> None:
    """Make a key in the place of another and print it. The other ends; its studies are the new one's."""
    from tuner.ledger.api_keys import ApiKeys

    _show_key(*ApiKeys(ledger).rotate(key_id))


def _show_key(key: str, row: Any) -> None:
    click.echo(f"key {row.id}  {row.name}: {', '.join(row.scopes)}; owner {row.owner}", err=True)
    click.echo(key)


@keys.command("list")
@local.with_ledger
def list_keys(_settings: Any, ledger: Any) -> None:
    """List the keys. The keys themselves are not kept."""
    from tuner.ledger.api_keys import ApiKeys

    rows = ApiKeys(ledger).list()
    table = [
        [
            r.id,
            r.name,
            ", ".join(r.scopes),
            r.owner,
            f"{r.created_at:%Y-%m-%d}",
            f"{r.revoked_at:%Y-%m-%d}" if r.revoked_at else "-",
        ]
        for r in rows
    ]
    click.echo(
        local.columns(["key", "name", "scopes", "owner", "created", "revoked"], table, left=6)
        if rows
        else "There is no key yet."
    )


@keys.command("revoke")
@click.argument("key_id", metavar="KEY")
@local.with_ledger
def revoke_key(_settings: Any, ledger: Any, key_id: str) -> None:
    """End a key by its id, at once and for good."""
    from tuner.ledger.api_keys import ApiKeys

    ApiKeys(ledger).revoke(key_id)
    click.echo(f"key {key_id} is revoked")


def _because(study: dict[str, Any]) -> str:
    return f" ({study['reason']})" if study.get("reason") else ""


def _line(study: dict[str, Any]) -> str:
    """Progress in one line."""
    from tuner.driver.progress import duration

    progress = study["progress"]
    trials = progress["trials"]
    parts = [f"{trials['done']}/{trials['total'] if trials['total'] is not None else '?'} trials"]
    if trials["failed"]:
        parts.append(f"{trials['failed']} failed")
    if progress["fraction"] is not None:
        parts.append(f"{100 * progress['fraction']:.0f} %")
    if progress["eta_s"] is not None:
        parts.append(f"{duration(progress['eta_s'])} left")
    return " · ".join(parts)


if __name__ == "__main__":
    main()
