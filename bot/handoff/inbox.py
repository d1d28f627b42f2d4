"""The desk's inbox: which conversations wait, which are whose, what is new in them, and colleagues' notes.

Notes are kept apart from messages, so that nothing that reads a conversation for its customer can show one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot.conversations.question import clean
from bot.handoff.handoffs import Handoff, handoff
from bot.handoff.presence import Looker, lookers
from bot.store import reading, writing
from bot.store.tables import ConversationRow, HandoffRow, LookRow, MessageRow, NoteRow, UserRow
from knowledge_base.database import now

Box = Literal["waiting", "mine", "all"]
BOXES: tuple[Box, ...] = ("waiting", "mine", "all")
NOTE_CHARACTERS = 4000
PAGE = 100


@dataclass(frozen=True)
class Entry:
    """A conversation as the list shows it. `unread`: the customer's messages that its reader has not seen."""

    id: str
    language: str
    site: str
    updated_at: datetime
    handoff: Handoff | None
    said: str  # last, by its customer or by the desk
    role: str  # … and who that was
    unread: int
    lookers: tuple[Looker, ...]


@dataclass(frozen=True)
class Counts:
    """What the boxes hold; `unread` are messages in chats of one's own."""

    waiting: int
    mine: int
    unread: int


@dataclass(frozen=True)
class Note:
    id: int
    by: str
    text: str
    at: datetime


class Inbox:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def box(self, box: Box, user_id: str, limit: int = PAGE) -> list[Entry]:
        """Who waits longest comes first; in `all`, who was spoken with last."""
        rows = (
            sa.select(ConversationRow, HandoffRow, UserRow.email)
            .outerjoin(
                HandoffRow,
                sa.and_(HandoffRow.conversation_id == ConversationRow.id, HandoffRow.state != "closed"),
            )
            .outerjoin(UserRow, UserRow.id == HandoffRow.operator)
            .limit(limit)
        )
        if box == "waiting":
            rows = rows.where(HandoffRow.state.in_(("waiting", "left"))).order_by(HandoffRow.asked_at)
        elif box == "mine":
            rows = rows.where(_of(user_id)).order_by(HandoffRow.asked_at)
        else:
            spoken = sa.exists().where(MessageRow.conversation_id == ConversationRow.id)
            rows = rows.where(spoken).order_by(ConversationRow.updated_at.desc())
        with reading(self._engine) as session:
            return _entries(session, list(session.execute(rows)), user_id)

    def counts(self, user_id: str) -> Counts:
        waiting = sa.select(sa.func.count()).where(HandoffRow.state.in_(("waiting", "left")))
        mine = sa.select(HandoffRow.conversation_id).where(_of(user_id))
        with reading(self._engine) as session:
            ids = list(session.scalars(mine))
            unread = sum(_unread(session, ids, user_id).values())
            return Counts(session.scalar(waiting) or 0, len(ids), unread)

    def notes(self, conversation_id: str) -> list[Note]:
        rows = sa.select(NoteRow).where(NoteRow.conversation_id == conversation_id).order_by(NoteRow.id)
        with reading(self._engine) as session:
            return [Note(row.id, row.by, row.text, row.at) for row in session.scalars(rows)]

    def note(self, conversation_id: str, by: str, text: str) -> None:
        """For colleagues alone."""
        if text := clean(text)[:NOTE_CHARACTERS]:
            with writing(self._engine) as session:
                session.add(NoteRow(conversation_id=conversation_id, by=by, text=text, at=now()))


def _of(user_id: str) -> sa.ColumnElement[bool]:
    return sa.and_(HandoffRow.state == "person", HandoffRow.operator == user_id)


def _entries(session: Session, rows: Sequence[Sequence[Any]], user_id: str) -> list[Entry]:
    ids = [conversation.id for conversation, _, _ in rows]
    unread, looking, last = _unread(session, ids, user_id), lookers(session, ids), _last(session, ids)
    return [
        Entry(
            id=conversation.id,
            language=conversation.language,
            site=conversation.site,
            updated_at=conversation.updated_at,
            handoff=handoff(row, email or "") if row is not None else None,
            said=last.get(conversation.id, ("", ""))[1],
            role=last.get(conversation.id, ("", ""))[0],
            unread=unread.get(conversation.id, 0),
            lookers=tuple(looking.get(conversation.id, ())),
        )
        for conversation, row, email in rows
    ]


def _unread(session: Session, ids: Sequence[str], user_id: str) -> dict[str, int]:
    """What their customers wrote since this reader looked last, in handoffs that are open."""
    unseen = (
        sa.select(MessageRow.conversation_id, sa.func.count())
        .join(
            HandoffRow,
            sa.and_(HandoffRow.conversation_id == MessageRow.conversation_id, HandoffRow.state != "closed"),
        )
        .outerjoin(
            LookRow,
            sa.and_(LookRow.conversation_id == MessageRow.conversation_id, LookRow.user_id == user_id),
        )
        .where(
            MessageRow.conversation_id.in_(ids),
            MessageRow.role == "customer",
            MessageRow.position > sa.func.coalesce(LookRow.read_to, 0),
        )
        .group_by(MessageRow.conversation_id)
    )
    return {row[0]: row[1] for row in session.execute(unseen)}


def _last(session: Session, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """What its customer or the desk said last: what the bot answered is no news to an operator."""
    newest = (
        sa.select(sa.func.max(MessageRow.position))
        .where(MessageRow.conversation_id.in_(ids), MessageRow.role != "bot", MessageRow.text != "")
        .group_by(MessageRow.conversation_id)
    )
    rows = sa.select(MessageRow).where(MessageRow.position.in_(newest))
    return {row.conversation_id: (row.role, row.text) for row in session.scalars(rows)}
