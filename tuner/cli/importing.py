"""The verb that brings in studies that were trained elsewhere: import."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.group import cli, with_ledger
from tuner.errors import UserError

if TYPE_CHECKING:
    from tuner.settings import Settings  # pydantic takes longer to import than all else here


@cli.command("import")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--unfinished",
    is_flag=True,
    help="Also studies whose training was killed, as cancelled, with what they had.",
)
@click.option(
    "--confirm-seeds",
    type=click.IntRange(0, 1000),
    default=0,
    help="Fresh seeds for a confirmation on this machine, which `tuner resume` trains. 0: none.",
)
@with_ledger
def import_(
    settings: "Settings",  # noqa: ARG001  # the settings come with the ledger
    ledger: Any,
    folder: Path,
    unfinished: bool,
    confirm_seeds: int,
) -> None:
    """Put the studies that `make gpu-check` wrote into FOLDER into the ledger. One that is there already
    stays as it is; where a file is not valid, nothing is imported.
    """
    from tuner.driver.importing import import_study
    from tuner.driver.study_file import read_folder

    files = read_folder(folder)
    for path, file in files:
        if file.state == "training" and not unfinished:
            raise UserError(
                f"{path}: state: is training, so the check still runs or was killed; wait for its end, or "
                "import what there is with --unfinished"
            )
    for path, file in files:
        if file.state == "not started":
            click.echo(f"{path.name}  nothing to import: {file.reason}")
            continue
        done = import_study(ledger, file, confirm_seeds=confirm_seeds)
        what = "imported" if done.new else "is in the ledger already"
        reason = f" ({done.study.reason})" if done.study.reason else ""
        click.echo(
            f"{path.name}  {what}: study {done.study.id}  {done.study.name}, {done.study.state}{reason}"
        )
