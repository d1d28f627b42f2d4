"""What customers say about an answer: a thumb, with a reason. One per message; the last word counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

import sqlalchemy as sa

from bot.conversations.question import clean
from bot.store import writing
from bot.store.tables import FeedbackRow, MessageRow
from knowledge_base.database import now

Value = Literal["up", "down"]
REASON_CHARACTERS = 200
COMMENT_CHARACTERS = 2000


@dataclass(frozen=True)
class Rating:
    value: Value
    reason: str
    comment: str
    updated_at: datetime


class UnknownMessage(LookupError):
    """There is no such answer."""


class Feedback:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def give(
        self, message_id: str, value: Value | None, reason: str = "", comment: str = ""
    ) -> Rating | None:
        """Rate an answer; None takes the thumb back. UnknownMessage when there is no such answer."""
        with writing(self._engine) as session:
            answer = sa.select(MessageRow.id).where(MessageRow.id == message_id, MessageRow.role == "bot")
            if session.scalar(answer.with_for_update()) is None:  # one thumb after the other
                raise UnknownMessage(f"there is no answer {message_id!r}")
            row = session.get(FeedbackRow, message_id)
            if value is None:
                if row is not None:
                    session.delete(row)
                return None
            row = row or FeedbackRow(message_id=message_id)
            row.value = value
            row.reason = clean(reason)[:REASON_CHARACTERS]
            row.comment = clean(comment)[:COMMENT_CHARACTERS]
            row.updated_at = now()
            session.add(row)
            return rating(row)


def rating(row: FeedbackRow) -> Rating:
    return Rating(cast("Value", row.value), row.reason, row.comment, row.updated_at)
