"""Verbs about specs, which need no study: presets, schema, explain."""

import json
import textwrap
from typing import TYPE_CHECKING

import click

from tuner.cli.completion import FieldName
from tuner.cli.group import cli
from tuner.cli.tables import columns
from tuner.output import terminal_width

if TYPE_CHECKING:
    from tuner.spec.schema import FieldDescription  # pydantic takes time to import


@cli.command()
def presets() -> None:
    """List the studies that come with the package."""
    from tuner.spec.study import load_spec, preset_names

    table = []
    for name in preset_names():
        spec = load_spec(name)
        length = f"{spec.epochs} epochs" if spec.epochs is not None else f"{spec.steps} steps"
        table.append([name, spec.task, spec.dataset, str(spec.trials_total), str(spec.seeds), length])
    click.echo(columns(["preset", "task", "dataset", "trials", "seeds", "training"], table, left=3))


@cli.command()
def schema() -> None:
    """Print the JSON Schema of specs, with which editors check and complete them."""
    from tuner.spec.schema import spec_schema

    click.echo(json.dumps(spec_schema(), indent=1))


def _described() -> dict[str, str]:
    """What every field of a spec means, {path: description}."""
    from tuner.spec.schema import describe_fields

    return {field.path: field.description for field in describe_fields()}


@cli.command()
@click.argument("field", type=FieldName(lambda: _described().items()), required=False)
def explain(field: str | None) -> None:
    """Explain FIELD of a spec, as search.tau_f or tau_f; or name all fields."""
    from tuner.spec.schema import explain as find

    if field is None:
        click.echo(
            columns(["field", "meaning"], [[path, text] for path, text in _described().items()], left=2)
        )
    else:
        click.echo("\n\n".join(map(_paragraph, find(field))))


def _paragraph(field: "FieldDescription") -> str:
    """A field with all that is known of it."""
    width = min(96, (terminal_width() or 99) - 3)
    where = f"  (strategies {', '.join(field.strategies)})" if field.strategies else ""
    lines = [f"{field.path}{where}", *textwrap.wrap(field.description, width)]
    for name, text in (("values   ", field.values), ("default  ", field.default)):
        rest = " " * len(name)
        lines += textwrap.wrap(text, width, initial_indent=name, subsequent_indent=rest) or [name]
    return "\n  ".join(lines)
