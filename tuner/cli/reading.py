"""Verbs that show what the ledger holds: list, results, trials."""

import json
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.group import cli, with_ledger
from tuner.cli.summary import NUMBERS, analysed, numbers, objective_label, score, summary
from tuner.cli.tables import columns

if TYPE_CHECKING:
    from tuner.settings import Settings  # pydantic takes longer to import than all else here


@cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@with_ledger
def list_(settings: "Settings", ledger: Any, as_json: bool) -> None:  # noqa: ARG001  # the settings come with the ledger
    """List the studies, newest first."""
    rows = ledger.list_studies()
    if as_json:
        fields = [
            {
                "id": r.id,
                "name": r.name,
                "task": r.task,
                "state": r.state,
                "created_at": r.created_at.isoformat(),
            }
            for r in rows
        ]
        click.echo(json.dumps(fields, indent=1))
    elif not rows:
        click.echo("There is no study yet. `tuner run sbn-digits` makes one.")
    else:
        table = [[r.id, r.name, r.task, r.state, f"{r.created_at.astimezone():%Y-%m-%d %H:%M}"] for r in rows]
        click.echo(columns(["study", "name", "task", "state", "created"], table, left=5))


@cli.command()
@click.argument("study")
@click.option("--json", "as_json", is_flag=True, help="As JSON, every number.")
@with_ledger
def results(settings: "Settings", ledger: Any, study: str, as_json: bool) -> None:  # as above
    """Show what a study found so far: the best of every method, the gain, the verdict."""
    row = ledger.find_study(study)
    if as_json:
        click.echo(json.dumps(analysed(row, ledger, settings).plain(), indent=1, allow_nan=False))
    else:
        click.echo(f"study {row.id}  {row.name}: {row.state}{f' ({row.reason})' if row.reason else ''}")
        click.echo(summary(row, ledger, settings))


@cli.command()
@click.argument("study")
@click.option("--json", "as_json", is_flag=True, help="As JSON, every number.")
@with_ledger
def trials(settings: "Settings", ledger: Any, study: str, as_json: bool) -> None:  # noqa: ARG001  # as above
    """Show the trials of a study."""
    from tuner.evidence.labels import STATES, method_label
    from tuner.evidence.results import TrialResult

    row = ledger.find_study(study)
    rows = [TrialResult.of(t) for t in ledger.trials(row.id)]
    if as_json:
        click.echo(json.dumps([t.plain() for t in rows], indent=1, allow_nan=False))
    else:
        table = [
            [
                str(t.number),
                t.role,
                method_label(t.estimator),
                STATES[t.state],
                *numbers(t),
                score(t.objective),
            ]
            for t in rows
        ]
        names = ["number", "role", "estimator", "state", *NUMBERS, objective_label(row)]
        click.echo(columns(names, table, left=4))
