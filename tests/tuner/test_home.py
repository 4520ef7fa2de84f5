"""The state folder: closed to other users, one holder at a time; temporary folders for sockets."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.patience import wait_for
from tests.support.processes import alive
from tuner import home as state
from tuner import temporary
from tuner.errors import UserError
from tuner.home import held, identity, open_home
from tuner.temporary import SocketFolder

SLOW_TO_END = """
import os, signal, time
signal.signal(signal.SIGTERM, lambda *_: (time.sleep(1), os._exit(0)))
print("ready", flush=True)
time.sleep(60)
"""
HOLDER = """
import os, sys
from pathlib import Path
from tuner.home import held
from tuner.processes import ChildProcess
home = Path(sys.argv[1])
with held(home, "tuner serve") as files:
    command = [sys.executable, "-c", sys.argv[2]]
    child = ChildProcess(command, log=home / "log", environment=dict(os.environ), keep_open=files)
    print(child.process_id, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def mask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_new_folder_and_what_is_written_after_is_closed_to_others(tmp_path):
    home = open_home(tmp_path / "a" / "home")
    (home / "folder").mkdir()
    (home / "file").touch()
    assert [mode(home), mode(home / "folder"), mode(home / "file")] == [0o700, 0o700, 0o600]


def test_a_folder_that_was_open_is_closed(tmp_path):
    home = tmp_path / "home"
    (home / "mlflow").mkdir(parents=True)
    (home / "ledger.db").touch()
    (home / "mlflow" / "mlflow.db").touch()
    outside = tmp_path / "outside"
    outside.touch()
    (home / "link").symlink_to(outside)
    open_home(home)
    assert [mode(p) for p in (home, home / "mlflow", home / "ledger.db", home / "mlflow" / "mlflow.db")] == [
        0o700, 0o700, 0o600, 0o600,
    ]  # fmt: skip
    assert mode(outside) == 0o644


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"the state folder .*file/home \(TUNER_HOME\) cannot be written"):
        open_home(tmp_path / "file" / "home")


def test_an_identity_is_made_once_by_however_many_ask(tmp_path):
    found, barrier = [], threading.Barrier(8)

    def ask():
        barrier.wait()
        found.append(identity(tmp_path / "home"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found[0]) == 32
    assert [p.name for p in (tmp_path / "home").iterdir()] == ["identity"]


def test_a_second_holder_is_refused_and_told_who_the_first_is(tmp_path):
    told = rf"is held by tuner serve \(process {os.getpid()}\)"
    with held(tmp_path, "tuner serve"), pytest.raises(UserError, match=told), held(tmp_path, "b"):
        pass
    with held(tmp_path, "c"):  # free again
        pass


def test_a_new_holder_waits_until_nothing_is_left_of_one_that_was_killed(tmp_path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path), SLOW_TO_END],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    child = int(holder.stdout.readline())
    wait_for((tmp_path / "log").read_text, 20)
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with held(tmp_path, "tuner serve"):
        assert not alive(child)
    holder.stdin.close()
    holder.stdout.close()


def test_what_is_left_is_not_waited_for_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr(state, "LEFT_BEHIND_S", 0.2)
    with held(tmp_path, "tuner serve"):
        (tmp_path / "serve.lock").write_text("2147483646 tuner serve")  # a process that there is not
        with pytest.raises(UserError, match="is held by"), held(tmp_path, "tuner serve"):
            pass


@pytest.fixture
def short(monkeypatch):
    """A temporary folder with a short path."""
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        monkeypatch.setattr(temporary, "LONGEST", 60)
        yield Path(folder)


def test_a_socket_folder_is_private_and_goes(short):
    folder = SocketFolder()
    assert folder.path.parent == short
    assert mode(folder.path) == 0o700
    (folder.path / "ray").mkdir()
    folder.remove()
    assert list(short.iterdir()) == []


def test_a_temporary_folder_with_a_long_path_is_not_used_for_sockets(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("long" * 10)))
    folder = SocketFolder()
    assert folder.path.parent == Path("/tmp")
    folder.remove()


def test_where_no_folder_is_short_enough_it_is_said(monkeypatch):
    monkeypatch.setattr(temporary, "LONGEST", 10)
    with pytest.raises(UserError, match="TMPDIR can name one"):
        SocketFolder()


def test_folders_of_processes_that_were_killed_are_swept_and_others_kept(short, monkeypatch):
    monkeypatch.setattr(temporary, "NEW_S", -1.0)
    code = (
        "import os; from tuner import temporary; temporary.LONGEST = 60; "
        "folder = temporary.SocketFolder(); os._exit(9)"
    )
    environment = os.environ | {"TMPDIR": str(short), "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    (left,) = short.iterdir()
    used = SocketFolder()
    assert not left.exists()
    other = SocketFolder()
    assert used.path.exists()
    used.remove()
    other.remove()
    wait_for(lambda: not list(short.iterdir()), 5)
