"""A shell on its own terminal, into which tests type and which they read, as a user does."""

import os
import select
import subprocess
import termios
import time
from contextlib import suppress

from tests.support.patience import patient

HOME_KEY, ERASE_LINE = "\x01", "\x15"  # Ctrl-A and Ctrl-U, as bash, zsh and fish have them


class Shell:
    """One that runs until `close`."""

    def __init__(self, command, environment):
        self._ours, theirs = os.openpty()
        termios.tcsetwinsize(theirs, (24, 200))
        self._process = subprocess.Popen(
            ["setsid", "--ctty", *command], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
        )
        os.close(theirs)
        self._seen = ""

    def type(self, keys):
        os.write(self._ours, keys.encode())

    def wait_for(self, text):
        """Waits until a text is shown after what was waited for before. Fails after a while."""
        end = time.monotonic() + patient(20)
        while text not in self._seen:
            ready, _, _ = select.select([self._ours], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"{text!r} is not in {self._seen!r}"
            self._seen += os.read(self._ours, 65536).decode(errors="replace")
        self._seen = self._seen.partition(text)[2]

    def close(self):
        os.close(self._ours)  # which hangs up
        with suppress(ProcessLookupError):
            self._process.wait(patient(20))
