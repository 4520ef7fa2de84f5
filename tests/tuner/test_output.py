"""What is printed where nobody reads it or nothing more fits: one sentence at most, and no traceback."""

import os
import subprocess
import sys

import pytest

from tests.support.paths import ROOT

TUNER = [sys.executable, "-m", "api.cli"]


@pytest.fixture
def environment(tmp_path):
    return os.environ | {"TUNER_HOME": str(tmp_path / "home"), "PYTHONPATH": str(ROOT)}


def run(command, environment):
    return subprocess.run(command, shell=True, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("verb", ["presets", "--help", "list", "run --help"])
def test_a_disk_that_is_full_is_told_in_a_sentence(environment, verb):
    done = run(f"{' '.join(TUNER)} {verb} > /dev/full", environment)
    assert done.returncode == 1
    assert done.stderr == "tuner: the output cannot be written: No space left on device\n"


def test_where_nothing_can_be_told_the_exit_code_says_it(environment):
    done = run(f"{' '.join(TUNER)} presets > /dev/full 2>&1; echo $?", environment)
    assert done.stdout == "1\n"


def test_a_reader_that_goes_is_no_error(environment):
    done = run(f"{' '.join(TUNER)} presets | head -1; {' '.join(TUNER)} run --help | true", environment)
    assert done.stdout.startswith("preset ")
    assert done.stderr == ""


def test_an_output_that_is_closed_is_no_error(environment):
    done = run(f"{' '.join(TUNER)} presets >&-; echo $?", environment)
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
