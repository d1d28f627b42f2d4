"""How long words are kept, and how a customer is forgotten.

    words     live for `retention.days`; what they cost and how they were liked stays, for the overview
    erasure   takes a customer's conversations whole: messages, ratings, notes, deliveries, shadow answers,
              candidates that came of them, pairs that these became; adapters that were taught one are marked

Exports are written when somebody asks and kept nowhere, so what is erased is in none that is made later. The
audit says that it was done, by whom, and how much it was; never what was said.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot.access import audit
from bot.answering.shelf import Shelf
from bot.conversations.conversation import UnknownConversation
from bot.jobs import Progress, Task
from bot.store import reading, words, writing
from bot.store.tables import (
    CandidateRow,
    ConversationRow,
    DeliveryRow,
    FeedbackRow,
    HandoffRow,
    JobRow,
    MessageRow,
    NoteRow,
    PairRow,
    ShadowRow,
)
from knowledge_base.database import now
from strategies.lora.shelf import Adapter
from strategies.lora.trust.lessons import KNOWN

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


@dataclass(frozen=True)
class Erased:
    """What was forgotten. `adapters` are those that were marked: only training anew makes them forget."""

    conversations: tuple[str, ...]
    messages: int = 0
    candidates: int = 0
    pairs: int = 0
    adapters: tuple[str, ...] = ()


class Retention:
    """`days` is how long words live; 0 keeps them."""

    def __init__(self, engine: sa.Engine, days: int, shelf: Shelf) -> None:
        self._engine = engine
        self.days = days
        self._shelf = shelf

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
        self._wipe()
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
            _forget_freed_pages(session)
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

    # ---- a customer who is to be forgotten ----

    def conversations_of(self, customer_id: str) -> list[str]:
        """Those of a customer whose site signed who they are."""
        whose = sa.select(ConversationRow.id).where(ConversationRow.customer["id"].as_string() == customer_id)
        with reading(self._engine) as session:
            return list(session.scalars(whose))

    def of_the_same_customer(self, conversation_id: str) -> list[str]:
        """This conversation, and the others of its customer where their site signed who that is."""
        with reading(self._engine) as session:
            row = session.get(ConversationRow, conversation_id)
            if row is None:
                raise UnknownConversation(f"there is no conversation {conversation_id!r}")
            signed = str(row.customer.get("id", ""))
        return sorted({conversation_id, *(self.conversations_of(signed) if signed else ())})

    def erase(self, conversation_ids: Collection[str], *, by: str) -> Erased:
        """Forget these conversations and all that came of them. UnknownConversation when there are none."""
        ids = sorted(set(conversation_ids))
        with writing(self._engine) as session:
            _forget_freed_pages(session)
            known = list(session.scalars(sa.select(ConversationRow.id).where(ConversationRow.id.in_(ids))))
            if not known or len(known) < len(ids):
                missing = next((each for each in ids if each not in known), "")
                raise UnknownConversation(f"there is no conversation {missing!r}")
            came_of = list(
                session.scalars(sa.select(CandidateRow).where(CandidateRow.conversation_id.in_(ids)))
            )
            pairs = list(
                session.scalars(
                    sa.select(PairRow).where(PairRow.id.in_([row.pair_id for row in came_of if row.pair_id]))
                )
            )
            said = {(row.question, row.answer) for row in pairs}
            taught = self._taught(said | {(row.question, row.answer) for row in came_of})
            # Marked first: what is taught on survives a crash between the two, and is told all the same.
            self._shelf.mark(taught, WHY)
            messages = session.scalar(
                sa.select(sa.func.count()).select_from(MessageRow).where(MessageRow.conversation_id.in_(ids))
            )
            for row in (*came_of, *pairs):
                session.delete(row)
            session.execute(sa.delete(ConversationRow).where(ConversationRow.id.in_(ids)))
            erased = Erased(
                tuple(ids),
                messages or 0,
                len(came_of),
                len(pairs),
                tuple(adapter.called for adapter in taught),
            )
            figures = {name: value for name, value in asdict(erased).items() if name != "conversations"}
            for each in ids:
                audit.note(session, by, "erase conversation", each, **figures)
        self._wipe()
        return erased

    def _taught(self, pairs: set[tuple[str, str]]) -> list[Adapter]:
        """The adapters that say they were taught one of these."""
        return [adapter for adapter in self._shelf.all() if pairs and pairs & _lessons(adapter.path)]

    def _wipe(self) -> None:
        """SQLite keeps what was deleted in its index of words and in its log until these are written anew."""
        words.clear(self._engine)
        if self._engine.dialect.name == "sqlite":
            with self._engine.connect() as connection:
                connection.connection.driver_connection.execute(  # type: ignore[union-attr]
                    "PRAGMA wal_checkpoint(TRUNCATE)"
                )


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


def _forget_freed_pages(session: Session) -> None:
    """SQLite overwrites what is deleted from here on; without this it only forgets where it was."""
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")


def _lessons(adapter: Path) -> set[tuple[str, str]]:
    """The questions and answers that an adapter was taught, where it says so."""
    try:
        rows = [json.loads(line) for line in (adapter / KNOWN).read_text("utf-8").splitlines()]
        return {(str(row["question"]), str(row["answer"])) for row in rows}
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, KeyError, TypeError):
        log.warning("what the adapter in %r was taught cannot be read", str(adapter))
        return set()
