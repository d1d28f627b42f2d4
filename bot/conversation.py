"""Conversations and what was said in them, read back as frozen values, never as database rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from bot.record import Message, Record, Role, Shown, from_row, to_row
from bot.store import reading, writing
from bot.store.tables import ConversationRow, FeedbackRow, MessageRow
from knowledge_base.database import now
from strategies.base import Turn

__all__ = ["Conversation", "Conversations", "Message", "Record", "Shown", "UnknownConversation"]


@dataclass(frozen=True)
class Conversation:
    """A customer's conversation.

    `messages` is filled by `get`; a page of conversations has the summary alone.
    """

    id: str
    site: str
    language: str
    channel: str
    started_at: datetime
    updated_at: datetime
    resolved_at: datetime | None = None
    opening: str = ""  # the first question
    count: int = 0  # messages
    strategies: tuple[str, ...] = ()  # who answered, by name
    ups: int = 0
    downs: int = 0
    messages: tuple[Message, ...] = field(default=(), repr=False)


class UnknownConversation(LookupError):
    """There is no such conversation."""


class Conversations:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def start(self, site: str = "", language: str = "en", channel: str = "web") -> Conversation:
        """A new, empty conversation with an id that cannot be guessed."""
        moment = now()
        row = ConversationRow(
            id=uuid4().hex,
            site=site,
            language=language,
            channel=channel,
            started_at=moment,
            updated_at=moment,
            resolved_after=0,
        )
        with writing(self._engine) as session:
            session.add(row)
            return _conversation(row)

    def get(self, conversation_id: str) -> Conversation:
        """The whole of it, or UnknownConversation."""
        with reading(self._engine) as session:
            rows = selectinload(ConversationRow.messages).selectinload(MessageRow.feedback)
            row = session.get(ConversationRow, conversation_id, options=[rows])
            if row is None:
                raise _unknown(conversation_id)
            messages = tuple(from_row(said) for said in row.messages)
        return _conversation(row, messages=messages, **_summary(messages))

    def language(self, conversation_id: str) -> str:
        """The language in which it was started, or UnknownConversation."""
        with reading(self._engine) as session:
            chosen = sa.select(ConversationRow.language).where(ConversationRow.id == conversation_id)
            language = session.scalar(chosen)
        if language is None:
            raise _unknown(conversation_id)
        return language

    def page(
        self, query: str = "", strategy: str = "", limit: int = 50, before: str | None = None
    ) -> list[Conversation]:
        """Those spoken in last come first; `before` is the id of the last one on the page above."""
        rows = sa.select(ConversationRow).order_by(
            ConversationRow.updated_at.desc(), ConversationRow.id.desc()
        )
        if query:
            rows = rows.where(_has(MessageRow.text.icontains(query, autoescape=True)))
        if strategy:
            rows = rows.where(_has(MessageRow.strategy == strategy))
        if before:
            place = sa.tuple_(ConversationRow.updated_at, ConversationRow.id)
            last = sa.select(ConversationRow.updated_at, ConversationRow.id).where(
                ConversationRow.id == before
            )
            rows = rows.where(place < last.scalar_subquery())
        with reading(self._engine) as session:
            found = list(session.scalars(rows.limit(limit)))
            told = _summaries(session, [row.id for row in found])
            return [_conversation(row, **told[row.id]) for row in found]

    def resolve(self, conversation_id: str) -> None:
        """What comes after starts afresh: earlier turns are no longer history."""
        last = (
            sa.select(sa.func.max(MessageRow.position))
            .where(MessageRow.conversation_id == conversation_id)
            .scalar_subquery()
        )
        with writing(self._engine) as session:
            _change(session, conversation_id, resolved_at=now(), resolved_after=sa.func.coalesce(last, 0))

    def begin_turn(
        self, conversation_id: str, text: str, language: str, *, turns: int, seconds: float
    ) -> tuple[Turn, ...] | None:
        """Keep the question and claim the conversation for `seconds`: the history so far.

        None when the answer before is still being written. The claim ends with `end_turn`, or by itself
        after a crash.
        """
        moment = now()
        free = sa.or_(ConversationRow.answering_until.is_(None), ConversationRow.answering_until < moment)
        claim = (
            sa.update(ConversationRow)
            .where(ConversationRow.id == conversation_id, free)
            .values(answering_until=moment + timedelta(seconds=seconds), updated_at=moment)
            .returning(ConversationRow.resolved_after)
        )
        with writing(self._engine) as session:
            resolved_after = session.scalar(claim)
            if resolved_after is None:
                return None
            history = _history(session, conversation_id, resolved_after, turns)
            session.add(
                MessageRow(
                    id=uuid4().hex,
                    conversation_id=conversation_id,
                    role="customer",
                    text=text,
                    language=language,
                    at=moment,
                )
            )
            return history

    def end_turn(self, conversation_id: str, record: Record) -> None:
        """Keep the answer and free the conversation, both or neither."""
        with writing(self._engine) as session:
            session.add(to_row(conversation_id, record))
            _change(session, conversation_id, answering_until=None, updated_at=now())


def _conversation(row: ConversationRow, **told: Any) -> Conversation:
    return Conversation(
        id=row.id,
        site=row.site,
        language=row.language,
        channel=row.channel,
        started_at=row.started_at,
        updated_at=row.updated_at,
        resolved_at=row.resolved_at,
        **told,
    )


def _summary(messages: Sequence[Message]) -> dict[str, Any]:
    """What a page tells of a conversation, from its messages."""
    rated = [message.rating.value for message in messages if message.rating]
    return {
        "opening": next((message.text for message in messages if message.role == "customer"), ""),
        "count": len(messages),
        "strategies": tuple(dict.fromkeys(message.strategy for message in messages if message.strategy)),
        "ups": rated.count("up"),
        "downs": rated.count("down"),
    }


def _summaries(session: Session, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The same for a whole page, without reading every answer."""
    messages: dict[str, list[Any]] = {conversation_id: [] for conversation_id in ids}
    said = (
        sa.select(MessageRow.conversation_id, MessageRow.role, MessageRow.strategy, FeedbackRow.value)
        .outerjoin(FeedbackRow)
        .where(MessageRow.conversation_id.in_(ids))
        .order_by(MessageRow.position)
    )
    for line in session.execute(said):
        messages[line.conversation_id].append(line)
    openings = _openings(session, ids)
    return {
        conversation_id: {
            "opening": openings.get(conversation_id, ""),
            "count": len(lines),
            "strategies": tuple(dict.fromkeys(line.strategy for line in lines if line.strategy)),
            "ups": sum(line.value == "up" for line in lines),
            "downs": sum(line.value == "down" for line in lines),
        }
        for conversation_id, lines in messages.items()
    }


