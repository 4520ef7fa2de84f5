"""Output that nobody reads or that does not fit: at most one sentence and no traceback; and lines that fit
the terminal.
"""

import fcntl
import io
import os
import struct
import subprocess
import sys
import termios
from contextlib import suppress

import click
import pytest

from tests.support.ledgers import create
from tests.support.paths import ROOT
from tuner.ledger.store import Ledger
from tuner.output import status_line, terminal_width

TUNER = [sys.executable, "-m", "api.cli"]


@pytest.fixture
def environment(tmp_path):
    return os.environ | {"TUNER_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}


def run(command, environment):
    return subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("verb", ["completion zsh", "--help", "list", "run --help"])
def test_a_disk_that_is_full_is_told_in_a_sentence(environment, verb):
    done = run(f"{' '.join(TUNER)} {verb} > /dev/full", environment)
    assert done.returncode == 1
    assert done.stderr == "tuner: the output cannot be written: No space left on device\n"


def test_where_nothing_can_be_told_the_exit_code_says_it(environment):
    done = run(f"{' '.join(TUNER)} list > /dev/full 2>&1; echo $?", environment)
    assert done.stdout == "1\n"


def test_a_reader_that_goes_is_no_error(environment):
    done = run(f"{' '.join(TUNER)} completion zsh | head -1; {' '.join(TUNER)} --help | true", environment)
    assert done.stdout.startswith("#compdef tuner\n")
    assert done.stderr == ""


def test_an_output_that_is_closed_is_no_error(environment):
    done = run(f"{' '.join(TUNER)} list >&-; echo $?", environment)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_study_goes_on_where_what_it_says_cannot_be_read(environment):
    reading, writing = os.pipe()
    os.close(reading)
    code = (
        "import sys; from tuner.output import say; [say('x' * 10_000) for _ in range(100)]; "
        "print('went on', file=sys.stderr)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, stdout=writing, stderr=subprocess.PIPE, env=environment, text=True, check=False
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "went on\n")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_width_is_that_of_a_terminal_and_of_nothing_else():
    assert terminal_width(io.StringIO()) is None
    assert terminal_width(Terminal()) == 80
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 47, 0, 0))
    with os.fdopen(slave, "w") as stream:
        assert terminal_width(stream) == 47
    os.close(master)


@pytest.mark.parametrize(
    ("fraction", "width", "line"),
    [
        (None, 80, "3/4 trials"),
        (0.25, 80, "━━━━━─────────────── 3/4 trials"),
        (2.0, 80, "━━━━━━━━━━━━━━━━━━━━ 3/4 trials"),
        (0.25, 40, "3/4 trials"),
        (0.25, 10, "3/4 tria…"),
        (0.25, 11, "3/4 trials"),
    ],
)
def test_a_line_that_is_rewritten_fits_the_terminal(fraction, width, line):
    assert status_line("3/4 trials", fraction, width) == line
    assert len(line) < width


def shown_on_a_terminal(arguments, environment):
    """What a command prints on a terminal of 60 columns."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    done = subprocess.run([*TUNER, *arguments], stdout=slave, stderr=slave, env=environment, check=False)
    os.close(slave)
    text = b""
    with suppress(OSError):  # how Linux says that the other end is closed
        while part := os.read(master, 65536):
            text += part
    os.close(master)
    assert done.returncode == 0
    return text.decode()


def test_colours_are_for_terminals_and_no_color_is_honoured(environment, tmp_path):
    (tmp_path / "home").mkdir()
    ledger = Ledger(f"sqlite:///{tmp_path}/home/ledger.db")
    create(ledger, "a name that is longer than the terminal is wide")
    ledger.close()
    environment.pop("NO_COLOR", None)
    shown = shown_on_a_terminal(["list"], environment)
    assert "\x1b[1mstudy " in shown
    assert len(click.unstyle(shown.splitlines()[1])) == 60
    assert "\x1b" not in shown_on_a_terminal(["list"], environment | {"NO_COLOR": "1"})
    assert "\x1b" not in run(f"{' '.join(TUNER)} list", environment).stdout


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_text_that_the_encoding_does_not_have_is_shown_as_well_as_it_can_be(environment, encoding):
    narrow = environment | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "LC_ALL": "C"}
    code = (
        "from tuner.output import *; speak_any_text(); say('3/4 \\u00b7 \\u2501'); say('\\u2192', err=True)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=narrow, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"?\n")
    assert done.stdout.startswith(b"3/4 ")


def test_names_that_are_no_utf_8_are_repeated_as_they_came(environment, tmp_path):
    (tmp_path / "home").mkdir()
    done = subprocess.run([*TUNER, "run", b"\xff.yaml"], env=environment, capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stderr == b"tuner: the spec \xff.yaml cannot be read: No such file or directory\n"
    done = subprocess.run([*TUNER, "results", b"\xff"], env=environment, capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stderr == (b"tuner: text that is looked for or kept in the ledger must be text in UTF-8\n")
