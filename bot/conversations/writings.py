"""Answers that one process writes while their customer reads at another: a second tab, a line that came back.

    reader elsewhere ── wants ─▶ a row ◀─ looks, now and then ── writer
          ▲                        │ ◀─ tells what it has so far ──┘
          └──── looks ─────────────┘    … and takes the row away when the answer is kept

A row is there only while somebody elsewhere reads, so an answer that is read where it is written costs no
more than the writer's look; where there is one process alone, nobody looks. It holds words of a conversation:
it goes with that, and what a crash left behind goes some minutes later.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot.store import reading, writing
from bot.store.tables import ConversationRow, WritingRow
from knowledge_base.database import insert_new, now

WANTED: Final = timedelta(seconds=6)  # a reader says it again well before
AGAIN_SECONDS: Final = 2.0
ANSWERED: Final = timedelta(seconds=20)  # a writer says it again well before
LEFT_BEHIND: Final = timedelta(minutes=10)


@dataclass(frozen=True)
class Partial:
    """What there is of an answer, citations as its customer sees them; nothing yet without a `message_id`."""

    message_id: str = ""
    text: str = ""
    citations: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


@dataclass(frozen=True)
class Wish:
    """What is wanted of a conversation's answer: to read it, or that it stops."""

    question_id: str
    stopped: str = ""  # the answer's id


class Writings:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    # ---- where it is read ----

    def reader(self, conversation_id: str, question_id: str) -> Callable[[], Partial]:
        """Somebody reads the answer to this question here: call it for what has been told until then."""
        self.want(conversation_id, question_id)
        wanted = time.monotonic()

        def look() -> Partial:
            nonlocal wanted
            if time.monotonic() - wanted > AGAIN_SECONDS:
                wanted = time.monotonic()
                self._still_want(conversation_id)
            return self.look(conversation_id, question_id)

        return look

    def want(self, conversation_id: str, question_id: str) -> None:
        """Somebody reads the answer to this question here, for some seconds from now."""
        mine = WritingRow.conversation_id == conversation_id
        with writing(self._engine) as session:
            _open(session, conversation_id, question_id)
            session.execute(
                sa.update(WritingRow)
                .where(mine, WritingRow.question_id != question_id)
                .values(question_id=question_id, message_id="", text="", citations=[])
            )

    def look(self, conversation_id: str, question_id: str) -> Partial:
        """What has been told of the answer to this question."""
        with reading(self._engine) as session:
            row = session.get(WritingRow, conversation_id)
            if row is None or row.question_id != question_id:
                return Partial()
            return Partial(row.message_id, row.text, tuple(row.citations))

    def stop(self, conversation_id: str, message_id: str) -> bool:
        """Its customer wants no more of this answer. False when nobody is being answered."""
        answering = sa.select(ConversationRow.id).where(
            ConversationRow.id == conversation_id, ConversationRow.answering_until > now()
        )
        with writing(self._engine) as session:
            if session.scalar(answering) is None:
                return False
            _open(session, conversation_id, "")
            session.execute(
                sa.update(WritingRow)
                .where(WritingRow.conversation_id == conversation_id)
                .values(stopped=message_id)
            )
        return True

    def _still_want(self, conversation_id: str) -> None:
        """Not anew once the answer is over."""
        with writing(self._engine) as session:
            session.execute(
                sa.update(WritingRow)
                .where(WritingRow.conversation_id == conversation_id)
                .values(wanted_until=now() + WANTED)
            )

    # ---- where it is written ----

    def wishes(self, conversation_ids: Collection[str]) -> dict[str, Wish]:
        """What is wanted of these conversations, by id."""
        wanted = sa.select(WritingRow.conversation_id, WritingRow.question_id, WritingRow.stopped).where(
            WritingRow.conversation_id.in_(conversation_ids), WritingRow.wanted_until > now()
        )
        with reading(self._engine) as session:
            return {
                row.conversation_id: Wish(row.question_id, row.stopped) for row in session.execute(wanted)
            }

    def go_on(self, conversation_ids: Collection[str]) -> None:
        """These are still being answered; when nobody says so any longer, their customers may ask again."""
        claimed = sa.update(ConversationRow).where(
            ConversationRow.id.in_(conversation_ids), ConversationRow.answering_until.is_not(None)
        )
        with writing(self._engine) as session:
            session.execute(claimed.values(answering_until=now() + ANSWERED))

    def tell(self, conversation_id: str, question_id: str, partial: Partial) -> None:
        """What there is so far."""
        with writing(self._engine) as session:
            session.execute(
                sa.update(WritingRow)
                .where(WritingRow.conversation_id == conversation_id, WritingRow.question_id == question_id)
                .values(message_id=partial.message_id, text=partial.text, citations=list(partial.citations))
            )

    def over(self, conversation_id: str) -> None:
        """The answer is kept, or nobody waits for it any longer."""
        with writing(self._engine) as session:
            session.execute(sa.delete(WritingRow).where(WritingRow.conversation_id == conversation_id))

    def tidy(self) -> None:
        """Take away what a crash left behind."""
        with writing(self._engine) as session:
            session.execute(sa.delete(WritingRow).where(WritingRow.wanted_until < now() - LEFT_BEHIND))


def _open(session: Session, conversation_id: str, question_id: str) -> None:
    """The row of a conversation, wanted for some seconds more."""
    until = now() + WANTED
    row = {
        "conversation_id": conversation_id,
        "question_id": question_id,
        "wanted_until": until,
        "stopped": "",
        "message_id": "",
        "text": "",
        "citations": [],
    }
    insert_new(session.connection(), WritingRow.__table__, [row])  # type: ignore[arg-type]
    session.execute(
        sa.update(WritingRow).where(WritingRow.conversation_id == conversation_id).values(wanted_until=until)
    )
