"""The state folder, opened from a user's own process: files that we write are readable by their owner only,
and files that the user's code writes are as it would create them without us.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tuner.home import open_home


@contextmanager
def private_folder(home: Path) -> Iterator[Path]:
    """The state folder, opened for a block. Raises UserError where it cannot be written."""
    before = os.umask(0o077)
    try:
        yield open_home(home)
    finally:
        os.umask(before)
