"""Completion by the Tab key in real shells on a terminal: what the line contains afterwards."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.commands import TUNER
from tests.support.served import Served
from tests.support.terminals import ERASE_LINE, HOME_KEY, Shell

SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], 'eval "$(tuner completion bash)"'),
    "zsh": (["zsh", "-f", "-i"], 'autoload -U compinit; compinit -u; eval "$(tuner completion zsh)"'),
    "fish": (["fish", "--no-config", "--interactive"], "tuner completion fish | source"),
}
pytestmark = pytest.mark.skipif(shutil.which("setsid") is None, reason="setsid is not installed")


@pytest.fixture
def home(tmp_path):
    """A state folder with one study, where there is also a file."""
    (tmp_path / "home").mkdir()
    (tmp_path / "mine.yaml").touch()
    served = Served(tmp_path / "home")
    served.study = served.create()
    yield served
    served.stop()
    served.ledger.close()


@pytest.fixture(params=SHELLS)
def shell(request, home, tmp_path):
    """Each shell that is installed, told how to complete `tuner`."""
    command, set_up = SHELLS[request.param]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TUNER_")}
    path = f"{Path(TUNER).parent}{os.pathsep}{os.environ['PATH']}"
    environment = kept | {"TUNER_HOME": str(home.home), "HOME": str(tmp_path), "PATH": path, "TERM": "dumb"}
    opened = Shell(command, environment | {"INPUTRC": os.devnull})
    opened.type(f"cd {tmp_path}; {set_up}; printf 'rea%s' dy\n")
    opened.wait_for("ready")
    yield opened
    opened.close()


def completed(shell, typed, wanted):
    """Types the beginning of a line and Tab. The words of the line are `wanted` then."""
    shell.type(f"{typed}\t")
    shell.type(f"{HOME_KEY}printf '<%s>' ")
    shell.type("\n")
    shell.wait_for("".join(f"<{word}>" for word in wanted.split()))
    shell.type(ERASE_LINE)


def test_at_tab_a_line_is_completed(shell, home):
    completed(shell, "tuner can", "tuner cancel")
    completed(shell, "tuner run sbn-digits-t", "tuner run sbn-digits-tpe")
    completed(shell, "tuner run min", "tuner run mine.yaml")
    completed(shell, "tuner explain search.tau_b_", "tuner explain search.tau_b_start")
    completed(shell, "tuner trials x --sort tau_", "tuner trials x --sort tau_")  # which could be two
    completed(shell, "A=b tuner can", "A=b tuner cancel")
    completed(shell, f"tuner results {home.study[:4]}", f"tuner results {home.study}")
    asked = f"tuner results --server {home.address}"
    completed(shell, f"{asked} {home.study[:4]}", f"{asked} {home.study}")


@pytest.mark.parametrize("name", ["zsh", "fish"])
def test_what_shells_that_may_not_be_here_are_told(home, name):
    line = f"tuner results --server {home.address} {home.study[:4]}"
    words = line.split()
    told = {
        "zsh": {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)},
        "fish": {"COMP_WORDS": line, "COMP_CWORD": words[-1]},
    }
    answer = subprocess.run(
        [TUNER], env=os.environ | {"_TUNER_COMPLETE": f"{name}_complete"} | told[name], capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    said = "small (queued)"
    assert (
        answer.stdout
        == {
            "zsh": f"plain\n{home.study}\n{said}\n",
            "fish": f"plain,{home.study}\t{said}\n",
        }[name]
    )
