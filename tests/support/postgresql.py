"""A private PostgreSQL server for tests: Debian's programs, its own data folder and a port on loopback. The
system's own server is never used.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg

from tests.support.patience import patient, wait_for
from tests.support.processes import descendants, kill
from tuner.network import any_free_port

BINARIES = Path("/usr/lib/postgresql/15/bin")
MISSING = None if (BINARIES / "postgres").exists() else f"PostgreSQL 15's programs are not in {BINARIES}"


class PostgresqlServer:
    """Started and ended, killed and suspended as a test asks. As root it runs as nobody: PostgreSQL refuses
    root.
    """

    def __init__(self):
        self._folder = Path(
            tempfile.mkdtemp(prefix="tuner-postgresql-")
        )  # pytest's folders are closed to other users
        self._data = self._folder / "data"
        self.port = any_free_port()
        if os.geteuid() == 0:
            shutil.chown(self._folder, "nobody")
        self._run("initdb", "-D", str(self._data), "-U", "tuner", "-A", "trust", "-E", "UTF8", "--no-sync")
        self._process, self._reused = None, None
        self.start()

    def _as_user(self, program, *arguments):
        command = [str(BINARIES / program), *arguments]
        if os.geteuid() != 0:
            return command
        nobody = pwd.getpwnam("nobody")
        return ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", *command]

    def _run(self, program, *arguments):
        done = subprocess.run(
            self._as_user(program, *arguments), capture_output=True, text=True, check=False, cwd="/"
        )
        assert done.returncode == 0, done.stderr

    def start(self):
        with (self._folder / "server.log").open("ab") as log:
            # The tests' own kills are of the server, not of the machine: nothing depends on the disk's write
            # cache.
            options = [
                "-c",
                "fsync=off",
                "-c",
                "dynamic_shared_memory_type=mmap",  # in its folder: what a kill leaves goes with that
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "unix_socket_directories=",
            ]
            command = self._as_user("postgres", "-D", str(self._data), "-p", str(self.port), *options)
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, cwd="/")
        wait_for(self._answers, 30, every_s=0.05)

    def _answers(self):
        assert self._process.poll() is None, (self._folder / "server.log").read_text()
        asked = [BINARIES / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(asked, check=False).returncode == 0

    def running(self):
        return self._process is not None and self._process.poll() is None

    def kill(self):
        """kill -9 of the server and all of its processes."""
        if not self.running():
            return
        os.kill(self._process.pid, signal.SIGSTOP)  # no new child between the look and the kill
        kill(*descendants(self._process.pid), self._process.pid)
        self._process.wait()
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def stop(self):
        """Ends it as its administrator would, cutting clients off."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(patient(30))

    def create(self, name):
        """A new database; its URL."""
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "tuner", name)
        return f"postgresql://tuner@127.0.0.1:{self.port}/{name}"

    def empty(self):
        """The URL of an empty database, the same one every time: who used it before is cut off. A database of
        its own for every test would be 300 files to make and to remove.
        """
        if self._reused is None:
            self._reused = self.create("ledger")
        with psycopg.connect(self._reused, autocommit=True) as db:
            db.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = 'ledger' AND pid <> pg_backend_pid()"
            )
            db.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        return self._reused

    def psql(self, name, statement):
        self._run(
            "psql", "-q", "-h", "127.0.0.1", "-p", str(self.port), "-U", "tuner", "-d", name, "-c", statement
        )

    def remove(self):
        """Ends it and removes its files."""
        self.kill()
        shutil.rmtree(self._folder)
