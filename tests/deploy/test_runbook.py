"""The runbook's commands for backup and restore, as deploy/README.md has them, on a real PostgreSQL and on
SQLite.

Only docker is another: instead of in a container, its commands run here.
"""

import os
import re
import shutil
import subprocess
from contextlib import closing

import pytest
import sqlalchemy as sa

from tests.support.ledgers import create, dump, first_version, record, started
from tests.support.paths import ROOT
from tests.support.postgresql import BINARIES
from tuner.ledger.store import Ledger

DOCKER = """#!/bin/sh
[ "$2" = exec ] || exit 0   # stop, up
shift 4                     # compose exec -T postgres
exec "$@"
"""


def commands(database):
    """(how it is backed up, how it is restored), as a shell takes them."""
    page = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
    part = re.search(rf"^    # {database}.*?(?=^$)", page, re.MULTILINE | re.DOTALL).group()
    return part.split("    # restore", 1)


@pytest.fixture
def shell(tmp_path):
    """Runs commands of the runbook in a folder of their own."""
    (tmp_path / "docker").write_text(DOCKER)
    (tmp_path / "docker").chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{BINARIES}:{os.environ['PATH']}"}

    def run(script, **more):
        done = subprocess.run(
            ["sh", "-eu"],
            input=script.partition("\n")[2],
            cwd=tmp_path,
            env=environment | more,
            check=False,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")

    return run


@pytest.fixture
def owned(postgresql):
    """The URL of the database `tuner`, whose owner is no superuser, as deploy/kubernetes/postgres makes
    it.
    """
    for statement in (
        "CREATE ROLE postgres SUPERUSER LOGIN",
        "CREATE ROLE owner LOGIN",
        "CREATE DATABASE tuner OWNER owner",
    ):
        postgresql.psql("postgres", statement.replace("owner", "ledger_owner"))
    yield f"postgresql://ledger_owner@127.0.0.1:{postgresql.port}/tuner"
    for name in ("tuner", "tuner_before", "tuner_restored"):
        postgresql.psql("postgres", f"DROP DATABASE IF EXISTS {name}")
    for role in ("ledger_owner", "postgres"):
        postgresql.psql("postgres", f"DROP ROLE {role}")


def test_a_ledger_on_postgresql_is_as_it_was(owned, postgresql, shell):
    server = {"PGHOST": "127.0.0.1", "PGPORT": str(postgresql.port)}
    backup, restore = (c.replace("--owner tuner", "--owner ledger_owner") for c in commands("PostgreSQL"))
    with closing(Ledger(owned)) as ledger:
        study = create(ledger)
        lease = started(ledger, study)
        record(ledger, lease)
        before = dump(ledger)
        shell(backup, **server)
        record(ledger, lease, 2, final=True)
        create(ledger)
        assert dump(ledger) != before
    shell(restore, **server)
    with closing(Ledger(owned)) as ledger:
        assert dump(ledger) == before
        record(ledger, lease, 2, final=True)  # its owner still is the ledger's user


def test_a_backup_of_an_earlier_version_takes_the_place_of_a_later_one(owned, postgresql, shell):
    server = {"PGHOST": "127.0.0.1", "PGPORT": str(postgresql.port)}
    backup, restore = (c.replace("--owner tuner", "--owner ledger_owner") for c in commands("PostgreSQL"))
    first_version(owned)
    shell(backup, **server)
    Ledger(owned).close()
    shell(restore, **server)
    with sa.create_engine(
        owned.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.NullPool
    ).connect() as db:
        assert db.exec_driver_sql("SELECT * FROM alembic_version").all() == [("0001",)]
        assert not sa.inspect(db).has_table("api_keys")
    with closing(Ledger(owned)) as ledger:
        assert [t.state for t in ledger.trials("aa")] == ["succeeded", "running"]


@pytest.mark.skipif(not shutil.which("sqlite3"), reason="the program sqlite3 is not installed")
def test_a_ledger_on_sqlite_is_as_it_was(tmp_path, shell):
    backup, restore = commands("SQLite")
    home = {"TUNER_HOME": str(tmp_path / "home")}
    url = f"sqlite:///{tmp_path / 'home' / 'ledger.db'}"
    with closing(Ledger(url)) as ledger:
        study = create(ledger)
        lease = started(ledger, study)
        record(ledger, lease)
        before = dump(ledger)
        shell(backup, **home)  # with rows that are only in ledger.db-wal
        record(ledger, lease, 2, final=True)
        create(ledger)
    shell(restore, **home)
    with closing(Ledger(url)) as ledger:
        assert dump(ledger) == before
        record(ledger, lease, 2, final=True)
