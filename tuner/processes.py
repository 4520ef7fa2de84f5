"""Child processes that end when their parent ends, for whatever reason.

Two mechanisms ensure that. A watcher (this file, run as a program) holds the reading end of a pipe from the
parent, and ends the child's process group when that pipe closes. And on Linux the kernel signals the child
when its parent has died, in case the watcher was killed as well. The watcher is not the child's parent: if it
is killed it is replaced, and the child keeps running.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

with suppress(ModuleNotFoundError):  # as a program, this file sees the standard library only
    import psutil

PATIENCE_S = {signal.SIGTERM: 10.0, signal.SIGKILL: 5.0}  # to end by itself, then to be gone
_ITSELF = (sys.executable, "-PES", __file__)  # needs nothing but the standard library, and starts in 20 ms
# Looked up when this file is imported, which a Ray job's driver does first of all: a parent that ends while
# the driver imports the rest is noticed, too.
PARENT_AT_START = os.getppid()
_DONE = b"."  # tells a watcher that nothing is left to be ended


def parent_has_ended() -> bool:
    """Whether the process that started this one has ended; process 1 takes its children over."""
    return PARENT_AT_START == 1 or os.getppid() != PARENT_AT_START


class ChildProcess:
    """A command that ends when `stop` is called, or when this process ends."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str],
        listener: socket.socket | None = None,
        stdin: IO[bytes] | None = None,
        keep_open: Sequence[int] = (),
    ) -> None:
        """Starts the command in a session of its own: Ctrl-C reaches the parent, which ends the command when
        it is done with it. Not from a thread that ends before the command does: the kernel would take that
        for the parent's end.

        Args:
            command: the program and its arguments.
            log: file that its output is added to.
            environment: its whole environment.
            listener: a socket that it is to answer on, as its standard input. Nobody else can answer there as
                long as this process has it, whether the command runs or not.
            stdin: what it reads from its standard input, where there is no listener.
            keep_open: file descriptors, of locks say, that are closed when nothing is left of the command.
        """
        self._keep_open = tuple(keep_open)
        self._listener: psutil.Process | None = None  # which listened when it was last looked for
        self._lock, self._over = threading.Lock(), False  # over: the command has ended, and all it started
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*_ITSELF, "start", str(os.getpid()), *command],
                stdin=next((s.fileno() for s in (listener, stdin) if s is not None), subprocess.DEVNULL),
                stdout=output,
                stderr=output,
                env=dict(environment),
                start_new_session=True,
            )
        self._watcher = self._watch()
        threading.Thread(target=self._replace_watchers, name="watcher", daemon=True).start()
        self._end = threading.Thread(target=self._see_to_its_end, name="child", daemon=True)
        self._end.start()

    @property
    def process_id(self) -> int:
        """Of the command, from which all of its processes descend."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def listens_on(self, port: int) -> bool:
        """Whether a port of this machine is the command's, or that of a process that it has started."""
        if self._listener is not None and _listens(self._listener, port):
            return True
        self._listener = next((p for p in self._processes() if _listens(p, port)), None)
        return self._listener is not None

    def runs_programs(self, names: Collection[str]) -> bool:
        """Whether programs of all of these names are among the command and what it has started."""
        left = set(names)
        for process in self._processes():
            with suppress(psutil.Error):
                left.discard(process.name())
        return not left

    def _processes(self) -> "list[psutil.Process]":
        with suppress(psutil.NoSuchProcess):
            command = psutil.Process(self.process_id)
            return [command, *command.children(recursive=True)]
        return []

    def wait(self) -> int:
        """Waits until the command ends by itself, and returns its exit code."""
        return self._process.wait()

    def stop(self) -> None:
        """Ends the command and all of its processes, and waits until they have gone."""
        if self.running:
            end_group(self.process_id)
        self._end.join()

    def _watch(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [*_ITSELF, "watch", str(self.process_id)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=self._keep_open,
        )

    def _replace_watchers(self) -> None:
        while True:
            self._watcher.wait()
            with self._lock:
                if self._over:
                    return
                assert self._watcher.stdin is not None
                self._watcher.stdin.close()
                self._watcher = self._watch()

    def _see_to_its_end(self) -> None:
        """Where the command was killed, what it had started is ended, too; then the watcher may go."""
        self._process.wait()
        end_group(self.process_id)
        with self._lock:
            self._over = True
            assert self._watcher.stdin is not None
            with suppress(OSError):  # it was killed just now
                self._watcher.stdin.write(_DONE)
                self._watcher.stdin.close()
        self._watcher.wait()


def _listens(process: "psutil.Process", port: int) -> bool:
    with suppress(psutil.Error):
        return process.is_running() and any(
            c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in process.net_connections("tcp")
        )
    return False


def end_group(group: int) -> None:
    """Ends a process group, whose processes get some time to end by themselves, and waits until it has gone.

    Its leader must be somebody's child who waits for it, so that its number is not given to another group.
    """
    for sign, patience_s in PATIENCE_S.items():
        with suppress(ProcessLookupError):
            os.killpg(group, sign)
        deadline = time.monotonic() + patience_s
        while _runs(group) and time.monotonic() < deadline:
            time.sleep(0.05)


def _runs(group: int) -> bool:
    """Whether a process group has a process that is more than an entry in the kernel's table: some containers
    have nobody who removes those.
    """
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    processes = _process_ids()
    for process_id in processes:
        with suppress(OSError):  # it has just ended
            stat = Path(f"/proc/{process_id}/stat").read_text(errors="replace")
            state, _, its_group = stat.rpartition(")")[2].split()[:3]
            if int(its_group) == group and state not in "ZX":
                return True
    return not processes


def _process_ids() -> list[str]:
    """Of this machine's processes; none where the kernel does not show them in /proc. (Path.glob would look
    at each of them, and fail where one has ended meanwhile.)
    """
    try:
        return [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    except OSError:
        return []


def is_alive(process_id: int) -> bool:
    """Whether a process of this machine runs. A killed one whose parent has not waited for it still has its
    number, and does nothing any more.
    """
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True


def _start(parent: int, command: list[str]) -> None:
    """Becomes a command that gets SIGTERM when its parent dies."""
    if sys.platform == "linux":
        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the process that started this one has ended")
    os.execvp(command[0], command)  # noqa: S606  # no shell is wanted


def _watch_parent(group: int) -> None:
    if sys.stdin.buffer.read() != _DONE:
        end_group(group)


if __name__ == "__main__":
    what, number, *rest = sys.argv[1:]
    if what == "start":
        _start(int(number), rest)
    else:
        _watch_parent(int(number))
