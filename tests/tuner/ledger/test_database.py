"""The database of a ledger: its tables, how it is opened, and when it is refused."""

import sqlite3
from contextlib import closing

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tests.support.ledgers import dump, execute, started
from tuner.errors import UserError
from tuner.ledger.store import Ledger
from tuner.ledger.tables import metadata


@pytest.fixture
def file(tmp_path):
    return tmp_path / "state" / "ledger.db"


@pytest.fixture
def sqlite_ledger(file):
    with closing(Ledger(f"sqlite:///{file}")) as opened:
        yield opened


def test_the_migrations_make_the_tables(ledger):
    with ledger.engine.connect() as db:
        assert compare_metadata(MigrationContext.configure(db), metadata) == []


def test_a_ledger_is_opened_again_as_it_was(ledger, study):
    started(ledger, study)
    before = dump(ledger)
    with closing(Ledger(ledger.url)) as again:
        assert again.trials(study) == ledger.trials(study)
    assert dump(ledger) == before


def test_sqlite_writes_ahead(sqlite_ledger, file):
    with sqlite_ledger.engine.connect() as db:
        assert db.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert db.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_ledger_from_the_future_is_refused_and_left_alone(ledger):
    execute(ledger, "UPDATE alembic_version SET version_num = '9999'")
    before = dump(ledger)
    with pytest.raises(UserError, match="newer version of tuner"):
        Ledger(ledger.url)
    assert dump(ledger) == before


@pytest.mark.parametrize("place", ["folder", "text", "text/ledger.db"])
def test_a_ledger_that_cannot_be_opened_is_named(tmp_path, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("Dear diary, today I wrote no database at all.\n" * 40)
    with pytest.raises(UserError, match=f"the ledger sqlite:///{tmp_path / place} cannot be opened"):
        Ledger(f"sqlite:///{tmp_path / place}")


def test_a_refused_address_does_not_show_its_password():
    with pytest.raises(UserError, match="cannot be opened") as error:
        Ledger("postgresql://tuner:s3cret@127.0.0.1:1/tuner")
    assert "s3cret" not in str(error.value)
