"""What is kept of an answer, and read back: who spoke, on what it rests, what it cost, how long it took.

Record ─▶ a row of `messages` ─▶ Message
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal, cast

import sqlalchemy as sa

from bot.conversations.feedback import Rating, rating
from bot.conversations.question import storable
from bot.store import words
from bot.store.tables import MessageRow
from knowledge_base.database import now
from strategies.events import Answer, Cited, Decision

Role = Literal["customer", "bot", "operator"]

_ADD: Final = sa.insert(MessageRow.__table__).returning(MessageRow.position)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Shown:
    """A citation as the customer saw it; it stays readable after the document has changed or is gone.

    `at` is the offset into the message's text behind which it stands.
    """

    number: int
    document: str
    source: str
    page: int | None
    headings: tuple[str, ...]
    quote: str
    text: str
    at: int
    document_id: str
    passage_id: str
    version: int

    @classmethod
    def of(cls, cited: Cited) -> Shown:
        passage = cited.passage
        return cls(
            number=cited.number,
            document=passage.title,
            source=passage.source,
            page=passage.page,
            headings=passage.headings,
            quote=cited.quote,
            text=passage.text,
            at=cited.at,
            document_id=passage.document_id,
            passage_id=passage.id,
            version=passage.version,
        )


@dataclass(frozen=True)
class Message:
    """One thing said. What only an answer has is empty for the others.

    `notice` is what was shown beside or instead of the text in the operator's words: the offer of a person,
    or that something failed. `error` is for operators alone.
    """

    id: str
    conversation_id: str
    role: Role
    text: str
    at: datetime
    language: str = ""
    notice: str = ""
    handoff: str = ""  # why a person was offered
    abstained: bool = False
    partial: bool = False
    error: str = ""
    strategy: str = ""
    model: str = ""
    adapter: str = ""
    prompt_version: str = ""
    index_version: str = ""
    prompt_tokens: int = 0
    passage_tokens: int = 0
    completion_tokens: int = 0
    tokens_estimated: bool = False
    ms_first: float | None = None
    ms: float | None = None
    decisions: tuple[Mapping[str, Any], ...] = ()  # by, what, why, detail
    citations: tuple[Shown, ...] = ()
    replaced: bool = False  # its customer asked in other words instead
    rating: Rating | None = None
    by: str = ""  # which operator, by email
    erased_at: datetime | None = None  # its words have had their time
    position: int = 0  # its place among all that was said


@dataclass(frozen=True)
class Record:
    """What one answer leaves behind."""

    message_id: str
    answer: Answer
    language: str
    strategy: str
    index_version: str = ""
    notice: str = ""
    handoff: str = ""
    abstained: bool = False
    partial: bool = False
    error: str = ""
    ms_first: float | None = None
    ms: float = 0.0


def to_values(conversation_id: str, record: Record) -> dict[str, Any]:
    """An answer as the columns of its row, for `add`."""
    usage = record.answer.usage
    return {
        "id": record.message_id,
        "conversation_id": conversation_id,
        "role": "bot",
        "text": record.answer.text,
        "at": now(),
        "language": record.language,
        "notice": record.notice,
        "handoff": record.handoff,
        "abstained": record.abstained,
        "partial": record.partial,
        "error": record.error,
        "strategy": record.strategy,
        "model": usage.model,
        "adapter": usage.adapter,
        "prompt_version": usage.prompt_version,
        "index_version": record.index_version,
        "prompt_tokens": usage.prompt_tokens,
        "passage_tokens": usage.passage_tokens,
        "completion_tokens": usage.completion_tokens,
        "tokens_estimated": usage.estimated,
        "ms_first": record.ms_first,
        "ms": record.ms,
        "decisions": [told(decision) for decision in record.answer.decisions],
        "citations": [asdict(Shown.of(cited)) for cited in record.answer.citations],
    }


def add(connection: sa.Connection, values: Mapping[str, Any]) -> None:
    """Keep a message, and index its words. What `values` does not name is as the table says."""
    added = connection.execute(_ADD, values)
    words.add(connection, [(added.scalar_one(), values["text"])])


def told(decision: Decision) -> dict[str, Any]:
    """A decision as JSON holds it."""
    plain: dict[str, Any] = _plain(
        {"by": decision.by, "what": decision.what, "why": decision.why, "detail": decision.detail}
    )
    return plain


def _plain(value: Any) -> Any:
    """A detail as JSON holds it: numbers of numpy become Python's, what JSON does not know becomes text."""
    match value:
        case str():
            return storable(value)
        case float() if not math.isfinite(value):
            return str(value)
        case None | bool() | int() | float():
            return value
        case Mapping():
            return {storable(str(name)): _plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case _ if hasattr(value, "item"):
            return _plain(value.item())
        case _:
            return storable(str(value))


def from_row(row: MessageRow) -> Message:
    return Message(
        id=row.id,
        conversation_id=row.conversation_id,
        role=cast("Role", row.role),
        text=row.text,
        at=row.at,
        language=row.language,
        notice=row.notice,
        handoff=row.handoff,
        abstained=row.abstained,
        partial=row.partial,
        error=row.error,
        strategy=row.strategy,
        model=row.model,
        adapter=row.adapter,
        prompt_version=row.prompt_version,
        index_version=row.index_version,
        prompt_tokens=row.prompt_tokens,
        passage_tokens=row.passage_tokens,
        completion_tokens=row.completion_tokens,
        tokens_estimated=row.tokens_estimated,
        ms_first=row.ms_first,
        ms=row.ms,
        decisions=tuple(row.decisions),
        citations=tuple(Shown(**{**shown, "headings": tuple(shown["headings"])}) for shown in row.citations),
        replaced=row.replaced,
        rating=rating(row.feedback) if row.feedback else None,
        by=row.by,
        erased_at=row.erased_at,
        position=row.position or 0,
    )
