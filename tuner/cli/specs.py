"""Verbs about specs, which need no study: presets."""

import click

from tuner.cli.group import cli
from tuner.cli.tables import columns


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
