"""Who did what: sign-ins, switches, uploads, removals, new users. Written once, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa


@dataclass(frozen=True)
class Entry:
    id: int
    who: str
    what: str  # "sign-in", "switch", "upload", "retire", "restore", "remove", "add user" …
    subject: str
    detail: Mapping[str, Any]
    at: datetime


class Audit:
    def __init__(self, engine: sa.Engine) -> None: ...

    def note(self, who: str, what: str, subject: str = "", **detail: Any) -> None:
        """Write one line."""
        raise NotImplementedError

    def page(self, limit: int = 100) -> list[Entry]:
        """The newest lines first."""
        raise NotImplementedError
