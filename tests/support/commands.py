"""The command line as a user types it, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

from tests.support.patience import patient

TUNER = str(Path(sys.executable).parent / "tuner")


def tuner(home, *arguments, check=True, **environment):
    """Runs `tuner` with some arguments in a state folder, and waits for its end; what it printed and how it
    ended. Unless `check` is False it must have succeeded.
    """
    done = subprocess.run(
        [TUNER, *arguments],
        env=os.environ | {"TUNER_HOME": str(home)} | environment,
        capture_output=True,
        text=True,
        timeout=patient(240),
        cwd=home,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if check:
        assert done.returncode == 0, done.stderr + done.stdout
    return done
