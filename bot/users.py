"""Operators and admins: who may sign in. Passwords are kept as argon2 hashes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

UserRole = Literal["operator", "admin"]


@dataclass(frozen=True)
class User:
    id: str
    email: str
    role: UserRole
    created_at: datetime


class UserRefused(ValueError):
    """The email or the password cannot be taken; the message says why."""


class Users:
    def __init__(self, engine: sa.Engine) -> None: ...

    def add(self, email: str, password: str, role: UserRole) -> User:
        """UserRefused when the email is taken or no email, or the password is too short."""
        raise NotImplementedError

    def first_admin(self, email: str = "admin@localhost") -> tuple[User, str] | None:
        """An admin with a generated password, returned this once; None when somebody exists already."""
        raise NotImplementedError

    def check(self, email: str, password: str) -> User | None:
        """Who this is, or None; takes as long for an unknown email as for a wrong password."""
        raise NotImplementedError

    def list(self) -> list[User]:
        raise NotImplementedError

    def get(self, user_id: str) -> User | None:
        raise NotImplementedError
