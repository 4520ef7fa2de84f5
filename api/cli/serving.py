"""The verb that starts the service: serve."""

import os

import click

from tuner.cli import cli


@cli.command()
@click.option("--host", help="Address to bind to; default: TUNER_HOST.")
@click.option("--port", type=click.IntRange(0, 65535), help="Default: TUNER_PORT, or a free one.")
def serve(host: str | None, port: int | None) -> None:
    """Serve the whole stack on this machine: Ray, MLflow, the API and its page, until Ctrl-C."""
    for name, value in (("TUNER_HOST", host), ("TUNER_PORT", port)):
        if value is not None:
            os.environ[name] = str(value)
    from api.machine.stack import serve as run
    from api.settings import ServiceSettings

    settings = ServiceSettings.from_environment()

    run(settings, click.echo)
