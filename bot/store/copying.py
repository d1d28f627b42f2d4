"""Everything that one database holds, copied to another that is empty: how an installation moves to
PostgreSQL.

Tables are copied as they stand, in the order in which they refer to each other, in one transaction: all of it
or nothing. The indexes of words are written anew in the other database's own manner.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import sqlalchemy as sa

from bot.store import words
from bot.store.migrate import METADATA, upgrade
from bot.store.tables import ConversationRow, SwitchRow, UserRow
from knowledge_base import database, lexical
from knowledge_base.tables import documents

AT_ONCE: Final = 500  # rows
WITH_WORK = (UserRow, ConversationRow, SwitchRow)  # where there is one of these, somebody has worked here


class CannotCopy(Exception):
    """Why, as a sentence."""


def copy(source: sa.Engine, target: sa.Engine, told: Callable[[int, int], None] = lambda *_: None) -> int:
    """Copy everything, and return how many rows that was; `told` hears how many of how many are done.

    Raises CannotCopy when the target holds work of its own or refuses what the source holds, and Unavailable.
    """
    for engine in (source, target):
        upgrade(engine)
    with database.reading(source) as old, database.writing(target) as new:
        if any(new.scalar(sa.select(sa.func.count()).select_from(table)) for table in _with_work()):
            raise CannotCopy("the database at store.url holds an installation already; it is left as it is")
        tables = [table for metadata in reversed(METADATA) for table in metadata.sorted_tables]
        of_each = [old.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for table in tables]
        done, whole = 0, sum(of_each)
        for table in reversed(tables):  # what a new installation begins with
            new.execute(sa.delete(table))
        for table in tables:
            for rows in old.execute(sa.select(table)).mappings().partitions(AT_ONCE):
                _put(new, table, [dict(row) for row in rows])
                done += len(rows)
                told(done, whole)
            _count_on(new, table)
        lexical.copy(old, new)
        words.rebuild(new)
    return done


def _with_work() -> Sequence[sa.FromClause]:
    return [documents, *(row.__table__ for row in WITH_WORK)]


def _put(connection: sa.Connection, table: sa.Table, rows: list[dict[str, object]]) -> None:
    try:
        connection.execute(sa.insert(table), rows)
    except (sa.exc.DataError, sa.exc.IntegrityError) as refused:
        raise CannotCopy(f"the other database refuses a row of {table.name!r}: {refused.orig}") from refused


def _count_on(connection: sa.Connection, table: sa.Table) -> None:
    """PostgreSQL numbers new rows by a sequence, which knows nothing of numbers that were copied."""
    numbered = table.autoincrement_column
    if connection.dialect.name == "postgresql" and numbered is not None:
        sequence = sa.func.pg_get_serial_sequence(table.name, numbered.name)
        last = sa.select(sa.func.max(numbered)).scalar_subquery()
        connection.execute(sa.select(sa.func.setval(sequence, sa.func.coalesce(last, 1), last.is_not(None))))
