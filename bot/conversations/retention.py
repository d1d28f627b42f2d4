"""How long words are kept: `retention.days`. What they cost and how they were liked stays, for the overview.

A customer who is to be forgotten does not wait for that (`erasure`). The audit says that it was done and how
much it was; never what was said.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot.access import audit
from bot.jobs import Progress, Task
from bot.store import forgetting, reading, wipe, writing
from bot.store.tables import (
    ConversationRow,
    DeliveryRow,
    FeedbackRow,
    HandoffRow,
    JobRow,
    MessageRow,
    NoteRow,
    ShadowRow,
)
from knowledge_base.database import now

log = logging.getLogger(__name__)

KIND: Final = "retention"
AT_ONCE = 200  # messages in one transaction
EVERY = timedelta(hours=12)
WHY = "a customer it was taught from was erased"


@dataclass(frozen=True)
class Expired:
    """Whose words have had their time: what was said before `before`. None of it while nothing expires."""

    before: datetime | None
    messages: int = 0
    conversations: int = 0


class Retention:
    """`days` is how long words live; 0 keeps them."""

    def __init__(self, engine: sa.Engine, days: int) -> None:
        self._engine = engine
        self.days = days

    # ---- words that have had their time ----

    def expired(self) -> Expired:
        """What `run` would take, and takes nothing."""
        if not self.days:
            return Expired(None)
        before = now() - timedelta(days=self.days)
        counted = sa.select(sa.func.count(), sa.func.count(sa.distinct(MessageRow.conversation_id))).where(
            *_due(before)
        )
        with reading(self._engine) as session:
            messages, conversations = session.execute(counted).one()
        return Expired(before, messages, conversations)

    def run(self, by: str = KIND, progress: Progress = lambda _step, _share: None) -> Expired:
        """Take the words that have had their time, some at a time; a second run finds nothing."""
        told = self.expired()
        if told.before is None or not told.messages:
            return told
        done = 0
        while taken := self._take(told.before):
            done += taken
            progress("taking words that have had their time", done / max(told.messages, done))
        with writing(self._engine) as session:
            _take_around(session, told.before)
            audit.note(
                session, by, "retention", days=self.days, messages=done, conversations=told.conversations
            )
        wipe(self._engine)
        return Expired(told.before, done, told.conversations)

    def work(self, _arguments: Mapping[str, Any], progress: Progress) -> None:
        """The job of it."""
        self.run(progress=progress)

    def due(self) -> Sequence[Task]:
        """What a minute's tick hands over: a run now and then, when there is something to take."""
        if not self.days or self._ran_lately() or not self.expired().messages:
            return []
        return [(KIND, {})]

    def _ran_lately(self) -> bool:
        newest = sa.select(sa.func.max(JobRow.created_at)).where(JobRow.kind == KIND)
        with reading(self._engine) as session:
            last = session.scalar(newest)
        return last is not None and now() - last < EVERY

    def _take(self, before: datetime) -> int:
        """Some messages; how many."""
        with writing(self._engine) as session:
            forgetting(session)
            rows = list(
                session.scalars(
                    sa.select(MessageRow).where(*_due(before)).order_by(MessageRow.position).limit(AT_ONCE)
                )
            )
            moment = now()
            for row in rows:
                row.text, row.decisions, row.erased_at = "", [], moment
                row.error = row.error.split(":")[0]
            ids = [row.id for row in rows]
            for table, emptied in ((FeedbackRow, {"comment": ""}), (ShadowRow, {"text": "", "error": ""})):
                session.execute(sa.update(table).where(table.message_id.in_(ids)).values(emptied))
            return len(rows)


def _due(before: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return MessageRow.at < before, MessageRow.erased_at.is_(None)


def _take_around(session: Session, before: datetime) -> None:
    """Who a customer was and what was noted of them, once their last word has had its time."""
    old = sa.select(ConversationRow.id).where(ConversationRow.updated_at < before)
    session.execute(
        sa.update(ConversationRow)
        .where(ConversationRow.updated_at < before)
        .values(customer={}, seen_on={}, stars_why="")
    )
    session.execute(
        sa.update(HandoffRow).where(HandoffRow.conversation_id.in_(old)).values(email="", detail="")
    )
    session.execute(sa.delete(NoteRow).where(NoteRow.conversation_id.in_(old)))
    session.execute(sa.delete(DeliveryRow).where(DeliveryRow.conversation_id.in_(old)))
