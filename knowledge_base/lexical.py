"""Finding passages by their words: SQLite FTS5 with BM25, written in the transaction that writes the
catalogue.

    create · add · remove · search     on a SQLAlchemy connection; the caller commits

A word index is only as good as its words, so the text is cut into terms here and FTS5 sees them ready made,
for passages and questions alike. Latin words are folded; codes and numbers stay findable however they are
written (E-204, E204, 1,200); Japanese and Chinese, which have no spaces, are indexed by pairs of
characters.

PostgreSQL, when it comes, is a second module with these four functions over a `tsvector` of the same terms.
"""

import re
import unicodedata
from collections.abc import Sequence

import sqlalchemy as sa

CONTEXT_WEIGHT = 1.0  # of a word in the breadcrumb, beside 1.0 for one in the text

_TERM = re.compile(
    r"(?P<number>\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,]))"
    r"|(?P<word>[a-z0-9]+(?:[-._'/][a-z0-9]+)*)"
    r"|(?P<run>[\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+)"
    r"|(?P<other>[^\W_]+)"
)
_MARKS = re.compile(r"(?<=[a-z])[\u0300-\u036f]+")


def create(connection: sa.Connection) -> None:
    """The index, unless it is there. FTS5 numbers its rows, so a second table says which passage each one
    is.
    """
    connection.exec_driver_sql(
        "CREATE TABLE IF NOT EXISTS passage_rows "
        "(row INTEGER PRIMARY KEY, passage_id TEXT NOT NULL UNIQUE, document_id TEXT NOT NULL)"
    )
    connection.exec_driver_sql(
        "CREATE INDEX IF NOT EXISTS passage_rows_document ON passage_rows (document_id)"
    )
    connection.exec_driver_sql(
        "CREATE VIRTUAL TABLE IF NOT EXISTS passage_terms "
        "USING fts5(context, text, tokenize = \"ascii tokenchars '.'\")"
    )


def add(connection: sa.Connection, passage_id: str, document_id: str, context: str, text: str) -> None:
    """Index one passage; a passage that is there is replaced."""
    discard(connection, [passage_id])
    row = connection.execute(
        sa.text("INSERT INTO passage_rows (passage_id, document_id) VALUES (:passage, :document)"),
        {"passage": passage_id, "document": document_id},
    ).lastrowid
    connection.execute(
        sa.text("INSERT INTO passage_terms (rowid, context, text) VALUES (:row, :context, :text)"),
        {"row": row, "context": " ".join(terms(context)), "text": " ".join(terms(text))},
    )


def remove(connection: sa.Connection, document_id: str) -> None:
    """Forget every passage of a document."""
    _forget(connection, "document_id = :value", document_id)


def discard(connection: sa.Connection, passage_ids: Sequence[str]) -> None:
    """Forget these passages."""
    for passage_id in passage_ids:
        _forget(connection, "passage_id = :value", passage_id)


def search(connection: sa.Connection, query: str, k: int) -> list[tuple[str, float]]:
    """The k passages that share the most telling words with the query, best first, each with its BM25
    score.
    """
    asked = " OR ".join(f'"{term}"' for term in dict.fromkeys(terms(query)))
    if not asked:
        return []
    found = connection.execute(
        sa.text(
            "SELECT passage_id, -bm25(passage_terms, :context, 1.0) AS score FROM passage_terms "
            "JOIN passage_rows ON passage_rows.row = passage_terms.rowid "
            "WHERE passage_terms MATCH :asked ORDER BY score DESC LIMIT :k"
        ),
        {"asked": asked, "context": CONTEXT_WEIGHT, "k": k},
    )
    return [(passage_id, float(score)) for passage_id, score in found]


def terms(text: str) -> list[str]:
    """The words of a text as the index knows them, in order."""
    found: list[str] = []
    for match in _TERM.finditer(_folded(text)):
        term = match.group()
        match match.lastgroup:
            case "number":
                found.append(term.replace(",", ""))
            case "word":
                found += _word(term)
            case "run":
                found += _pairs(term)
            case _:
                found.append(term)
    return found


def _folded(text: str) -> str:
    """Full-width letters, capitals and accents are the same letter; a voiced kana (が, か) is another one."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", plain)))


def _word(word: str) -> list[str]:
    """A compound such as e-204 or v2.3.1 is found whole, written together, and by each of its parts."""
    parts = [part for part in re.split(r"[-._'/]", word) if part]
    return [word] if len(parts) == 1 else ["".join(parts), *parts]


def _pairs(run: str) -> list[str]:
    return [run] if len(run) == 1 else [run[n : n + 2] for n in range(len(run) - 1)]


def _forget(connection: sa.Connection, which: str, value: str) -> None:
    rows = f"SELECT row FROM passage_rows WHERE {which}"  # noqa: S608  # `which` is one of two constants above
    connection.execute(sa.text(f"DELETE FROM passage_terms WHERE rowid IN ({rows})"), {"value": value})  # noqa: S608
    connection.execute(sa.text(f"DELETE FROM passage_rows WHERE {which}"), {"value": value})  # noqa: S608
