"""The database that the whole house shares: how an engine is made, and how a transaction begins.

SQLite by default, in WAL mode, so that many threads and processes read while one writes. PostgreSQL is a
URL away.

A transaction that writes takes SQLite's write lock when it begins (`BEGIN IMMEDIATE`). Begun as a reader, it
could not wait for another writer to finish: SQLite refuses it at once, whatever the busy timeout.
https://www.sqlite.org/isolation.html, https://www.sqlite.org/rescode.html#busy_snapshot
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from knowledge_base.errors import Unavailable

WAIT_SECONDS = 10.0  # for another writer; ours hold the lock for milliseconds
BROKEN = ("not a database", "malformed")  # what SQLite says of a file that is none, or not whole
CONNECTIONS = 32  # kept open; as many more when many customers ask at once


def open_engine(url: str, *, wait: float = WAIT_SECONDS) -> sa.Engine:
    """An engine for `url`; `wait` is how long a writer waits for another before it is told that the
    database is locked.
    """
    many: dict[str, Any] = {"pool_size": CONNECTIONS, "max_overflow": CONNECTIONS}
    if sa.make_url(url).get_backend_name() == "postgresql":  # which may have been started anew meanwhile
        patience = {"connect_timeout": int(wait), "tcp_user_timeout": int(wait * 1000)}  # a host that is gone
        many |= {"pool_pre_ping": True, "connect_args": patience}
    engine = sa.create_engine(url, **({} if ":memory:" in url else many))
    if engine.dialect.name == "postgresql":
        sa.event.listen(engine, "connect", _do_not_compile)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _prepare(wait))
        sa.event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that only reads; what it sees does not change until it ends."""
    with _sentences(engine), engine.connect() as connection:
        if engine.dialect.name == "postgresql":  # which would see what others commit meanwhile
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        else:
            _driver(connection).execute("BEGIN")
        yield connection


def rows(connection: sa.Connection, statement: sa.TextClause, **values: Any) -> Sequence[Any]:
    """What is found, in the driver's own types. A search asks this way: of a small question to SQLite,
    SQLAlchemy's part is three quarters of the time.
    """
    if connection.dialect.name == "sqlite":
        with suppress(sqlite3.Error):  # which SQLAlchemy meets as well, and says in its own way
            found: list[Any] = _driver(connection).execute(statement.text, values).fetchall()
            return found
    return connection.execute(statement, values).all()


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that writes, committed as a whole or not at all."""
    with _sentences(engine), engine.connect() as connection:
        connection = connection.execution_options(kotae_writes=True)
        with connection.begin():
            yield connection


@contextmanager
def rebuilding(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction that writes and may put a new table in the place of an old one.

    SQLite would take the rows of the old one for deleted, and delete what refers to them: it is told to look
    at no references meanwhile. https://www.sqlite.org/lang_altertable.html#otheralter
    """
    with _sentences(engine), engine.connect() as connection:
        connection = connection.execution_options(kotae_writes=True)
        with _references_unwatched(connection), connection.begin():
            yield connection


def insert_new(connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert those rows whose key is not there yet, so that a step may run twice."""
    if not rows:
        return
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(insert(table).on_conflict_do_nothing(), list(rows))


class Moment(sa.TypeDecorator[datetime]):
    """A time in UTC that comes back aware, also from SQLite, which forgets the zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: sa.Dialect) -> datetime | None:
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, _dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    return datetime.now(UTC)


def _do_not_compile(connection: Any, _record: Any) -> None:
    """PostgreSQL would compile the overview's query for 700 ms, to run it in 70."""
    connection.execute("SET jit = off")
    connection.commit()


def _prepare(wait: float) -> Any:
    def prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, see _begin
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {int(wait * 1000)}")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")  # safe against a crash of ours in WAL mode
        cursor.close()

    return prepare


def _begin(connection: sa.Connection) -> None:
    if connection.get_execution_options().get("kotae_writes", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    elif not _driver(connection).in_transaction:  # as it is in `reading`
        connection.exec_driver_sql("BEGIN")


def _driver(connection: sa.Connection) -> Any:
    return connection.connection.driver_connection


@contextmanager
def _references_unwatched(connection: sa.Connection) -> Iterator[None]:
    """SQLite hears of this outside of a transaction only; PostgreSQL has no need of it."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = _driver(connection)
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


@contextmanager
def _sentences(engine: sa.Engine) -> Iterator[None]:
    """Turn the driver's complaints about a database that cannot serve into a sentence."""
    try:
        yield
    except sa.exc.OperationalError as error:
        raise Unavailable(_complaint(str(_first(error).orig), named(engine))) from error
    except sa.exc.DatabaseError as error:
        if not any(broken in str(error.orig) for broken in BROKEN):
            raise
        raise Unavailable(
            f"the database {named(engine)!r} cannot be read: {error.orig}; put it back from a backup"
        ) from error


def _first(error: sa.exc.OperationalError) -> sa.exc.OperationalError:
    """What went wrong first: on a full disk, whoever tidies up after it stumbles in turn."""
    cause = error.__context__
    while cause is not None:
        if isinstance(cause, sa.exc.OperationalError):
            error = cause
        cause = cause.__context__
    return error


def named(engine: sa.Engine) -> str:
    """The database as people may read it, without its password."""
    return engine.url.render_as_string(hide_password=True)


def _complaint(said: str, place: str) -> str:
    if "locked" in said:
        return f"the database {place!r} is locked by another process; try again in a moment"
    if "full" in said:
        return f"the disk of the database {place!r} is full; free some space and try again"
    return f"the database {place!r} does not answer: {said}"
