"""The verb that writes files: report."""

from contextlib import nullcontext
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
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder; default: TUNER_HOME/reports/STUDY, and with --server a folder STUDY here.",
)
@with_ledger
def report(settings: "Settings", ledger: Any, study: str, out: Path | None) -> None:
    """Write a study's report: one HTML file, figures, and every number as JSON."""
    from tuner.evidence.report import write_report
    from tuner.ledger.study_metrics import metrics_of

    row = ledger.find_study(study)
    folder = out or settings.report_folder(row.id)
    try:
        artifacts = settings.artifacts_folder(row.id)
        with open_to_others() if out else nullcontext():
            files = write_report(
                row,
                ledger.trials(row.id),
                ledger.stream(row.id),
                folder,
                artifacts=artifacts,
                metrics=metrics_of(row),
            )
    except OSError as error:
        raise UserError(f"the report cannot be written to {folder}: {error.strerror}") from error
    for file in files:
        click.echo(file)
