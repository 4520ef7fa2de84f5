"""Verbs that show what the ledger holds: list, results, trials."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.choosing import chosen
from tuner.cli.completion import FieldName, StudyName, trial_fields
from tuner.cli.families import corrections_of, family_table
from tuner.cli.group import cli, with_ledger
from tuner.cli.summary import NUMBERS, analysed, labels_of, summary
from tuner.cli.tables import columns, state_text

if TYPE_CHECKING:
    from tuner.evidence.trial_result import TrialResult
    from tuner.ledger.rows import StudyRow
    from tuner.settings import Settings  # pydantic takes longer to import than all else here

_MOST_WITH_TEXT = 100


@cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.option(
    "--correct",
    type=click.Choice(["holm"]),
    help="Take them for one family: p-values corrected together, and seeds that they share.",
)
@click.option("--text", help="Only those that have it in their name, id, task, dataset, tags or comment.")
@with_ledger
def list_(
    settings: "Settings",  # noqa: ARG001  # the settings come with the ledger
    ledger: Any,
    as_json: bool,
    correct: str | None,
    text: str | None,
) -> None:
    """List the studies, newest first."""
    found = ledger.list_studies() if text is None else _with_text(ledger, text)
    rows: list[dict[str, Any]] = [
        {
            "id": r.id,
            "name": r.name,
            "task": r.task,
            "state": r.state,
            "created_at": r.created_at.isoformat(),
        }
        for r in found
    ]
    if correct:
        corrections = corrections_of(found, ledger)
        rows = [row | {"correction": corrections[row["id"]].plain()} for row in rows]
    show_studies(rows, as_json=as_json, text=text)


def _with_text(ledger: Any, text: str) -> list["StudyRow"]:
    """The newest studies with a text in what a list may show of them, newest first."""
    from tuner.ledger.pages import Pages

    pages = Pages(ledger)
    ids = [found.study_id for found in pages.page(_MOST_WITH_TEXT, text=text)]
    by_id = {row.id: row for row in pages.studies(ids)}
    return [by_id[study_id] for study_id in ids if study_id in by_id]


def show_studies(rows: list[dict[str, Any]], *, as_json: bool, text: str | None = None) -> None:
    """Prints studies, of the ledger or of a service: id, name, task, state, created_at; with a correction,
    what a family makes of their verdicts. `text` is what was looked for, where that was asked.
    """
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    elif not rows:
        none = "There is no study yet. `tuner run sbn-digits` makes one."
        click.echo(
            none
            if text is None
            else f"No study has {text!r} in its name, id, task, dataset, tags or comment."
        )
    elif "correction" in rows[0]:
        click.echo(family_table(rows))
    else:
        table = [
            [*(r[key] for key in ("id", "name", "task", "state")), _minute(r["created_at"])] for r in rows
        ]
        click.echo(columns(["study", "name", "task", "state", "created"], table, left=5, state=3))


def _minute(moment: str) -> str:
    """A time as the reader's clock has it."""
    return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M}"


@cli.command()
@click.argument("study", type=StudyName())
@click.option("--json", "as_json", is_flag=True, help="As JSON, every number.")
@with_ledger
def results(settings: "Settings", ledger: Any, study: str, as_json: bool) -> None:  # as above
    """Show what a study found so far: the best of every method, the gain, the verdict."""
    row = ledger.find_study(study)
    if as_json:
        click.echo(json.dumps(analysed(row, ledger, settings).plain(), indent=1, allow_nan=False))
    else:
        click.echo(
            f"study {row.id}  {row.name}: {state_text(row.state)}{f' ({row.reason})' if row.reason else ''}"
        )
        click.echo(summary(row, ledger, settings))


@cli.command()
@click.argument("study", type=StudyName())
@click.option("--json", "as_json", is_flag=True, help="As JSON, every number.")
@click.option(
    "--sort",
    type=FieldName(trial_fields),
    metavar="FIELD",
    help="By a column or a metric; -FIELD from the highest down.",
)
@click.option(
    "--filter",
    "filters",
    metavar="CONDITION",
    multiple=True,
    help="Only trials of which it holds, like state=succeeded, tau_f=0 or 'objective<0.1'; repeat it.",
)
@with_ledger
def trials(
    settings: "Settings",  # noqa: ARG001  # as above
    ledger: Any,
    study: str,
    as_json: bool,
    sort: str | None,
    filters: tuple[str, ...],
) -> None:
    """Show the trials of a study."""
    from tuner.evidence.trial_result import TrialResult

    row = ledger.find_study(study)
    rows = chosen([TrialResult.of(t) for t in ledger.trials(row.id)], filters, sort)
    show_trials(rows, labels_of(row)(row.objective.name), as_json=as_json)


def show_trials(rows: Sequence["TrialResult"], objective: str, *, as_json: bool) -> None:
    """Prints trials, of the ledger or of a service; `objective` is its column's head."""
    from tuner.evidence.labels import STATES, method_label

    if as_json:
        click.echo(json.dumps([t.plain() for t in rows], indent=1, allow_nan=False))
        return
    table = [
        [str(t.number), t.role, method_label(t.estimator), STATES[t.state], *t.numbers, t.objective.text]
        for t in rows
    ]
    click.echo(columns(["number", "role", "estimator", "state", *NUMBERS, objective], table, left=4, state=3))
