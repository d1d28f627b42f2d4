"""Who did what: sign-ins, switches, uploads, removals, new users. Written once, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot.store import reading, writing
from bot.store.tables import AuditRow
from knowledge_base.database import now


@dataclass(frozen=True)
class Entry:
    """One line. `what` says what was done: "sign in", "switch", "upload", "remove", "add user" …"""

    id: int
    who: str
    what: str
    subject: str
    detail: Mapping[str, Any]
    at: datetime


class Audit:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def note(self, who: str, what: str, subject: str = "", **detail: Any) -> None:
        """Write one line."""
        with writing(self._engine) as session:
            note(session, who, what, subject, **detail)

    def page(self, limit: int = 100) -> list[Entry]:
        """The newest lines first."""
        with reading(self._engine) as session:
            rows = session.scalars(sa.select(AuditRow).order_by(AuditRow.id.desc()).limit(limit))
            return [Entry(row.id, row.who, row.what, row.subject, row.detail, row.at) for row in rows]


def note(session: Session, who: str, what: str, subject: str = "", **detail: Any) -> None:
    """Write one line in the transaction of what it is about."""
    session.add(AuditRow(who=who, what=what, subject=subject, detail=detail, at=now()))
