"""A verb that adds fresh seeds to a study that has ended, and trains its confirmed methods on them."""

from typing import TYPE_CHECKING, Any

import click

from tuner.cli.completion import StudyName
from tuner.cli.group import cli, with_ledger
from tuner.cli.running import driven_here, ending_in_json, shown_in_mlflow

if TYPE_CHECKING:
    from tuner.settings import Settings  # pydantic takes longer to import than all else here


@cli.command()
@click.argument("study", type=StudyName())
@click.option("--seeds", type=click.IntRange(1, 1000), required=True, help="How many fresh seeds.")
@ending_in_json
@shown_in_mlflow
@with_ledger
def confirm(settings: "Settings", ledger: Any, study: str, seeds: int, as_json: bool, mlflow: bool) -> None:
    """Add fresh seeds to the confirmation of a study that has succeeded.

    What it has confirmed is trained on them, and nothing else. They were not planned, so the verdict then
    rests on a test and an interval that hold at every number of seeds, and says so.
    """
    from tuner.driver.drive import add_fresh_seeds

    row = ledger.find_study(study)
    add_fresh_seeds(ledger, row, settings, seeds)
    driven_here(settings, ledger, row.id, as_json=as_json, mlflow=mlflow)
