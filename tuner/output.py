"""What a command prints, where the other end may be gone (`| head -1`) or full (`> /dev/full`).

Most commands are about their output and end with it. A study is not: it goes on, and what it would have said
is in the ledger.
"""

import errno
import os
import sys
from contextlib import suppress

import click

lost: OSError | None = None  # why what was said did not arrive


def say(text: str = "", *, err: bool = False) -> None:
    """Prints a line, or remembers why it cannot be printed."""
    try:
        click.echo(text, err=err)
    except OSError as error:
        discard(error)


def discard(error: OSError) -> None:
    """From now on what is printed to the stream that failed goes nowhere, also when the process ends."""
    global lost  # noqa: PLW0603  # of the process, as its streams are
    lost = lost or error
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in filter(None, (sys.stdout, sys.stderr)):  # None: it was closed from the start
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def finish() -> None:
    """Writes what is left. Raises OSError where that cannot be."""
    if sys.stdout is not None:
        sys.stdout.flush()


def sentence(error: OSError) -> str | None:
    """What to tell of it on the other stream; None where the reader has gone and there is nobody to tell."""
    return None if error.errno == errno.EPIPE else f"the output cannot be written: {error.strerror}"
