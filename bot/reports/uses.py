"""In which answers a document was used: counted from the citations that are stored with each answer."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from bot.store import reading
from bot.store.tables import MessageRow
from knowledge_base.edits import plain

MOST_LOOKED_AT = 500  # answers that one document was used in, the newest
SHOWN = 20


@dataclass(frozen=True)
class Use:
    """How often a document was quoted, and when last."""

    answers: int = 0
    last_at: datetime | None = None


@dataclass(frozen=True)
class Answered:
    """An answer that quoted a passage, and the words that it quoted of it."""

    conversation_id: str
    message_id: str
    text: str
    at: datetime
    quoted: tuple[str, ...]


class Uses:
    """Counting goes on where it stopped: an answer's citations are written once."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._counting = threading.Lock()
        self._counted: dict[str, Use] = {}
        self._until = 0  # the position of the last answer that was counted
        self._answers = 0  # how many were counted; fewer are there once a customer was erased

    def by_document(self) -> Mapping[str, Use]:
        """Of every document that was ever quoted, also of those that are gone."""
        answers = sa.select(MessageRow.position, MessageRow.at, MessageRow.citations).where(
            MessageRow.role == "bot"
        )
        with self._counting, reading(self._engine) as session:
            until = sa.select(sa.func.count()).where(
                MessageRow.role == "bot", MessageRow.position <= self._until
            )
            if session.scalar(until) != self._answers:
                self._counted, self._until, self._answers = {}, 0, 0
            more = answers.where(MessageRow.position > self._until).order_by(MessageRow.position)
            for position, at, citations in session.execute(more):
                self._until, self._answers = position, self._answers + 1
                for document_id in {shown["document_id"] for shown in citations or ()}:
                    before = self._counted.get(document_id, Use())
                    self._counted[document_id] = Use(before.answers + 1, at)
            return dict(self._counted)

    def of_passages(self, document_id: str, texts: Collection[str]) -> Sequence[Answered]:
        """The newest answers that quoted one of these passages of a document, whichever version it was."""
        wanted = {plain(text) for text in texts}
        holds = sa.cast(MessageRow.citations, sa.Text).contains(document_id, autoescape=True)
        newest = (
            sa.select(MessageRow)
            .where(MessageRow.role == "bot", holds)
            .order_by(MessageRow.position.desc())
            .limit(MOST_LOOKED_AT)
        )
        found: list[Answered] = []
        with reading(self._engine) as session:
            for row in session.scalars(newest):
                quoted = tuple(
                    shown["quote"]
                    for shown in row.citations
                    if shown["document_id"] == document_id and plain(shown["text"]) in wanted
                )
                if quoted and len(found) < SHOWN:
                    found.append(Answered(row.conversation_id, row.id, row.text, row.at, quoted))
        return found
