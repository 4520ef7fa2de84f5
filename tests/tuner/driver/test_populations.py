"""The files that trained models leave are there whole, or not at all."""

import errno
from pathlib import Path

import pytest

from tuner.driver.populations import write_artifacts
from tuner.errors import UserError


def test_a_write_that_breaks_off_leaves_what_was_there(tmp_path, monkeypatch):
    write_artifacts({3: {"bias.json": b"{}"}}, tmp_path)

    def half(path, content):
        with path.open("wb") as file:
            file.write(content[:1])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(UserError, match=r"cannot be written to .*: No space left on device"):
        write_artifacts({3: {"bias.json": b"{} anew"}, 4: {"model": b"weights"}}, tmp_path)
    left = {str(p.relative_to(tmp_path)): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert left == {"trial-3/bias.json": b"{}"}
