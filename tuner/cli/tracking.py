"""Verbs about MLflow: mlflow serves its pages, sync sends it a study again."""

from typing import TYPE_CHECKING, Any

import click

from tuner.cli.completion import StudyName
from tuner.cli.group import cli, with_ledger
from tuner.errors import UserError
from tuner.home import open_home

if TYPE_CHECKING:
    from tuner.settings import Settings  # pydantic takes longer to import than all else here


@cli.command()
@click.argument("study", type=StudyName(), required=False)
@click.option("--all", "everything", is_flag=True, help="Every study, and with them their optima.")
@with_ledger
def sync(settings: "Settings", ledger: Any, study: str | None, everything: bool) -> None:
    """Send a study to MLflow again, from the ledger: after MLflow was away, or was lost."""
    from tuner.driver.drive import resend

    if everything == (study is not None):
        raise click.UsageError("name a study, or give --all")
    ids = (
        [row.id for row in ledger.list_studies(limit=None)]
        if study is None
        else [ledger.find_study(study).id]
    )
    for study_id, address in resend(ledger, ids, settings):
        click.echo(f"MLflow     {address}" if study is not None else f"{study_id}  {address}")


@cli.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port on 127.0.0.1; default: 5000, or a free one."
)
def mlflow(port: int | None) -> None:
    """Serve the MLflow UI of the studies on this machine, until Ctrl-C."""
    from tuner.driver.signals import stopping_on_signals
    from tuner.settings import Settings
    from tuner.tracking.server import MlflowServer

    with stopping_on_signals():
        server = MlflowServer(open_home(Settings.from_environment().home_folder), port)
        try:
            server.wait_until_ready()
            click.echo(f"MLflow  {server.uri}  (Ctrl-C ends it)")
            code = server.wait()
        except KeyboardInterrupt:
            click.echo()
            return
        finally:
            server.stop()
    raise UserError(f"MLflow has ended by itself (exit code {code}); its log is {server.log}")
