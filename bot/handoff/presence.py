"""Who of the desk is there, and who looks at which conversation just now.

Somebody is online who said that they are available and whose inbox is open: a closed lid needs no sign-out.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot.conversations.question import clean
from bot.store import reading, writing
from bot.store.tables import LookRow, PresenceRow, UserRow
from knowledge_base.database import insert_new, now

SEEN_SECONDS = 45  # an inbox says every few seconds that it is open
LOOKING_SECONDS = 25
TYPING_SECONDS = 6
NAME_CHARACTERS = 60
Row = TypeVar("Row", PresenceRow, LookRow)


@dataclass(frozen=True)
class Colleague:
    """Somebody of the desk. `name` is what customers call them, or ""."""

    id: str
    email: str
    available: bool = False  # as they said
    online: bool = False
    name: str = ""


@dataclass(frozen=True)
class Looker:
    """Somebody who has a conversation open."""

    user_id: str
    email: str
    typing: bool


class Presence:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def of(self, user_id: str) -> Colleague:
        """How somebody is known."""
        with reading(self._engine) as session:
            return colleague(session, user_id, now())

    def called(self, email: str) -> str:
        """What customers call whoever has this address; "" where they have told no name."""
        names = sa.select(PresenceRow.name).join(UserRow, UserRow.id == PresenceRow.user_id)
        with reading(self._engine) as session:
            return session.scalar(names.where(UserRow.email == email)) or ""

    def online(self) -> list[Colleague]:
        moment = now()
        people = (
            sa.select(PresenceRow, UserRow.email)
            .join(UserRow, UserRow.id == PresenceRow.user_id)
            .where(_online(moment))
            .order_by(UserRow.email)
        )
        with reading(self._engine) as session:
            return [_colleague(row, row.user_id, email, moment) for row, email in session.execute(people)]

    def seen(self, user_id: str) -> None:
        """Their inbox is open."""
        self._tell(user_id, seen_at=now())

    def announce(self, user_id: str, *, available: bool, name: str) -> None:
        """What somebody says of themselves."""
        self._tell(user_id, available=available, name=clean(name)[:NAME_CHARACTERS], seen_at=now())

    def looks(
        self,
        user_id: str,
        conversation_id: str,
        *,
        since: datetime | None = None,
        typing: bool | None = None,
        read_to: int = 0,
    ) -> None:
        """They have the conversation open, and have read as far as `read_to`; None leaves what is known.
        `since` is when the page was opened that says so.
        """
        moment = now()
        with writing(self._engine) as session:
            new = {"conversation_id": conversation_id, "seen_at": moment, "read_to": 0}
            if (row := _held(session, LookRow, user_id, new)) is None:
                return
            row.seen_at = moment
            row.opened_at = max(filter(None, (row.opened_at, since)), default=None)
            if typing is not None:
                row.typing_at = moment if typing else None
            row.read_to = max(row.read_to, read_to)

    def leaves(self, user_id: str, conversation_id: str, *, since: datetime) -> None:
        """They have closed the page that was opened then; how far they have read is kept.

        Whoever loads the page anew has a newer one, perhaps with another process, and is still there.
        """
        gone = sa.update(LookRow).where(
            LookRow.user_id == user_id,
            LookRow.conversation_id == conversation_id,
            LookRow.opened_at <= since,
        )
        with writing(self._engine) as session:
            session.execute(gone.values(seen_at=now() - timedelta(seconds=LOOKING_SECONDS), typing_at=None))

    def lookers(self, conversation_ids: Collection[str]) -> dict[str, list[Looker]]:
        """Who looks at which of them."""
        with reading(self._engine) as session:
            return lookers(session, conversation_ids)

    def _tell(self, user_id: str, **values: Any) -> None:
        with writing(self._engine) as session:
            row = _held(session, PresenceRow, user_id, {"available": False, "name": ""})
            if row is None:
                return
            for name, value in values.items():
                setattr(row, name, value)


def _held(session: Session, kind: type[Row], user_id: str, new: Mapping[str, Any]) -> Row | None:
    """Their row, made of `new` where there is none, while every other process waits that would change it.
    None for somebody whose page is still open, and who may not sign in any more.
    """
    key = {"user_id": user_id, **{name: new[name] for name in new if name == "conversation_id"}}
    if row := session.get(kind, key, with_for_update=True):
        return row
    if session.get(UserRow, user_id) is None:
        return None
    insert_new(session.connection(), kind.__table__, [{"user_id": user_id, **new}])  # type: ignore[arg-type]
    return session.get_one(kind, key, with_for_update=True)


def colleague(session: Session, user_id: str, moment: datetime) -> Colleague:
    """One of the desk, whether they ever opened the inbox or not."""
    email = session.scalar(sa.select(UserRow.email).where(UserRow.id == user_id)) or ""
    return _colleague(session.get(PresenceRow, user_id), user_id, email, moment)


def somebody(session: Session, moment: datetime) -> bool:
    """Whether anybody is online."""
    return bool(session.scalar(sa.select(sa.exists().where(_online(moment)))))


def lookers(session: Session, conversation_ids: Collection[str]) -> dict[str, list[Looker]]:
    moment = now()
    looks = (
        sa.select(LookRow.conversation_id, LookRow.user_id, LookRow.typing_at, UserRow.email)
        .join(UserRow, UserRow.id == LookRow.user_id)
        .where(
            LookRow.conversation_id.in_(conversation_ids),
            LookRow.seen_at > moment - timedelta(seconds=LOOKING_SECONDS),
        )
        .order_by(UserRow.email)
    )
    found: dict[str, list[Looker]] = {}
    for conversation_id, user_id, typing_at, email in session.execute(looks):
        found.setdefault(conversation_id, []).append(Looker(user_id, email, typing(typing_at, moment)))
    return found


def typing(typing_at: datetime | None, moment: datetime) -> bool:
    return typing_at is not None and typing_at > moment - timedelta(seconds=TYPING_SECONDS)


def _online(moment: datetime) -> sa.ColumnElement[bool]:
    return sa.and_(PresenceRow.available, PresenceRow.seen_at > moment - timedelta(seconds=SEEN_SECONDS))


def _colleague(row: PresenceRow | None, user_id: str, email: str, moment: datetime) -> Colleague:
    if row is None:
        return Colleague(user_id, email)
    fresh = row.seen_at is not None and row.seen_at > moment - timedelta(seconds=SEEN_SECONDS)
    return Colleague(user_id, email, row.available, row.available and fresh, row.name)
