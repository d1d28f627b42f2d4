"""Conversations and what was said in them, read back as frozen values, never as database rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session, selectinload

from bot.conversations import statements
from bot.conversations.feedback import COMMENT_CHARACTERS
from bot.conversations.question import clean
from bot.conversations.record import Message, Record, Role, Shown, add, from_row, to_values
from bot.store import changed, reading, words, writing
from bot.store.tables import ConversationRow, FeedbackRow, MessageRow
from knowledge_base import database
from knowledge_base.database import now
from strategies.base import Turn

__all__ = ["Conversation", "Conversations", "Message", "Record", "Shown", "UnknownConversation"]


AROUND = 40  # characters before a word that was looked for


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
    customer: Mapping[str, str] = field(default_factory=dict)  # who it is, as their site signed it
    seen_on: Mapping[str, str] = field(default_factory=dict)  # the page they asked from, as it says
    ended_at: datetime | None = None  # by its customer
    stars: int | None = None  # 1 to 5, for the whole of it
    stars_why: str = ""
    opening: str = ""  # the first question
    said: str = ""  # elsewhere than there: a piece of what holds the words that were looked for
    count: int = 0  # messages
    strategies: tuple[str, ...] = ()  # who answered, by name
    ups: int = 0
    downs: int = 0
    messages: tuple[Message, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Opening:
    """How a conversation stands before a question: the language in which it was started, the audience that
    its customer belongs to, as their site signed it, and whether they talk to a person or wait for one.
    """

    language: str
    audience: tuple[str, ...]
    with_a_person: bool


class UnknownConversation(LookupError):
    """There is no such conversation."""


def audience_of(customer: Mapping[str, str]) -> tuple[str, ...]:
    """The groups that a customer is in, as their site signed it."""
    return tuple(filter(None, customer.get("audience", "").split(", ")))


class Conversations:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def start(
        self,
        site: str = "",
        language: str = "en",
        channel: str = "web",
        *,
        customer: Mapping[str, str] | None = None,
        seen_on: Mapping[str, str] | None = None,
    ) -> Conversation:
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
            customer=dict(customer or {}),
            seen_on=dict(seen_on or {}),
            stars_why="",
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

    def since(self, conversation_id: str, position: int) -> tuple[Message, ...]:
        """What was said behind a position."""
        rows = (
            sa.select(MessageRow)
            .where(
                MessageRow.conversation_id == conversation_id,
                MessageRow.position > position,
                ~MessageRow.replaced,
            )
            .options(selectinload(MessageRow.feedback))
            .order_by(MessageRow.position)
        )
        with reading(self._engine) as session:
            return tuple(from_row(row) for row in session.scalars(rows))

    def position(self, conversation_id: str) -> int:
        """Of the last thing said; 0 when nothing was."""
        last = sa.select(sa.func.max(MessageRow.position)).where(
            MessageRow.conversation_id == conversation_id
        )
        with reading(self._engine) as session:
            return session.scalar(last) or 0

    def opening(self, conversation_id: str) -> Opening:
        """What a question is read by, or UnknownConversation."""
        with database.reading(self._engine) as connection:
            row = connection.execute(statements.OPENING, {"conversation": conversation_id}).one_or_none()
        if row is None:
            raise _unknown(conversation_id)
        return Opening(row.language, audience_of(row.customer), row.with_a_person)

    def page(
        self,
        query: str = "",
        strategy: str = "",
        limit: int = 50,
        before: str | None = None,
        *,
        where: Sequence[sa.ColumnElement[bool]] = (),
    ) -> list[Conversation]:
        """Those spoken in last come first; `before` is the id of the last one on the page above.

        Every word of `query` was said in them; `where` are more conditions (`bot.conversations.archive`).
        """
        rows = sa.select(ConversationRow).order_by(
            ConversationRow.updated_at.desc(), ConversationRow.id.desc()
        )
        rows = rows.where(*where)
        rows = rows.where(*words.said_in(self._engine.dialect.name, query))
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
            ids = [row.id for row in found]
            openings = _first(session, ids, MessageRow.role == "customer")
            told = _summaries(session, ids, openings)
            said = _said_of(session, ids, query, openings) if query.strip() else {}
            return [_conversation(row, said=said.get(row.id, ""), **told[row.id]) for row in found]

    def resolve(self, conversation_id: str) -> None:
        """What comes after starts afresh: earlier turns are no longer history."""
        last = (
            sa.select(sa.func.max(MessageRow.position))
            .where(MessageRow.conversation_id == conversation_id)
            .scalar_subquery()
        )
        with writing(self._engine) as session:
            _change(session, conversation_id, resolved_at=now(), resolved_after=sa.func.coalesce(last, 0))

    def end(self, conversation_id: str, stars: int | None, why: str = "") -> None:
        """Its customer has what they came for, or gave up; what comes after starts afresh."""
        self.resolve(conversation_id)
        with writing(self._engine) as session:
            why = clean(why)[:COMMENT_CHARACTERS]
            _change(session, conversation_id, ended_at=now(), stars=stars, stars_why=why)

    def answer_to(self, conversation_id: str, question_id: str) -> Message | None:
        """What was last answered to a question; None when nothing was yet, or nobody asked it here."""
        with reading(self._engine) as session:
            position = _position(session.connection(), conversation_id, question_id)
            if position is None:
                return None
            after = _said(conversation_id).where(MessageRow.position > position)
            following = session.scalar(
                after.with_only_columns(sa.func.min(MessageRow.position)).where(MessageRow.role == "customer")
            )
            if following is not None:
                after = after.where(MessageRow.position < following)
            row = session.scalar(
                after.where(MessageRow.role == "bot").order_by(MessageRow.position.desc()).limit(1)
            )
            return from_row(row) if row else None

    def being_answered(self, conversation_id: str, question_id: str) -> bool:
        """Whether somebody, in whatever process, has begun to answer this question and not ended."""
        claimed = sa.select(ConversationRow.id).where(
            ConversationRow.id == conversation_id, ConversationRow.answering_until > now()
        )
        with reading(self._engine) as session:
            asked = _position(session.connection(), conversation_id, question_id) is not None
            return asked and session.scalar(claimed) is not None

    def free(self) -> None:
        """Nobody is being answered: whatever claims a conversation was left behind by a crash."""
        claimed = sa.update(ConversationRow).where(ConversationRow.answering_until.is_not(None))
        with writing(self._engine) as session:
            session.execute(claimed.values(answering_until=None))

    def begin_turn(
        self,
        conversation_id: str,
        text: str,
        language: str,
        *,
        turns: int,
        seconds: float,
        question_id: str = "",
        replaces: str = "",
    ) -> tuple[Turn, ...] | None:
        """Keep the question and claim the conversation for `seconds`: the history so far.

        None when the answer before is still being written, or the bot is silent for a person. The claim ends
        with `end_turn`, or by itself after a crash. A question that is kept under `question_id` already is
        not kept twice: it is answered anew. One that `replaces` another takes its place, and what was
        answered to that one is no longer history.
        """
        moment = now()
        until = moment + timedelta(seconds=seconds)
        claim = {"conversation": conversation_id, "moment": moment, "until": until}
        said = {"conversation_id": conversation_id, "text": text, "language": language, "at": moment}

        def begin(connection: sa.Connection) -> Sequence[Any] | None:
            resolved_after = connection.scalar(statements.CLAIM, claim)
            if resolved_after is None:
                return None
            if replaces:
                _replace(connection, conversation_id, replaces)
            taken = connection.execute(statements.BY_ID, {"message": question_id}).one_or_none()
            again = taken if taken and taken[:2] == (conversation_id, "customer") else None
            before = again.position if again else statements.LAST
            past = {"conversation": conversation_id, "after": resolved_after, "before": before, "most": turns}
            history = connection.execute(statements.HISTORY, past).all()
            if again is None:
                free = question_id and taken is None
                add(connection, {"id": question_id if free else uuid4().hex, "role": "customer", **said})
            return history

        history = changed(self._engine, begin)
        if history is None:
            return None
        return tuple(Turn(cast("Role", role), text) for role, text in reversed(history))

    def end_turn(self, conversation_id: str, record: Record) -> None:
        """Keep the answer and free the conversation, both or neither."""
        values = to_values(conversation_id, record)

        def end(connection: sa.Connection) -> None:
            # In this order: whoever changes the conversation speaks next, so positions follow one another.
            freed = connection.execute(statements.FREE, {"conversation": conversation_id, "moment": now()})
            if freed.one_or_none() is None:
                raise _unknown(conversation_id)
            add(connection, values)

        changed(self._engine, end)


def _conversation(row: ConversationRow, **told: Any) -> Conversation:
    return Conversation(
        id=row.id,
        site=row.site,
        language=row.language,
        channel=row.channel,
        started_at=row.started_at,
        updated_at=row.updated_at,
        resolved_at=row.resolved_at,
        customer=row.customer,
        seen_on=row.seen_on,
        ended_at=row.ended_at,
        stars=row.stars,
        stars_why=row.stars_why,
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


def _summaries(
    session: Session, ids: Sequence[str], openings: Mapping[str, str]
) -> dict[str, dict[str, Any]]:
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


def _said_of(session: Session, ids: Sequence[str], query: str, openings: Mapping[str, str]) -> dict[str, str]:
    """Of each conversation the first thing said that holds a word of the query; "" for its first question,
    which stands there anyway.
    """
    holding = _first(session, ids, words.says(session.get_bind().dialect.name, query))
    return {id_: "" if text == openings.get(id_) else excerpt(text, query) for id_, text in holding.items()}


def excerpt(text: str, query: str) -> str:
    """What stands around the first word of the query, as far as it stands there letter by letter."""
    folded = text.casefold()
    places = [at for word in query.casefold().split() if (at := folded.find(word)) >= 0]
    begin = max(min(places, default=0) - AROUND, 0)
    end = begin + 4 * AROUND
    return f"{'…' if begin else ''}{text[begin:end].strip()}{'…' if end < len(text) else ''}"


def _first(session: Session, ids: Sequence[str], which: sa.ColumnElement[bool]) -> dict[str, str]:
    """The first of such messages in each of the conversations."""
    first = (
        sa.select(sa.func.min(MessageRow.position))
        .where(MessageRow.conversation_id.in_(ids), which)
        .group_by(MessageRow.conversation_id)
    )
    rows = sa.select(MessageRow.conversation_id, MessageRow.text).where(MessageRow.position.in_(first))
    return {row.conversation_id: row.text for row in session.execute(rows)}


def _said(conversation_id: str) -> sa.Select[MessageRow]:
    return sa.select(MessageRow).where(MessageRow.conversation_id == conversation_id)


def _position(connection: sa.Connection, conversation_id: str, question_id: str) -> int | None:
    """Where a customer's question stands in its conversation, if it does."""
    found = connection.execute(statements.BY_ID, {"message": question_id}).one_or_none()
    return found.position if found and found[:2] == (conversation_id, "customer") else None


def _replace(connection: sa.Connection, conversation_id: str, question_id: str) -> None:
    """The customer asks this in other words; what was answered to it goes with it."""
    position = _position(connection, conversation_id, question_id)
    if position is not None:
        behind = sa.and_(MessageRow.conversation_id == conversation_id, MessageRow.position >= position)
        connection.execute(
            sa.update(MessageRow)
            .where(behind, MessageRow.role.in_(("customer", "bot")))
            .values(replaced=True)
        )


def _has(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """A conversation with such a message."""
    return sa.exists().where(MessageRow.conversation_id == ConversationRow.id, condition)


def _change(session: Session, conversation_id: str, **values: Any) -> None:
    changed = sa.update(ConversationRow).where(ConversationRow.id == conversation_id).values(values)
    if session.scalar(changed.returning(ConversationRow.id)) is None:
        raise _unknown(conversation_id)


def _unknown(conversation_id: str) -> UnknownConversation:
    return UnknownConversation(f"there is no conversation {conversation_id!r}")
