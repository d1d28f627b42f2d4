"""Keys of programs: what each may do, how often a minute, until when. Its secret is told once.

A secret has 256 random bits, so its plain SHA-256 keeps it as safe as a slow hash would, and an index finds
it.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal
from uuid import uuid4

import sqlalchemy as sa
from limits import RateLimitItemPerMinute
from limits.errors import StorageError
from limits.strategies import MovingWindowRateLimiter
from sqlalchemy.orm import Session

from bot.access import audit
from bot.conversations.limits import storage_at
from bot.conversations.question import clean
from bot.store import reading, writing
from bot.store.tables import KeyRow
from knowledge_base.database import now

log = logging.getLogger(__name__)

Scope = Literal["ask", "search", "documents:read", "documents:write", "pairs:read", "pairs:write"]
SCOPES: Final[tuple[Scope, ...]] = (
    "ask",
    "search",
    "documents:read",
    "documents:write",
    "pairs:read",
    "pairs:write",
)
PREFIX: Final = "kotae_"  # so that a scanner of leaked secrets knows it
NAME_CHARACTERS = 80
MOST_DAYS = 36_500
MOST_A_MINUTE = 1_000_000
SEEN_EVERY = timedelta(minutes=1)  # how exactly the last use is told


@dataclass(frozen=True)
class Key:
    """`expires_at` is None for one that holds until it is revoked."""

    id: str
    name: str
    scopes: tuple[str, ...]
    per_minute: int
    by: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    used_at: datetime | None = None

    @property
    def who(self) -> str:
        """As the audit calls it."""
        return f"key {self.name}"

    @property
    def holds(self) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now() < self.expires_at)

    def may(self, scope: str) -> bool:
        return scope in self.scopes


class KeyRefused(ValueError):
    """No key is made so; the message says why."""


class UnknownKey(LookupError):
    """There is no such key."""


class Keys:
    """Requests are counted in this process, or in the Redis at `url`."""

    def __init__(self, engine: sa.Engine, url: str = "") -> None:
        self._engine = engine
        self._window = MovingWindowRateLimiter(storage_at(url))

    def make(
        self, name: str, scopes: Collection[str], *, by: str, days: int | None = None, per_minute: int = 60
    ) -> tuple[Key, str]:
        """A key and its secret, which is never told again. Raises KeyRefused."""
        name = " ".join(clean(name).split())[:NAME_CHARACTERS]
        if not name:
            raise KeyRefused("a key needs a name")
        if unknown := sorted({*scopes} - {*SCOPES}):
            raise KeyRefused(f"there is no scope {unknown[0]!r}; known: {', '.join(SCOPES)}")
        if not scopes:
            raise KeyRefused(f"a key needs a scope; known: {', '.join(SCOPES)}")
        if not 1 <= per_minute <= MOST_A_MINUTE or (days is not None and not 1 <= days <= MOST_DAYS):
            raise KeyRefused(
                f"a key holds for 1 to {MOST_DAYS:,} days, with 1 to {MOST_A_MINUTE:,} requests a minute"
            )
        secret = PREFIX + secrets.token_urlsafe(32)
        moment = now()
        row = KeyRow(
            id=uuid4().hex,
            name=name,
            hash=_hash(secret),
            scopes=" ".join(scope for scope in SCOPES if scope in scopes),
            per_minute=per_minute,
            by=by,
            created_at=moment,
            expires_at=moment + timedelta(days=days) if days else None,
        )
        with writing(self._engine) as session:
            session.add(row)
            audit.note(session, by, "make key", row.id, name=name, scopes=row.scopes, days=days)
            return _key(row), secret

    def check(self, secret: str) -> Key | None:
        """Whose secret this is, if it holds."""
        if not secret.startswith(PREFIX):
            return None
        with reading(self._engine) as session:
            row = session.scalar(sa.select(KeyRow).where(KeyRow.hash == _hash(secret)))
            key = _key(row) if row else None
        if key is None or not key.holds:
            return None
        if key.used_at is None or now() - key.used_at > SEEN_EVERY:
            with writing(self._engine) as session:
                session.execute(sa.update(KeyRow).where(KeyRow.id == key.id).values(used_at=now()))
        return key

    def allows(self, key: Key) -> bool:
        """Count a request, unless they come too fast. A counter that does not answer lets them through."""
        try:
            return self._window.hit(RateLimitItemPerMinute(key.per_minute), "key", key.id)
        except StorageError as fault:
            log.warning("requests are not counted: %s", fault.storage_error)
            return True

    def list(self) -> list[Key]:
        """The newest first, those that hold no longer among them."""
        with reading(self._engine) as session:
            rows = session.scalars(sa.select(KeyRow).order_by(KeyRow.created_at.desc(), KeyRow.id))
            return [_key(row) for row in rows]

    def revoke(self, key_id: str, *, by: str) -> Key:
        """From the next request on it opens nothing. Raises UnknownKey."""
        with writing(self._engine) as session:
            row = _found(session, key_id)
            if row.revoked_at is None:
                row.revoked_at = now()
                audit.note(session, by, "revoke key", row.id, name=row.name)
            return _key(row)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _found(session: Session, key_id: str) -> KeyRow:
    row = session.get(KeyRow, key_id)
    if row is None:
        raise UnknownKey(f"there is no key {key_id!r}")
    return row


def _key(row: KeyRow) -> Key:
    return Key(
        id=row.id,
        name=row.name,
        scopes=tuple(row.scopes.split()),
        per_minute=row.per_minute,
        by=row.by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        revoked_at=row.revoked_at,
        used_at=row.used_at,
    )
