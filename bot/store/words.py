"""What was said, found by its words: the database's own index, FTS5 in SQLite and a `tsvector` in PostgreSQL.

    create · rebuild          the tables, and what was said before there were any
    add                       what was said just now
    said_in                   the conditions for conversations in which every word of a query was said
    says                      the condition for messages that say one of them
    clear                     SQLite writes the index anew without what was deleted from it

A message is indexed in its own transaction, by whoever adds it (`record.add`) or changes its row, and leaves
the index with its words or its row, whoever deletes it. English words are found by their beginnings,
whatever their ending; Japanese, which has no spaces, by any letters that stand side by side: it is cut into
pairs of letters (返品送料: 返品 品送 送料 料), without a dictionary that would have to cut a question and a
text alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Mapper

from bot.store.tables import ConversationRow, MessageRow
from knowledge_base.words import pieces, spelt

TABLES: Final = "message_words"  # also the beginning of those that SQLite keeps beside it
AT_ONCE = 500  # messages
PAGES = 500  # of the index that are written anew in one transaction

_INDEX = sa.table(
    "message_words", sa.column("position"), sa.column("rowid"), sa.column("words"), sa.column("message_words")
)
_CREATE = {
    "sqlite": (
        # `ascii` parts at every ASCII sign but letters and digits; a point is part of 2.3.1
        "CREATE VIRTUAL TABLE IF NOT EXISTS message_words "
        "USING fts5(words, tokenize = \"ascii tokenchars '.,'\", prefix = 1, columnsize = 0)",
        "CREATE TRIGGER IF NOT EXISTS message_words_gone AFTER DELETE ON messages "
        "BEGIN DELETE FROM message_words WHERE rowid = old.position; END",
    ),
    "postgresql": (
        "CREATE TABLE IF NOT EXISTS message_words (position INTEGER PRIMARY KEY "
        "REFERENCES messages (position) ON DELETE CASCADE, words TSVECTOR NOT NULL)",
        "CREATE INDEX IF NOT EXISTS message_words_words ON message_words USING GIN (words)",
    ),
}
_ADD = {
    "sqlite": sa.text("INSERT INTO message_words (rowid, words) VALUES (:position, :words)"),
    "postgresql": sa.text(
        "INSERT INTO message_words (position, words) VALUES (:position, CAST(:words AS tsvector))"
    ),
}
_DISCARD = {
    "sqlite": sa.text("DELETE FROM message_words WHERE rowid = :position"),
    "postgresql": sa.text("DELETE FROM message_words WHERE position = :position"),
}
Phrase = tuple[str, ...]


def create(connection: sa.Connection) -> None:
    """The tables, unless they are there."""
    for statement in _CREATE[connection.dialect.name]:
        connection.exec_driver_sql(statement)


def rebuild(connection: sa.Connection) -> None:
    """Index all that was said, from nothing."""
    connection.exec_driver_sql("DELETE FROM message_words")
    last = 0
    said = sa.select(MessageRow.position, MessageRow.text).order_by(MessageRow.position).limit(AT_ONCE)
    while rows := connection.execute(said.where(MessageRow.position > last)).all():
        last = rows[-1].position
        add(connection, [(row.position, row.text) for row in rows])


def said_in(dialect: str, query: str) -> list[sa.ColumnElement[bool]]:
    """One condition for each word of the query; none for a query of blanks, an untrue one for mere signs."""
    asked = list(_each(dialect, query))
    if not asked:
        return [sa.false()] if query.strip() else []
    said = sa.select(MessageRow.conversation_id)
    return [
        ConversationRow.id.in_(said.where(MessageRow.position.in_(_found(dialect, each)))) for each in asked
    ]


def says(dialect: str, query: str) -> sa.ColumnElement[bool]:
    asked = (MessageRow.position.in_(_found(dialect, each)) for each in _each(dialect, query))
    return sa.or_(sa.false(), *asked)


def clear(engine: sa.Engine) -> None:
    """SQLite marks what is deleted and keeps the words until it writes an index anew: some pages at a time,
    so that nobody who writes meanwhile waits long.
    """
    if engine.dialect.name == "sqlite":
        for index in ("message_words", "passage_words"):  # a pair that is found is a passage, too
            _merge(engine, index)


def _merge(engine: sa.Engine, index: str) -> None:
    pages = -PAGES  # below nothing, the first time: all of the index, also what would be left for later
    while True:
        with engine.connect() as connection, connection.execution_options(kotae_writes=True).begin():
            before = connection.exec_driver_sql("SELECT total_changes()").scalar_one()
            connection.exec_driver_sql(f"INSERT INTO {index} ({index}, rank) VALUES ('merge', ?)", (pages,))  # noqa: S608
            after = connection.exec_driver_sql("SELECT total_changes()").scalar_one()
        if after - before < 2:  # https://www.sqlite.org/fts5.html#the_merge_command
            return
        pages = PAGES


# ---- where messages are written ----


def _changed(_mapper: Mapper[Any], connection: sa.Connection, row: MessageRow) -> None:
    if sa.inspect(row).attrs.text.history.has_changes():
        connection.execute(_DISCARD[connection.dialect.name], {"position": row.position})
        add(connection, [(row.position, row.text)])


sa.event.listen(MessageRow, "after_update", _changed)


def add(connection: sa.Connection, said: Sequence[tuple[int, str]]) -> None:
    """Index messages, by their positions."""
    dialect = connection.dialect.name
    told = tuple if dialect == "sqlite" else _numbered
    rows = [
        {"position": position, "words": " ".join(told(words))}
        for position, text in said
        if (words := list(_words(text)))
    ]
    if rows:
        connection.execute(_ADD[dialect], rows)


def _words(text: str) -> Iterator[str]:
    for script, piece in pieces(text):
        if script == "japanese":
            yield from _pairs(piece)
            yield piece[-1]
        else:
            yield from spelt(script, piece)


def _pairs(piece: str) -> Iterator[str]:
    return (one + other for one, other in pairwise(piece))


def _numbered(words: Sequence[str]) -> Iterator[str]:
    return (f"'{word}':{place}" for place, word in enumerate(words, 1))


# ---- what is asked ----


def _each(dialect: str, query: str) -> Iterator[str]:
    """Each piece of the query in the language of the database."""
    return (_asked(dialect, forms) for word in query.split() for forms in _forms(word))


def _forms(word: str) -> Iterator[Sequence[Phrase]]:
    """For each piece of a word the phrases of which one was said: Wi-Fi is wifi, or wi and fi."""
    for script, piece in pieces(word):
        if script == "japanese":
            yield [tuple(_pairs(piece)) or (piece,)]
            continue
        whole, *parts = spelt(script, piece)
        yield [(whole,), tuple(parts)] if parts else [(whole,)]


def _asked(dialect: str, forms: Sequence[Phrase]) -> str:
    """In the language of the database; the last word of a phrase may go on."""
    if dialect == "sqlite":
        return " OR ".join(f'"{" ".join(phrase)}" *' for phrase in forms)
    return " | ".join("(" + " <-> ".join(f"'{word}'" for word in phrase) + ":*)" for phrase in forms)


def _found(dialect: str, asked: str) -> sa.Select[Any]:
    """The positions of the messages that say it."""
    if dialect == "sqlite":
        return sa.select(_INDEX.c.rowid).where(_INDEX.c.message_words.op("MATCH")(asked))
    wanted = sa.cast(asked, postgresql.TSQUERY)
    return sa.select(_INDEX.c.position).where(_INDEX.c.words.op("@@")(wanted))
