"""Verbs against a service: submit, status, watch, cancel; and results and resume with --server."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import click

from api.cli.asking import remote_or_local, with_client
from tuner.cli import cli
from tuner.cli.group import print_note
from tuner.cli.summary import summary_of
from tuner.cli.tables import columns


@cli.command()
@click.argument("spec")
@with_client
def submit(client: Any, spec: str) -> None:
    """Submit SPEC, a YAML file or a preset, to a service."""
    from tuner.spec.study import load_spec

    is_file = Path(spec).suffix in (".yaml", ".yml")
    given = load_spec(spec, print_note).model_dump(mode="json") if is_file else {"preset": spec}
    study = client.submit(given)
    click.echo(
        f"study {study['id']}  {study['name']}: {study['state']}, {study['progress']['trials']['total']} "
        "trials"
    )
    click.echo(f"page  {client.server}{study['links']['page']}")


@cli.command()
@click.argument("study", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@with_client
def status(client: Any, study: str | None, as_json: bool) -> None:
    """Show a study on a service, or the newest of all."""
    if study is None:
        rows = client.newest()
        if as_json:
            click.echo(json.dumps(rows, indent=1))
        else:
            table = [[r["id"], r["name"], r["task"], r["state"], _line(r)] for r in rows]
            click.echo(
                columns(["study", "name", "task", "state", "progress"], table, left=5)
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
@with_client
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
@with_client
def cancel(client: Any, study: str) -> None:
    """Stop a study on a service, for good; what it has finished is kept."""
    _said(client.cancel(client.find(study)))


def _said(study: dict[str, Any]) -> None:
    click.echo(f"study {study['id']}: {'cancelling' if study['cancelling'] else study['state']}")


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
    click.echo(summary_of(Results.model_validate(found), title))


def _resume(client: Any, study: str, restart_trials: bool, **_: Any) -> None:
    _said(client.resume(client.find(study), restart_trials=restart_trials))


def _confirm(client: Any, study: str, seeds: int, **_: Any) -> None:
    _said(client.confirm(client.find(study), seeds))


remote_or_local("results", _results)
remote_or_local("resume", _resume)
remote_or_local("confirm", _confirm)


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
