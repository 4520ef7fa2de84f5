"""The verb export: writes weights, tables, the spec and a snippet of a study."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.completion import StudyName
from tuner.cli.group import cli, with_ledger
from tuner.errors import UserError
from tuner.home import open_to_others

if TYPE_CHECKING:
    from tuner.settings import Settings  # pydantic takes longer to import than all else here


@cli.command()
@click.argument("study", type=StudyName())
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@with_ledger
def export(settings: "Settings", ledger: Any, study: str, folder: Path) -> None:
    """Write a study's trained weights, its trials as CSV and Parquet, LaTeX tables, a paragraph on methods,
    its spec, a snippet for plain torch, and the source of a task of your own into FOLDER.
    """
    from tuner.cli.summary import analysed
    from tuner.evidence.take_home import export as write

    row = ledger.find_study(study)
    trials, found = ledger.trials(row.id), analysed(row, ledger, settings)
    try:
        with open_to_others():
            rooms = {
                "artifacts": settings.artifacts_folder(row.id),
                "code": settings.code_folder(row.id),
            }
            files = write(row, trials, found, folder, **rooms)
    except OSError as error:
        raise UserError(f"study {row.id} cannot be written to {folder}: {error.strerror}") from error
    for file in files:
        click.echo(file)