def _openings(session: Session, ids: Sequence[str]) -> dict[str, str]:
    first = (
        sa.select(sa.func.min(MessageRow.position))
        .where(MessageRow.conversation_id.in_(ids), MessageRow.role == "customer")
        .group_by(MessageRow.conversation_id)
    )
    rows = sa.select(MessageRow.conversation_id, MessageRow.text).where(MessageRow.position.in_(first))
    return {row.conversation_id: row.text for row in session.execute(rows)}


def _history(session: Session, conversation_id: str, after: int, turns: int) -> tuple[Turn, ...]:
    """The last `turns` things said since the last resolution, oldest first.

    An answer that said nothing is none.
    """
    said = (
        sa.select(MessageRow.role, MessageRow.text)
        .where(
            MessageRow.conversation_id == conversation_id,
            MessageRow.position > after,
            MessageRow.text != "",
        )
        .order_by(MessageRow.position.desc())
        .limit(turns)
    )
    return tuple(Turn(cast("Role", role), text) for role, text in session.execute(said))[::-1]


def _has(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """A conversation with such a message."""
    return sa.exists().where(MessageRow.conversation_id == ConversationRow.id, condition)


def _change(session: Session, conversation_id: str, **values: Any) -> None:
    changed = sa.update(ConversationRow).where(ConversationRow.id == conversation_id).values(values)
    if session.scalar(changed.returning(ConversationRow.id)) is None:
        raise _unknown(conversation_id)


def _unknown(conversation_id: str) -> UnknownConversation:
    return UnknownConversation(f"there is no conversation {conversation_id!r}")
