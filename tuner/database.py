"""The database under the ledger: an engine for SQLite or PostgreSQL, the migrations, the database's clock."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from tuner.errors import UserError


def open_database(url: str) -> Engine:
    """Opens a database, creating and migrating it as needed. Raises UserError where that cannot be."""
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = _engine(parsed)
        _migrate(engine)
    except (SQLAlchemyError, OSError, ModuleNotFoundError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise UserError(f"the ledger {without_password(url)} cannot be opened for writing: {reason}") from error
    return engine


def _engine(url: sa.URL) -> Engine:
    engine = sa.create_engine(url)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _prepare(connection: Any, _record: Any) -> None:
            # We begin transactions ourselves, below: the driver would begin them late and let two writers read the same state.
            connection.isolation_level = None
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writing") else "BEGIN")

    return engine


def _migrate(engine: Engine) -> None:
    """Brings the database to the newest revision; a database from a newer version of this program is refused."""
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.connect().execution_options(writing=True) as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise UserError(f"the ledger is from a newer version of tuner ({error}); install that version") from error
        connection.commit()


def clock(db: Connection) -> sa.ColumnElement[float]:
    """Now on the database's clock, in seconds since 1970: drivers on several machines need not agree on the time."""
    if db.dialect.name == "sqlite":
        return sa.literal_column("((julianday('now') - 2440587.5) * 86400.0)", sa.Float)
    return sa.extract("epoch", sa.func.clock_timestamp())  # type: ignore[return-value]  # PostgreSQL gives a numeric


def without_password(url: str) -> str:
    """A database URL as it may be shown."""
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return "TUNER_LEDGER_URL"
