"""What is kept: tables (SQLAlchemy), how they are moved forward (Alembic), and how a session is opened.

SQLite in the data directory, or PostgreSQL by a URL: only the index of what was said (`words`) speaks the
dialect of each.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, TypeVar
from weakref import WeakKeyDictionary, ref

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot.store import words
from bot.store.together import Together
from knowledge_base import database

_queues: WeakKeyDictionary[sa.Engine, threading.Lock] = WeakKeyDictionary()
_together: WeakKeyDictionary[sa.Engine, Together] = WeakKeyDictionary()
_making = threading.Lock()

Told = TypeVar("Told")


@contextmanager
def reading(engine: sa.Engine) -> Iterator[Session]:
    """A session that only reads.

    Raises knowledge_base.errors.Unavailable when the database does not answer.
    """
    with database.reading(engine) as connection, Session(connection) as session:
        yield session


@contextmanager
def writing(engine: sa.Engine) -> Iterator[Session]:
    """A session whose work is kept as a whole or not at all. Raises Unavailable like `reading`."""
    with changing(engine) as connection, Session(connection) as session:
        yield session
        session.flush()


def claim(session: Session, taken: Exception) -> None:
    """Write what is new in the session, or raise `taken`: another row has its name.

    The database is asked by writing: between a look and a write another process may take the name.
    """
    try:
        session.flush()
    except sa.exc.IntegrityError as clash:
        raise taken from clash


@contextmanager
def changing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """The same without a session."""
    with _queue(engine), database.writing(engine) as connection:
        yield connection


def changed(engine: sa.Engine, change: Callable[[sa.Connection], Told]) -> Told:
    """What a change tells that is kept as a whole or not at all, for what is done at every turn. Those that
    are wanted at the same time share a transaction, where the database has one writer only. A change may be
    made twice, if it or another one fails: of the first time nothing is kept. Raises Unavailable.
    """
    if engine.dialect.name != "sqlite":
        with changing(engine) as connection:
            return change(connection)
    with _making:
        together = _together.setdefault(engine, Together(partial(_commit, ref(engine))))
    return together.make(change)


def _commit(engine: ref[sa.Engine], changes: Sequence[Callable[[sa.Connection], Any]]) -> list[Any]:
    known = engine()
    assert known is not None  # whoever wants a change holds it
    with changing(known) as connection:
        return [change(connection) for change in changes]


def forgetting(session: Session) -> None:
    """What is deleted in this transaction is overwritten; without this SQLite only forgets where it was."""
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")


def wipe(engine: sa.Engine) -> None:
    """SQLite keeps what was deleted in its indexes of words and in its log until these are written anew."""
    words.clear(engine)
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.connection.driver_connection.execute(  # type: ignore[union-attr]
                "PRAGMA wal_checkpoint(TRUNCATE)"
            )


def _queue(engine: sa.Engine) -> AbstractContextManager[object]:
    """Where the threads of this process wait in line: SQLite makes writers sleep and look again."""
    if engine.dialect.name != "sqlite":
        return nullcontext()
    with _making:
        return _queues.setdefault(engine, threading.Lock())
