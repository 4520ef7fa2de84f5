"""Temporary folders for sockets: closed to other users, with short paths, and removed when their owner has
ended.

A socket's path may have 107 bytes on Linux and 103 on macOS, and Ray adds 70 to the path of its folder. A
process that is killed cannot remove its folder; the next process that makes such a folder removes it. Each
folder in use is locked (flock), so that the kernel tells which ones are not.
"""

import fcntl
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from tuner.errors import UserError

_PREFIX = "tuner-sockets-"
LONGEST = 33  # bytes of the path
NEW_S = 60.0  # a folder that is younger may be about to be locked


class SocketFolder:
    """A folder of this process's own."""

    def __init__(self) -> None:
        """Makes it, in the temporary folder or, where that has a long path, in /tmp. Raises UserError."""
        for parent in dict.fromkeys((tempfile.gettempdir(), "/tmp")):  # noqa: S108  # mkdtemp closes it
            if len(os.fsencode(parent)) + len(_PREFIX) + 9 > LONGEST:
                continue
            with suppress(OSError):
                _sweep(Path(parent))
                self.path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
                self.lock = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
                fcntl.flock(self.lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return
        raise UserError(
            "Ray needs a temporary folder with a path of at most "
            f"{LONGEST - len(_PREFIX) - 9} bytes that can be written; TMPDIR can name one"
        )

    def remove(self) -> None:
        """Removes it with all that is in it."""
        os.close(self.lock)
        shutil.rmtree(self.path, ignore_errors=True)


def _sweep(parent: Path) -> None:
    """Removes the folders of processes of this user that have ended without removing them."""
    for path in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another user's, or somebody else removes it
            status = path.stat()
            if status.st_uid != os.getuid() or time.time() - status.st_mtime < NEW_S:
                continue
            lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)
            finally:
                os.close(lock)
