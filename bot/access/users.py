"""Operators and admins: who may sign in. Passwords are kept as argon2 hashes."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal, cast
from uuid import uuid4

import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.orm import Session

from bot.access import audit
from bot.store import claim, reading, writing
from bot.store.tables import HandoffRow, UserRow
from knowledge_base.database import now
from knowledge_base.errors import Unavailable

UserRole = Literal["operator", "admin"]
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 1000  # argon2 would take any length, and its time
REFUSED_EVERY = timedelta(minutes=1)  # the lines of those who guess at one account
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that looks like something else


@dataclass(frozen=True)
class User:
    id: str
    email: str
    role: UserRole
    created_at: datetime


class UserRefused(ValueError):
    """This cannot be done for somebody; the message says why."""


class Users:
    def __init__(self, engine: sa.Engine, hasher: PasswordHasher | None = None) -> None:
        self._engine = engine
        self._hasher = hasher or PasswordHasher()

    def add(self, email: str, password: str, role: UserRole, *, by: str = "") -> User:
        """UserRefused when the email is taken or is none, or the password is too short."""
        email = _email(email)
        _check_length(password)
        if role not in ("operator", "admin"):
            raise UserRefused(f"there is no role {role!r}; roles are 'operator' and 'admin'")
        hashed = self._hasher.hash(password)
        with writing(self._engine) as session:
            row = UserRow(id=uuid4().hex, email=email, password=hashed, role=role, created_at=now())
            session.add(row)
            claim(session, UserRefused(f"there is a user {email!r} already"))
            audit.note(session, by, "add user", email, role=role)
            return _user(row)

    def change_password(self, email: str, password: str, *, by: str = "") -> User:
        """Wherever they were signed in, they have to do so anew. UserRefused for a stranger, too."""
        _check_length(password)
        hashed = self._hasher.hash(password)
        with writing(self._engine) as session:
            row = _row(session, email)
            row.password = hashed
            audit.note(session, by, "change password", row.email)
            return _user(row)

    def remove(self, email: str, *, by: str = "") -> User:
        """They are signed out; what they did stays, in their name. UserRefused for the last admin, and for
        whoever has a chat.
        """
        with writing(self._engine) as session:
            row = _row(session, email)
            admins = sa.select(sa.func.count()).select_from(UserRow).where(UserRow.role == "admin")
            if row.role == "admin" and session.scalar(admins) == 1:
                raise UserRefused(f"{row.email!r} is the only admin; add another one first")
            chats = sa.exists().where(HandoffRow.operator == row.id, HandoffRow.state != "closed")
            if session.scalar(sa.select(chats)):
                raise UserRefused(f"{row.email!r} has a customer's chat; it is closed or handed on first")
            audit.note(session, by, "remove user", row.email, role=row.role)
            session.delete(row)
            return _user(row)

    def first_admin(self, email: str = "admin@localhost") -> tuple[User, str] | None:
        """An admin with a generated password, told this once; None when somebody can sign in already."""
        if self.list():
            return None
        password = "-".join("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))
        try:
            return self.add(email, password, "admin", by="first start"), password
        except UserRefused:  # another process was quicker
            return None

    def check(self, email: str, password: str) -> User | None:
        """Who this is, or None; an unknown email takes as long as a wrong password."""
        with reading(self._engine) as session:
            row = session.scalar(sa.select(UserRow).where(UserRow.email == _normalised(email)))
            kept = row.password if row else None
            known = _user(row) if row else None
        hashed = kept or self._nobody
        try:
            self._hasher.verify(hashed, password[:LONGEST_PASSWORD])
        except (VerificationError, InvalidHashError):
            return None
        if known and self._hasher.check_needs_rehash(hashed):
            self._keep(known.id, self._hasher.hash(password))
        return known

    def sign_in(self, email: str, password: str) -> User | None:
        """`check`, with a line in the audit where there is such a user; of those refused, one a minute.

        Whether anybody can write just now or not, whoever knows their password comes in: the log tells of it.
        """
        user = self.check(email, password)
        with suppress(Unavailable), writing(self._engine) as session:
            if user:
                audit.note(session, user.email, "sign in", user.email, role=user.role)
            elif at := _guessed_at(session, email):
                audit.note(session, "", "sign-in refused", at)
        return user

    def sign_out(self, email: str) -> None:
        """A line in the audit."""
        with suppress(Unavailable), writing(self._engine) as session:
            audit.note(session, email, "sign out", email)

    def list(self) -> Sequence[User]:
        with reading(self._engine) as session:
            return [_user(row) for row in session.scalars(sa.select(UserRow).order_by(UserRow.email))]

    def get(self, user_id: str, seal: str) -> User | None:
        """Who signed in with the password that they still have."""
        with reading(self._engine) as session:
            row = session.get(UserRow, user_id)
            return _user(row) if row and secrets.compare_digest(_seal(row), seal) else None

    def seal(self, user_id: str) -> str:
        """Another one after every change of the password; "" for nobody. It tells nothing about it."""
        with reading(self._engine) as session:
            row = session.get(UserRow, user_id)
            return _seal(row) if row else ""

    @cached_property
    def _nobody(self) -> str:
        """The hash that an unknown email is checked against."""
        return self._hasher.hash(secrets.token_hex())

    def _keep(self, user_id: str, hashed: str) -> None:
        with writing(self._engine) as session:
            session.execute(sa.update(UserRow).where(UserRow.id == user_id).values(password=hashed))


def _check_length(password: str) -> None:
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise UserRefused(f"a password has from {SHORTEST_PASSWORD} to {LONGEST_PASSWORD:,} characters")


def _row(session: Session, email: str) -> UserRow:
    row = session.scalar(sa.select(UserRow).where(UserRow.email == _normalised(email)))
    if row is None:
        raise UserRefused(f"there is no user {email!r}")
    return row


def _guessed_at(session: Session, email: str) -> str:
    """Whose password was guessed at; "" for nobody's, or when there is a line of it lately.

    Both are looked for in any case, so that an unknown email takes as long.
    """
    email = _normalised(email)
    known = session.scalar(sa.select(UserRow.email).where(UserRow.email == email).with_for_update())
    lately = audit.noted(session, "sign-in refused", email, now() - REFUSED_EVERY)
    return "" if lately else known or ""


def _seal(row: UserRow) -> str:
    return hashlib.sha256(row.password.encode()).hexdigest()[:32]


def _normalised(email: str) -> str:
    return email.strip().casefold()


def _email(email: str) -> str:
    """The email as it is kept, or UserRefused."""
    kept = _normalised(email)
    name, at, host = kept.partition("@")
    if not (name and at and host) or "@" in host or len(kept) > 254 or not kept.isprintable() or " " in kept:
        raise UserRefused(f"{email!r} is no email address")
    return kept


def _user(row: UserRow) -> User:
    return User(row.id, row.email, cast("UserRole", row.role), row.created_at)
