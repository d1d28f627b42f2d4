"""Canned answers: what the desk says often, kept under a short name that is typed behind a slash."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import sqlalchemy as sa

from bot.conversations.question import clean
from bot.store import claim, reading, writing
from bot.store.tables import CannedRow
from knowledge_base.database import now

NAME = re.compile(r"[\w-]{1,64}")  # letters of any script
TEXT_CHARACTERS = 4000


@dataclass(frozen=True)
class Canned:
    id: str
    name: str
    text: str
    by: str
    updated_at: datetime


class CannedRefused(ValueError):
    """The root of why a canned answer is not kept.

    * BadName       a name is one word
    * NameTaken     another one has it
    * NoText        it says nothing
    """


class BadName(CannedRefused):
    """Letters, digits, - and _ make a name."""


class NameTaken(CannedRefused):
    """One name, one answer."""


class NoText(CannedRefused):
    """Nothing to say."""


class CannedAnswers:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def all(self) -> list[Canned]:
        with reading(self._engine) as session:
            rows = session.scalars(sa.select(CannedRow).order_by(CannedRow.name))
            return [Canned(row.id, row.name, row.text, row.by, row.updated_at) for row in rows]

    def save(self, name: str, text: str, by: str, canned_id: str = "") -> None:
        """A new one, or other words for one there is; raises CannedRefused."""
        name, text = clean(name).removeprefix("/"), clean(text)[:TEXT_CHARACTERS]
        if not NAME.fullmatch(name):
            raise BadName(f"{name!r} is no name: letters, digits, - and _ are accepted, up to 64")
        if not text:
            raise NoText("it has no text")
        with writing(self._engine) as session:
            row = session.get(CannedRow, canned_id) if canned_id else None
            if row is None:
                row = CannedRow(id=uuid4().hex)
                session.add(row)
            row.name, row.text, row.by, row.updated_at = name, text, by, now()
            claim(session, NameTaken(f"there is a canned answer {name!r} already"))

    def remove(self, canned_id: str) -> None:
        with writing(self._engine) as session:
            session.execute(sa.delete(CannedRow).where(CannedRow.id == canned_id))
