"""The state folder: readable by its owner only, and used by one stack at a time.

The lock is the kernel's (flock on a file): it is free when every process that has the file open has ended,
however it ended. The watchers of child processes keep the file open, too, so a new stack begins only when
nothing of the one before is left.
"""

import errno
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tuner.errors import UserError
from tuner.processes import is_alive

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
LEFT_BEHIND_S = 30.0  # what a killed stack leaves behind ends sooner
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EINVAL)  # of a file system without flock


def open_home(home: Path) -> Path:
    """Makes the state folder, or closes it to other users; what this process writes from now on is closed to
    them, too. Returns it.

    Raises UserError where it cannot be written.
    """
    os.umask(_OTHERS)
    try:
        home.mkdir(parents=True, exist_ok=True)
        for path in (home, *home.glob("*"), *home.glob("mlflow/*")):
            _close(path)
        if not os.access(home, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise UserError(
            f"the state folder {home} (TUNER_HOME) cannot be written: {error.strerror}; name another one"
        ) from error
    return home


@contextmanager
def open_to_others() -> Iterator[None]:
    """What a block writes is as open as the user has it by default: it is not for the state folder."""
    before = os.umask(_USERS_MASK)
    try:
        yield
    finally:
        os.umask(before)


def _users_mask() -> int:
    mask = os.umask(_OTHERS)
    os.umask(mask)
    return mask


_USERS_MASK = _users_mask()  # of this process, before a state folder was opened


def _close(path: Path) -> None:
    """Removes other users' permissions from a file or folder, if it is ours."""
    with suppress(PermissionError, FileNotFoundError):
        mode = path.lstat().st_mode
        if mode & _OTHERS and not stat.S_ISLNK(mode):
            path.chmod(stat.S_IMODE(mode) & ~_OTHERS)


def identity(folder: Path) -> str:
    """A secret random name of a folder, created at the first call and kept in the folder."""
    file = folder / "identity"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        mine = folder / f"identity-{secrets.token_hex(8)}"
        mine.touch(mode=0o600)
        mine.write_text(secrets.token_hex(16), encoding="ascii")
        with suppress(FileExistsError):
            os.link(mine, file)  # whole, and only where there is none
        mine.unlink()
    return file.read_text(encoding="ascii")


@contextmanager
def held(home: Path, what: str) -> Iterator[list[int]]:
    """Holds the state folder while a block runs. Gives the file descriptors that child processes' watchers
    are to keep open.

    Args:
        home: the state folder.
        what: the command, named in the error of another process that wants the folder meanwhile.

    Raises UserError where another process holds it. If that process was killed, waits until the processes
    that it had started have ended.
    """
    file = os.open(home / "serve.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _lock(file, home)
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()} {what}".encode(), 0)
        yield [file]
    finally:
        os.close(file)


def _lock(file: int, home: Path) -> None:
    deadline = time.monotonic() + LEFT_BEHIND_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder, _, what = os.pread(file, 200, 0).decode(errors="replace").partition(" ")
            if (holder.isdigit() and is_alive(int(holder))) or time.monotonic() > deadline:
                raise UserError(
                    f"the state folder {home} is held by {what or 'another process'} (process {holder}); end "
                    "that one first, or give this one a TUNER_HOME of its own"
                ) from None
            time.sleep(0.2)
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return  # the ledger's leases still keep two drivers apart
            raise
        else:
            return
