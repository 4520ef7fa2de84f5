"""Printing, where the other end may be closed (`| head -1`), full (`> /dev/full`), or a terminal of some
width.

Most commands are only there for their output, and end with it. A training study continues without it:
everything is in the ledger.
"""

import errno
import io
import os
import sys
import textwrap
from contextlib import suppress
from typing import TextIO

import click

_BAR = 20  # columns
_NARROWEST = 20  # columns that prose is broken to
_NARROW = 60  # a narrower terminal has no room for a bar

lost: OSError | None = None  # why what was said did not arrive


def speak_any_text() -> None:
    """Text that the encoding of this process's output does not have is shown as well as it can be: an error
    about it would hide what was to be said. Names of files that are no UTF-8 are written as they are.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            utf8 = stream.encoding.lower().replace("-", "") == "utf8"
            stream.reconfigure(errors="surrogateescape" if utf8 else "replace")


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
    """The message for the other stream; None where the reader has gone, so that nobody would read it."""
    return None if error.errno == errno.EPIPE else f"the output cannot be written: {error.strerror}"


def colours_wanted() -> bool | None:
    """False where NO_COLOR is set (no-color.org); None leaves it to whether the output is a terminal."""
    return False if os.environ.get("NO_COLOR") else None


def terminal_width(stream: TextIO | None = None) -> int | None:
    """The columns of a stream (standard output by default) that is a terminal; None for any other stream."""
    stream = stream or sys.stdout
    if stream is None or not stream.isatty():
        return None
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):  # it has no descriptor
        return 80


def wrapped(text: str, indent: int = 0) -> str:
    """Prose with so many spaces before it: broken between words where a terminal shows it, one line for a
    file or a pipe, whose reader may look for words.
    """
    width, spaces = terminal_width(), " " * indent
    if width is None:
        return spaces + text
    lines = textwrap.wrap(
        text, max(width - 1, _NARROWEST), initial_indent=spaces, subsequent_indent=spaces or "  ",
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
    return "\n".join(lines)


def status_line(text: str, fraction: float | None, width: int) -> str:
    """A line that is rewritten in place: with a bar where a fraction is known, and cut so that it does not
    wrap, which would leave its beginning behind.
    """
    if fraction is not None and width >= _NARROW:
        done = round(_BAR * min(max(fraction, 0.0), 1.0))
        text = f"{'━' * done}{'─' * (_BAR - done)} {text}"
    return text if len(text) < width else f"{text[: max(0, width - 2)]}…"
