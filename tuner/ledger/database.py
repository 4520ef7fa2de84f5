"""The database under the ledger: an engine for SQLite or PostgreSQL, the migrations, the database's clock."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError

from tuner.errors import UserError


def open_database(url: str) -> Engine:
    """Opens the database of a URL, creates it if it is a new SQLite file, and brings its tables to the newest
    revision. Raises UserError where it cannot be opened, or is from a newer version of this program.
    """
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = _engine(parsed)
        try:
            _migrate(engine)
        except BaseException:
            engine.dispose()
            raise
    except (SQLAlchemyError, OSError, ModuleNotFoundError) as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise UserError(
            f"the ledger {without_password(url)} cannot be opened for writing: {reason}"
        ) from error
    return engine


# SQLite connections that are kept open, as many as the service has threads. A connection beyond these is
# closed after use, so the next one has to be opened and prepared again.
_POOL = 40


def _engine(url: sa.URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        return _postgresql(url.set(drivername="postgresql+psycopg"))
    engine = sa.create_engine(url, pool_size=_POOL)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _prepare(connection: Any, _record: Any) -> None:
            # Transactions are begun in `_begin`. The driver would begin them only at the first write, so that
            # two writers could read the same state before either writes.
            connection.isolation_level = None
            # The timeout comes first, because switching to WAL waits for a lock, too.
            for pragma in ("busy_timeout=30000", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
                connection.execute(f"PRAGMA {pragma}")
            # SQLite's own lower() changes the letters A to Z only, PostgreSQL's those of all alphabets.
            connection.create_function("lower", 1, _lower, deterministic=True)

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            connection.exec_driver_sql(
                "BEGIN IMMEDIATE" if connection.get_execution_options().get("writing") else "BEGIN"
            )

    return engine


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


# By the keepalives, a server whose machine or network died without closing the connection is noticed after
# about 20 s, not after hours. By the session's timeouts, what a client locked that died in the middle of a
# transaction is free again after a minute. The times are in seconds here, in milliseconds below.
_KEEPALIVES = {"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 2}
_SESSION = "SET idle_in_transaction_session_timeout = 60000; SET lock_timeout = 30000; SET TIME ZONE 'UTC'"


def _postgresql(url: sa.URL) -> Engine:
    arguments = _KEEPALIVES | {"tcp_user_timeout": 20000} | dict(url.query)
    # pre-ping: a connection that broke while it was idle in the pool is replaced before it is used.
    engine = sa.create_engine(url.set(query={}), connect_args=arguments, pool_pre_ping=True)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.execute(_SESSION)
        connection.commit()

    return engine


def is_away(error: DBAPIError) -> bool:
    """Whether a statement failed for a reason that may pass by itself: the connection was lost, or the
    database is locked.
    """
    if isinstance(error, OperationalError) and "database is locked" in str(error.orig):  # SQLite's
        return True
    # PostgreSQL's SQLSTATE: 08 connection, 40 rolled back to end a conflict, 53300 too many connections,
    # 57P shut down, 55P03 locked.
    state = getattr(error.orig, "sqlstate", "")
    if state:
        return str(state).startswith(("08", "40", "53300", "57P", "55P03"))
    return error.connection_invalidated or state is None  # psycopg has None where no server answered


def message_of(error: DBAPIError) -> str:
    """A database's message, in one line."""
    return " ".join(str(error.orig).split())


_MIGRATION_LOCK = 5_571_849  # any number, the same for every process that opens a ledger


def _migrate(engine: Engine) -> None:
    """Brings the database to the newest revision; a database from a newer version of this program is refused.

    Several processes may open a new database at once: one migrates, the others wait and find it done.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    # All revisions are in one transaction. Alembic by itself would commit after each on SQLite, and another
    # process could come in between. SQLite needs no lock for it: it has one writing transaction at a time.
    with engine.execution_options(writing=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise UserError(
                f"the ledger is from a newer version of tuner ({error}); install that version"
            ) from error


def clock(db: Connection) -> sa.ColumnElement[float]:
    """The time now as an SQL expression, in seconds since 1970. It is the database's clock, so drivers on
    several machines need not agree on the time.
    """
    if db.dialect.name == "sqlite":
        return sa.literal_column("((julianday('now') - 2440587.5) * 86400.0)", sa.Float)
    return sa.extract("epoch", sa.func.clock_timestamp())  # type: ignore[return-value]  # a numeric, no float


def without_password(url: str) -> str:
    """A database URL as it may be shown; the setting's name where it is no valid URL."""
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return "TUNER_LEDGER_URL"
