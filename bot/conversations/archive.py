"""The archive: every conversation that is kept, looked through by what was said and what became of it.

`Wanted` is a filter as an address, a saved view and the command line give it. An export is written line
by line, an answer on each: what was asked and found, who spoke, how it was rated and corrected.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain
from typing import Any, Final, Literal, Self, cast
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from bot.conversations.conversation import Conversation, Conversations
from bot.conversations.feedback import UnknownMessage
from bot.conversations.question import clean
from bot.conversations.record import Message, Role, from_row
from bot.handoff.handoffs import FRESH
from bot.reports.spreadsheet import csv_lines
from bot.store import reading, writing
from bot.store.tables import ConversationRow, FeedbackRow, HandoffRow, MessageRow, ViewRow
from bot.teaching.candidates import Candidate, Candidates
from knowledge_base.database import insert_new, now
from strategies.base import Turn

Form = Literal["jsonl", "csv"]
FORMS: Final[tuple[Form, ...]] = ("jsonl", "csv")
AT_ONCE = 50  # conversations that an export has in hand
NAME_CHARACTERS = 80
RATED: Final = ("up", "down", "any")


@dataclass(frozen=True)
class Wanted:
    """Which conversations; what is empty does not matter. Days are UTC's, both of them whole."""

    text: str = ""  # every word of it was said by somebody
    strategy: str = ""
    language: str = ""
    rated: str = ""  # up, down, any
    abstained: bool = False
    failed: bool = False
    handed_over: bool = False
    first: str = ""
    last: str = ""

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """From an address or a saved view; what is none of its values is left out."""
        values: dict[str, Any] = {}
        for one in fields(cls):
            value = given.get(one.name)
            if one.type == "bool":
                values[one.name] = value in (True, "1", "true", "on")
            elif isinstance(value, str):
                values[one.name] = clean(value)[:200]
        if values.get("rated") not in RATED:
            values["rated"] = ""
        for name in ("first", "last"):
            if _day(values.get(name, "")) is None:
                values[name] = ""
        return cls(**values)

    def as_dict(self) -> dict[str, str]:
        """What is not empty, as an address has it."""
        return {name: "1" if value is True else value for name, value in asdict(self).items() if value}

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """All but `text` and `strategy`, which Conversations knows itself."""
        wanted: list[sa.ColumnElement[bool]] = []
        if self.language:
            wanted.append(ConversationRow.language == self.language)
        if self.rated:
            rating = sa.true() if self.rated == "any" else FeedbackRow.value == self.rated
            wanted.append(_said(FeedbackRow.message_id == MessageRow.id, rating))
        if self.abstained:
            wanted.append(_said(MessageRow.abstained.is_(True)))
        if self.failed:
            wanted.append(_said(MessageRow.error != ""))
        if self.handed_over:
            wanted.append(sa.exists().where(HandoffRow.conversation_id == ConversationRow.id))
        if first := _day(self.first):
            wanted.append(ConversationRow.updated_at >= datetime.combine(first, time(), UTC))
        if last := _day(self.last):
            wanted.append(
                ConversationRow.started_at < datetime.combine(last + timedelta(days=1), time(), UTC)
            )
        return wanted


@dataclass(frozen=True)
class Asked:
    """An answer with its question; `question` is "" where nobody asked or its words have had their time."""

    answer: Message
    question: str
    history: tuple[Turn, ...]


@dataclass(frozen=True)
class View:
    """A filter with a name, for every operator."""

    id: str
    name: str
    wanted: Wanted
    by: str
    at: datetime


