"""Child processes end with their parent, whichever of parent, child and watcher is killed first."""

import os
import signal
import socket
import subprocess
import sys

import pytest

from tests.support.paths import ROOT
from tests.support.patience import wait_for
from tests.support.processes import alive, command, descendants, kill
from tuner.processes import ChildProcess

SLEEPERS = ["sh", "-c", "sleep 1001 & sleep 1002"]
STUBBORN = [sys.executable, "-c", "import signal, time; signal.signal(15, signal.SIG_IGN); time.sleep(1003)"]
PARENT = """
import os, sys
from pathlib import Path
from tuner.processes import ChildProcess
child = ChildProcess(sys.argv[2:], log=Path(sys.argv[1]), environment=dict(os.environ))
print(child.process_id, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def sleepers(pid):
    """The processes of a command, once both of it are there."""
    wait_for(lambda: sum("sleep 100" in command(child) for child in descendants(pid)) == 2, 20)
    return [pid, *descendants(pid)]


def watcher():
    """The watcher that this process has now."""
    return wait_for(
        lambda: [pid for pid in descendants(os.getpid()) if "processes.py watch" in command(pid)], 20
    )


def gone(pids):
    wait_for(lambda: not any(map(alive, pids)), 30)


@pytest.fixture
def parent(log):
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(log), *SLEEPERS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    yield process, int(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_what_a_command_started_ends_with_it(log):
    child = ChildProcess(SLEEPERS, log=log, environment=os.environ)
    started = [*sleepers(child.process_id), *watcher()]
    child.stop()
    assert not child.running
    assert not any(map(alive, started))


def test_a_command_that_ends_by_itself_leaves_no_watcher(log):
    child = ChildProcess(["sh", "-c", "exit 3"], log=log, environment=os.environ)
    assert child.wait() == 3
    child.stop()
    assert not [pid for pid in descendants(os.getpid()) if "processes.py watch" in command(pid)]


def test_a_command_that_is_killed_leaves_nothing_that_it_had_started(log):
    child = ChildProcess(SLEEPERS, log=log, environment=os.environ)
    started = sleepers(child.process_id)
    kill(child.process_id)
    gone(started)
    child.stop()


def test_a_command_that_does_not_listen_is_killed(log, monkeypatch):
    monkeypatch.setattr("tuner.processes.PATIENCE_S", {signal.SIGTERM: 0.3, signal.SIGKILL: 5.0})
    child = ChildProcess(STUBBORN, log=log, environment=os.environ)
    wait_for(lambda: "1003" in command(child.process_id), 20)
    child.stop()
    assert not alive(child.process_id)


def test_a_watcher_that_is_killed_is_replaced_and_the_command_runs_on(log):
    child = ChildProcess(SLEEPERS, log=log, environment=os.environ)
    started = sleepers(child.process_id)
    (first,) = watcher()
    kill(first)
    wait_for(lambda: watcher() != [first], 20)
    assert all(map(alive, started))
    child.stop()
    assert not any(map(alive, started))


def test_nothing_outlives_a_parent_that_is_killed(parent):
    process, child = parent
    started = [*sleepers(child), *descendants(process.pid)]
    kill(process.pid)
    gone(started)


def test_nothing_outlives_a_parent_that_is_killed_together_with_the_watcher(parent):
    process, child = parent
    started = sleepers(child)
    (watching,) = wait_for(
        lambda: [pid for pid in descendants(process.pid) if "processes.py watch" in command(pid)], 20
    )
    os.kill(process.pid, signal.SIGSTOP)  # so that it does not replace the watcher
    kill(watching)
    kill(process.pid)
    gone([child])  # the kernel tells it; what it started is then its own to end, as a server does
    kill(*started)


def test_a_port_is_known_by_who_listens_on_it(log):
    listen = (
        "import socket, subprocess, sys, time\n"
        "code = 'import socket, time; s = socket.create_server((\"127.0.0.1\", 0)); '\n"
        "code += 'print(s.getsockname()[1], flush=True); time.sleep(1004)'\n"
        "subprocess.run([sys.executable, '-c', code])\n"
    )
    child = ChildProcess([sys.executable, "-c", listen], log=log, environment=os.environ)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = int(wait_for(lambda: log.read_text().strip(), 20))
        assert child.listens_on(port)
        assert not child.listens_on(other.getsockname()[1])
    child.stop()
    assert not child.listens_on(port)


def test_a_descriptor_stays_open_until_the_command_has_gone(log):
    reading, writing = os.pipe()
    child = ChildProcess(SLEEPERS, log=log, environment=os.environ, keep_open=[writing])
    os.close(writing)
    os.set_blocking(reading, False)
    with pytest.raises(BlockingIOError):
        os.read(reading, 1)  # somebody still has the other end
    child.stop()
    assert os.read(reading, 1) == b""
    os.close(reading)
