"""The click group of all verbs, how the process begins and ends, and helpers that most verbs need.

Wrong input is one sentence on stderr and exit code 2.
"""

import errno
import gc
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from tuner import output
from tuner.errors import UserError
from tuner.home import open_home
from tuner.network import reach_loopback_directly


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="straight-through-tuner", prog_name="tuner")
def cli() -> None:
    """Finds the temperatures of a straight-through estimator, and says how sure that is.

    STUDY is an id, a unique beginning of one, or "latest".
    """


def main() -> None:
    """The console script."""
    output.speak_any_text()
    reach_loopback_directly()
    try:
        cli.main(standalone_mode=False, color=output.colours_wanted())
        output.finish()
    except UserError as error:
        _fail(str(error), error.exit_code)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.ClickException as error:
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "tuner"
        _fail(f"{error.format_message()} (`{where} --help` shows how it is used)", 2)
    except (KeyboardInterrupt, click.Abort):
        _fail("stopped", 130)
    except OSError as error:
        if error.filename is not None or error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EIO):
            raise
        output.discard(error)
    if output.lost is not None:
        if told := output.sentence(output.lost):
            _fail(told, 1)
        sys.exit(1)


def import_fast() -> None:
    """For a process that is a command: spares it the garbage collector's walks over all that its imports make
    and never free.

    Measured on `import torch` alone: 1.5 s for the whole process by default, 1.0 s with this.
    """
    gc.set_threshold(100_000, 50, 50)


def _fail(message: str, code: int) -> None:
    output.say(f"tuner: {message}", err=True)
    sys.exit(code)


def print_note(text: str) -> None:
    """Tells of what is accepted and should be written otherwise."""
    click.echo(f"tuner: note: {text}", err=True)


def with_ledger(command: Callable[..., Any]) -> Callable[..., Any]:
    """Opens the ledger for a command and closes it."""

    @wraps(command)
    def opened(*args: Any, **kwargs: Any) -> Any:
        from tuner.ledger.store import Ledger
        from tuner.settings import Settings

        settings = Settings.from_environment()
        if settings.ledger_url is None:
            open_home(settings.home_folder)
        ledger = Ledger(settings.ledger_address)
        try:
            return command(settings, ledger, *args, **kwargs)
        finally:
            ledger.close()

    return opened