class Archive:
    def __init__(self, engine: sa.Engine, conversations: Conversations, candidates: Candidates) -> None:
        self._engine = engine
        self._conversations = conversations
        self._candidates = candidates

    def page(self, wanted: Wanted, limit: int = 50, before: str | None = None) -> list[Conversation]:
        """Those spoken in last come first, without their messages."""
        return self._conversations.page(
            wanted.text, wanted.strategy, limit, before, where=wanted.conditions()
        )

    def exported(self, wanted: Wanted, form: Form) -> Iterator[str]:
        """The lines of a file, as they are read."""
        rows = self.answers(wanted)
        if form == "jsonl":
            yield from (json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            return
        yield from csv_lines(chain([list(EMPTY)], map(flat, rows)))

    def answers(self, wanted: Wanted) -> Iterator[dict[str, Any]]:
        """Every answer of these conversations, the bot's and people's, some conversations at a time."""
        before = None
        while page := self.page(wanted, AT_ONCE, before):
            yield from self._answers_of(page)
            before = page[-1].id

    def _answers_of(self, page: Sequence[Conversation]) -> Iterator[dict[str, Any]]:
        rows = (
            sa.select(MessageRow)
            .where(MessageRow.conversation_id.in_([one.id for one in page]))
            .options(selectinload(MessageRow.feedback))
            .order_by(MessageRow.position)
        )
        said: dict[str, list[Message]] = {one.id: [] for one in page}
        with reading(self._engine) as session:
            for row in session.scalars(rows):
                said[row.conversation_id].append(from_row(row))
        corrections = self._candidates.of_messages(
            [message.id for messages in said.values() for message in messages if message.role != "customer"]
        )
        for conversation in page:
            question = ""
            for message in said[conversation.id]:
                if message.role == "customer":
                    question = message.text
                else:
                    yield told(conversation, question, message, corrections.get(message.id))

    def asked(self, message_id: str, turns: int) -> Asked:
        """What an answer was an answer to, with the history as it was then. UnknownMessage."""
        with reading(self._engine) as session:
            answer = session.scalar(sa.select(MessageRow).where(MessageRow.id == message_id))
            if answer is None or answer.role == "customer":
                raise UnknownMessage(f"there is no answer {message_id!r}")
            before = sa.select(MessageRow).where(
                MessageRow.conversation_id == answer.conversation_id, MessageRow.text != ""
            )
            question = session.scalar(
                before.where(MessageRow.role == "customer", MessageRow.position < answer.position)
                .order_by(MessageRow.position.desc())
                .limit(1)
            )
            if question is None:
                return Asked(from_row(answer), "", ())
            said = (
                before.where(
                    MessageRow.position < question.position,
                    MessageRow.position > _afresh(session, question),
                    ~MessageRow.replaced,
                )
                .order_by(MessageRow.position.desc())
                .limit(turns)
            )
            history = tuple(Turn(cast("Role", row.role), row.text) for row in session.scalars(said))[::-1]
            return Asked(from_row(answer), question.text, history)

    # ---- saved views ----

    def views(self) -> list[View]:
        with reading(self._engine) as session:
            return [_view(row) for row in session.scalars(sa.select(ViewRow).order_by(ViewRow.name))]

    def save_view(self, name: str, wanted: Wanted, *, by: str) -> View:
        """The same name again replaces what it stood for. ValueError without a name."""
        name = " ".join(clean(name).split())[:NAME_CHARACTERS]
        if not name:
            raise ValueError("a view needs a name")
        with writing(self._engine) as session:
            values = {"query": wanted.as_dict(), "by": by, "at": now()}
            new = {"id": uuid4().hex, "name": name, **values}
            insert_new(session.connection(), ViewRow.__table__, [new])  # type: ignore[arg-type]
            replaced = sa.update(ViewRow).where(ViewRow.name == name).values(values).returning(ViewRow)
            return _view(session.scalars(replaced).one())

    def remove_view(self, view_id: str) -> None:
        with writing(self._engine) as session:
            session.execute(sa.delete(ViewRow).where(ViewRow.id == view_id))


def told(
    conversation: Conversation, question: str, message: Message, correction: Candidate | None
) -> dict[str, Any]:
    """An answer as a line of an export."""
    return {
        "conversation": conversation.id,
        "message": message.id,
        "at": message.at.isoformat(),
        "site": conversation.site,
        "language": message.language or conversation.language,
        "question": question,
        "answer": message.text,
        "erased": message.erased_at is not None,
        "by": message.by or message.role,
        "strategy": message.strategy,
        "model": message.model,
        "adapter": message.adapter,
        "prompt_version": message.prompt_version,
        "index_version": message.index_version,
        "abstained": message.abstained,
        "partial": message.partial,
        "error": message.error,
        "prompt_tokens": message.prompt_tokens,
        "passage_tokens": message.passage_tokens,
        "completion_tokens": message.completion_tokens,
        "ms_first": message.ms_first,
        "ms": message.ms,
        "passages": [
            {
                "number": shown.number,
                "document": shown.document,
                "source": shown.source,
                "page": shown.page,
                "passage_id": shown.passage_id,
                "quote": shown.quote,
                "text": shown.text,
            }
            for shown in message.citations
        ],
        "rating": message.rating.value if message.rating else None,
        "reason": message.rating.reason if message.rating else "",
        "comment": message.rating.comment if message.rating else "",
        "correction": correction
        and {
            "question": correction.question,
            "answer": correction.answer,
            "why": correction.why,
            "by": correction.by,
            "state": correction.state,
        },
    }


EMPTY: Final = tuple(
    told(Conversation("", "", "", "", now(), now()), "", Message("", "", "bot", "", now()), None)
)  # the names of a line's columns


def flat(row: Mapping[str, Any]) -> list[object]:
    """The same for a table: what has parts is JSON."""
    return [
        json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value
        for value in row.values()
    ]


def _said(*conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """A conversation with such a message."""
    return sa.exists().where(MessageRow.conversation_id == ConversationRow.id, *conditions)


def _afresh(session: Session, question: MessageRow) -> int:
    """The position behind which a question's history began: where the conversation was resolved before it."""
    closed = sa.select(sa.func.max(HandoffRow.closed_after)).where(
        HandoffRow.conversation_id == question.conversation_id,
        HandoffRow.outcome.in_(FRESH),
        HandoffRow.closed_after < question.position,
    )
    resolved = sa.select(ConversationRow.resolved_after).where(
        ConversationRow.id == question.conversation_id, ConversationRow.resolved_after < question.position
    )
    return max(session.scalar(closed) or 0, session.scalar(resolved) or 0)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _view(row: ViewRow) -> View:
    return View(row.id, row.name, Wanted.of(cast("Mapping[str, Any]", row.query)), row.by, row.at)
