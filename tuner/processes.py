"""Child processes that end with the one that started them.

Between a parent and its server stands a watcher (this file as a program). It holds the reading end of a pipe
from the parent and ends the server's process group when that pipe closes, so that nothing is left behind even
where the parent is killed.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

# Looked up when this file is imported, which a Ray job's driver does first of all: a parent that ends while
# the driver imports the rest is noticed, too.
PARENT_AT_START = os.getppid()


def parent_has_ended() -> bool:
    """Whether the process that started this one has ended; process 1 takes its children over."""
    return PARENT_AT_START == 1 or os.getppid() != PARENT_AT_START


class ChildProcess:
    """A command that ends when `stop` is called, or when this process ends."""

    def __init__(self, command: Sequence[str], *, log: Path, environment: Mapping[str, str]) -> None:
        """Starts the command in a session of its own: Ctrl-C reaches the parent, which ends the command when
        it is done with it.

        Args:
            command: the program and its arguments.
            log: file that its output is added to.
            environment: its whole environment.
        """
        with log.open("ab") as output:
            self._watcher = subprocess.Popen(
                [sys.executable, "-m", "tuner.processes", *command],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                env=dict(environment),
                start_new_session=True,
            )

    @property
    def process_id(self) -> int:
        """Of the watcher, from which the command and all of its processes descend."""
        return self._watcher.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._watcher.poll() is None

    def wait(self) -> int:
        """Waits until the command ends by itself, and returns its exit code."""
        return self._watcher.wait()

    def stop(self) -> None:
        """Ends the command and all of its processes, and waits until they have gone."""
        assert self._watcher.stdin is not None
        self._watcher.stdin.close()
        self._watcher.wait()


def run_until_parent_ends(command: list[str]) -> int:
    """The watcher: runs a command until it ends, or until standard input does; then ends its process group.
    Returns its exit code.
    """
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)

    def end_with_parent() -> None:
        sys.stdin.buffer.read()
        _end(server)

    threading.Thread(target=end_with_parent, daemon=True).start()
    return server.wait()


def _end(server: subprocess.Popen[bytes]) -> None:
    for sign, patience_s in ((signal.SIGTERM, 10), (signal.SIGKILL, 5)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, sign)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.wait(patience_s)
            return


if __name__ == "__main__":
    sys.exit(run_until_parent_ends(sys.argv[1:]))
