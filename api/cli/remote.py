"""Verbs against a service: submit, status, watch, cancel; and list, plan, results, trials, report,
resume and confirm with --server.
"""

import json
import math
import sys
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import click

from api.cli.asking import ServiceStudy, fetch, remote_or_local, with_client
from tuner.cli import cli
from tuner.cli.choosing import chosen
from tuner.cli.completion import SpecName
from tuner.cli.group import print_note
from tuner.cli.planning import show_plan
from tuner.cli.reading import show_studies, show_trials
from tuner.cli.summary import summary_of
from tuner.cli.tables import columns, state_text
from tuner.output import status_line, terminal_width

_MOST_LISTED = 100  # as of the ledger of this machine


@cli.command()
@click.argument("spec", type=SpecName())
@with_client
def submit(client: Any, spec: str) -> None:
    """Submit SPEC, a YAML file or a preset, to a service."""
    study = client.submit(_given(spec))
    click.echo(
        f"study {study['id']}  {study['name']}: {study['state']}, {study['progress']['trials']['total']} "
        "trials"
    )
    click.echo(f"page  {client.server}{study['links']['page']}")


def _given(spec: str) -> dict[str, Any]:
    """A YAML file, or a preset by its name, as a request's body."""
    from tuner.spec.study import load_spec

    is_file = Path(spec).suffix in (".yaml", ".yml")
    return load_spec(spec, print_note).model_dump(mode="json") if is_file else {"preset": spec}


@cli.command()
@click.argument("study", type=ServiceStudy(), required=False)
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
                columns(["study", "name", "task", "state", "progress"], table, left=5, state=3)
                if table
                else "There is no study yet."
            )
        return
    found = client.status(client.find(study))
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    click.echo(f"study {found['id']}  {found['name']}: {state_text(found['state'])}{_because(found)}")
    click.echo(_line(found))
    for name, address in found["links"].items():
        if name in ("page", "job", "mlflow") and address:
            click.echo(f"{name:6} {address if '://' in address else client.server + address}")


@cli.command()
@click.argument("study", type=ServiceStudy())
@with_client
def watch(client: Any, study: str) -> None:
    """Follow a study on a service until it ends; a live progress line."""
    name = client.find(study)
    in_place, printed_at, last = sys.stderr.isatty(), 0.0, ""
    final: dict[str, Any] = {}
    for final in client.watch(name):
        line = f"{final.get('state', 'deleted')} · {_line(final)}" if "progress" in final else "deleted"
        if in_place:
            fraction = final["progress"]["fraction"] if "progress" in final else None
            shown = status_line(line, fraction, terminal_width(sys.stderr) or 80)
            click.echo(f"\r\x1b[K{shown}", err=True, nl=False, color=True)
        elif line != last and (time.monotonic() - printed_at > 5 or final.get("state") != "running"):
            click.echo(line, err=True)
            printed_at, last = time.monotonic(), line
    if in_place:
        click.echo(err=True)
    click.echo(f"study {name}: {state_text(final.get('state', 'deleted'))}{_because(final)}")
    if final.get("state") != "succeeded":
        sys.exit(1)
    found = client.results(name)
    click.echo(click.style(found["headline"], bold=True))
    click.echo(f"  {found['verdict_reason']}")


@cli.command()
@click.argument("study", type=ServiceStudy())
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

    found, row = client.results(name), client.status(name)
    click.echo(f"study {name}  {row['name']}: {state_text(found['state'])}{_because(row)}")
    click.echo(summary_of(Results.model_validate(found), _labels(row)))


def _labels(study: dict[str, Any]) -> Callable[[str], str]:
    """What a study's metrics are called at the head of a column, by their names."""
    given = [*study.get("metrics", []), study["objective"]]  # services of an older version send less
    titles = {metric["name"]: str(metric.get("title", metric["name"])) for metric in given}
    return lambda name: titles.get(name, name.replace("_", " "))


def _title(study: dict[str, Any]) -> str:
    """The objective as the head of a column."""
    return _labels(study)(study["objective"]["name"])


def _resume(client: Any, study: str, restart_trials: bool, **_: Any) -> None:
    _said(client.resume(client.find(study), restart_trials=restart_trials))


def _confirm(client: Any, study: str, seeds: int, **_: Any) -> None:
    _said(client.confirm(client.find(study), seeds))


def _list(client: Any, as_json: bool, correct: str | None, text: str | None) -> None:
    fields = ("id", "name", "task", "state", "created_at", *(["correction"] if correct else []))
    # A family is what one answer has, so it is asked for at once.
    filters = {"text": text, "correct": correct, "limit": _MOST_LISTED if correct else None}
    given = {name: value for name, value in filters.items() if value is not None}
    listed = islice(client.studies(**given), _MOST_LISTED)
    rows = [{field: row[field] for field in fields} for row in listed]
    show_studies(rows, as_json=as_json, text=text)


def _trials(client: Any, study: str, as_json: bool, sort: str | None, filters: tuple[str, ...]) -> None:
    from tuner.evidence.trial_result import TrialResult

    name = client.find(study)
    rows = [TrialResult.model_validate(row) for row in client.trials(name)]
    show_trials(chosen(rows, filters, sort), _title(client.status(name)), as_json=as_json)


def _plan(client: Any, spec: str, as_json: bool) -> None:
    show_plan(client.plan(_given(spec)), as_json=as_json)


def _report(client: Any, study: str, out: Path | None) -> None:
    """Fetches the report as the service makes it, into the same files as a report of the ledger's."""
    name = client.find(study)
    folder = out or Path(name)
    for file in client.files(name):
        if file["kind"] == "report":
            fetch(client, name, file["name"], folder, file["name"])
        elif file["kind"] == "figure":
            figure = str(file["name"]).removeprefix("figures/")
            place = figure if figure.endswith(".png") else f"vector/{figure}"
            fetch(client, name, file["name"], folder, place)


remote_or_local("list", _list)
remote_or_local("plan", _plan)
remote_or_local("results", _results)
remote_or_local("trials", _trials)
remote_or_local("report", _report)
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
        parts.append(f"{math.floor(100 * progress['fraction'])} %")
    if progress["eta_s"] is not None and progress["eta_s"] >= 1:
        parts.append(f"{duration(progress['eta_s'])} left")
    return " · ".join(parts)
