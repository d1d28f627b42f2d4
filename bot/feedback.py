"""What customers say about an answer: a thumb, with a reason. One per message; the last word counts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

Value = Literal["up", "down"]


@dataclass(frozen=True)
class Rating:
    value: Value
    reason: str
    comment: str
    updated_at: datetime


class UnknownMessage(LookupError):
    """There is no such answer."""


class Feedback:
    def __init__(self, engine: sa.Engine) -> None: ...

    def give(self, message_id: str, value: Value | None, reason: str = "", comment: str = "") -> Rating | None:
        """Rate an answer; None takes the thumb back. UnknownMessage when there is no such answer."""
        raise NotImplementedError
