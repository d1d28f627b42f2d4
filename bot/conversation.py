"""Conversations and what was said in them, as they are read back: frozen values, never database rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from bot.feedback import Rating

Role = Literal["customer", "bot", "operator"]


@dataclass(frozen=True)
class Shown:
    """A citation as the customer saw it; it stays readable after the document has changed or is gone.

    `at` is the offset into the message's text behind which it stands.
    """

    number: int
    document: str
    source: str
    page: int | None
    headings: tuple[str, ...]
    quote: str
    text: str
    at: int
    document_id: str
    passage_id: str
    version: int


@dataclass(frozen=True)
class Message:
    """One thing said. What only an answer has is empty for the others.

    `notice` is what was shown beside or instead of the text in the operator's words: the offer of a person, or that something
    failed. `error` is for operators alone.
    """

    id: str
    conversation_id: str
    role: Role
    text: str
    at: datetime
    language: str = ""
    notice: str = ""
    handoff: str = ""  # why a person was offered
    abstained: bool = False
    partial: bool = False
    error: str = ""
    strategy: str = ""
    model: str = ""
    adapter: str = ""
    prompt_version: str = ""
    index_version: str = ""
    prompt_tokens: int = 0
    passage_tokens: int = 0
    completion_tokens: int = 0
    ms_first: float | None = None
    ms: float | None = None
    decisions: tuple[Mapping[str, Any], ...] = ()
    citations: tuple[Shown, ...] = ()
    rating: Rating | None = None


@dataclass(frozen=True)
class Conversation:
    """A customer's conversation. `messages` is filled by `get`; a page of conversations has the summary alone."""

    id: str
    site: str
    language: str
    channel: str
    started_at: datetime
    updated_at: datetime
    resolved_at: datetime | None = None
    opening: str = ""  # the first question
    count: int = 0  # messages
    strategies: tuple[str, ...] = ()  # who answered, by name
    ups: int = 0
    downs: int = 0
    messages: tuple[Message, ...] = field(default=(), repr=False)


class UnknownConversation(LookupError):
    """There is no such conversation."""


class Conversations:
    def __init__(self, engine: sa.Engine) -> None: ...

    def start(self, site: str = "", language: str = "en", channel: str = "web") -> Conversation:
        """A new, empty conversation with an id that cannot be guessed."""
        raise NotImplementedError

    def get(self, conversation_id: str) -> Conversation:
        """The whole of it, or UnknownConversation."""
        raise NotImplementedError

    def page(
        self, query: str = "", strategy: str = "", limit: int = 50, before: str | None = None
    ) -> list[Conversation]:
        """Newest first; `before` is the id of the last one of the page above."""
        raise NotImplementedError

    def resolve(self, conversation_id: str) -> None:
        """What comes after starts afresh: earlier turns are no longer history."""
        raise NotImplementedError
