"""Who did what: switches, uploads, removals, new users, sign-ins. Written once, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot.store import reading, writing
from bot.store.tables import AuditRow
from knowledge_base.database import now

ITSELF: Final = "kotae"  # whose name stands where nobody asked for it


@dataclass(frozen=True)
class Entry:
    """One line. `what` says what was done: "switch", "upload", "remove", "add user" …"""

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

    def page(
        self,
        limit: int = 100,
        *,
        who: str = "",
        what: str = "",
        subject: str = "",
        first: datetime | None = None,
        until: datetime | None = None,
        before: int | None = None,
    ) -> list[Entry]:
        """The newest lines first: those of `who`, that did `what`, to `subject`; `before` is the id of the
        last one on the page above.
        """
        wanted: list[sa.ColumnElement[bool]] = []
        if who:
            wanted.append(AuditRow.who == who)
        if what:
            wanted.append(AuditRow.what == what)
        if subject:
            wanted.append(AuditRow.subject.icontains(subject, autoescape=True))
        if first:
            wanted.append(AuditRow.at >= first)
        if until:
            wanted.append(AuditRow.at < until)
        if before:
            wanted.append(AuditRow.id < before)
        with reading(self._engine) as session:
            rows = session.scalars(
                sa.select(AuditRow).where(*wanted).order_by(AuditRow.id.desc()).limit(limit)
            )
            return [Entry(row.id, row.who, row.what, row.subject, row.detail, row.at) for row in rows]

    def known(self) -> tuple[list[str], list[str]]:
        """Everybody who did something, and everything that was done."""
        with reading(self._engine) as session:
            who = session.scalars(sa.select(AuditRow.who).distinct().order_by(AuditRow.who))
            what = session.scalars(sa.select(AuditRow.what).distinct().order_by(AuditRow.what))
            return list(who), list(what)


def noted(session: Session, what: str, subject: str, since: datetime) -> bool:
    """Whether there is such a line since then."""
    line = sa.exists().where(AuditRow.what == what, AuditRow.subject == subject, AuditRow.at > since)
    return bool(session.scalar(sa.select(line)))


def note(session: Session, who: str, what: str, subject: str = "", **detail: Any) -> None:
    """Write one line in the transaction of what it is about."""
    session.add(AuditRow(who=who, what=what, subject=subject, detail=detail, at=now()))
