"""What a process that trains nothing does not import: seconds and hundreds of megabytes."""

import subprocess
import sys
import textwrap

import pytest

HEAVY = {"torch", "ray", "mlflow", "matplotlib", "scipy", "sklearn", "torchvision"}
COMMAND = "import sys\nsys.argv = ['tuner', *{arguments!r}]\nfrom api.cli import main\n"


def imported(code, home):
    """The heavy packages that a fresh Python has imported after some code."""
    report = "import sys\nprint('IMPORTED', *{m.partition('.')[0] for m in sys.modules})"
    guarded = f"try:\n{textwrap.indent(code, '    ')}\nexcept SystemExit:\n    pass\n{report}"
    environment = {"TUNER_HOME": str(home), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", guarded],
        capture_output=True,
        text=True,
        check=True,
        env=environment | {"PYTHONPATH": ":".join(filter(None, sys.path))},
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("IMPORTED ")]
    return HEAVY & set(line.split())


@pytest.mark.parametrize("module", ["tuner", "tuner.cli", "api.cli", "api.client", "api.studies.jobs"])
def test_importing_it_imports_nothing_heavy(module, tmp_path):
    assert imported(f"import {module}", tmp_path) == set()


@pytest.mark.parametrize(
    "arguments", [["--help"], ["list"], ["list", "--json"], ["keys", "list"], ["run", "--help"]], ids=" ".join
)
def test_a_command_that_trains_nothing_imports_nothing_heavy(arguments, tmp_path):
    assert imported(COMMAND.format(arguments=arguments) + "main()", tmp_path) == set()


def test_what_is_heavy_is_seen(tmp_path):
    assert imported("import matplotlib.figure", tmp_path) == {"matplotlib"}
