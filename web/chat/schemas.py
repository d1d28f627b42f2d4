"""What the customer API takes and gives, as its OpenAPI document says it."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _readable(text: str) -> str:
    """Without control characters; line breaks, tabs and the marks of right-to-left text stay."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) != "Cc").strip()


Readable = Annotated[str, AfterValidator(_readable)]


class Asked(BaseModel):
    """A body that a customer's page sends."""

    model_config = ConfigDict(extra="ignore", strict=True)


class NewConversation(Asked):
    site: Readable = Field(
        default="", max_length=300, description="The page or site that carries the widget."
    )
    language: str = Field(
        default="", max_length=35, description="`en` or `ja`; empty for what the browser prefers."
    )


class NewMessage(Asked):
    text: str = Field(description="The customer's question.", json_schema_extra={"pattern": r"\S"})


class Rating(Asked):
    value: Literal["up", "down"] | None = Field(description="null takes a rating back.")
    reason: Readable = Field(default="", max_length=100)
    comment: Readable = Field(default="", max_length=2000)


class Limits(BaseModel):
    question_characters: int


class Opened(BaseModel):
    token: str = Field(description="Send it as `Authorization: Bearer …`; it opens this conversation alone.")
    conversation: str
    greeting: str
    language: Literal["en", "ja"]
    limits: Limits


class Source(BaseModel):
    """What a statement rests on. `at` is the offset into the answer's text behind which the number stands."""

    number: int
    document: str
    source: str = Field(description="The file's name.")
    page: int | None
    headings: list[str]
    quote: str
    text: str
    at: int


class Message(BaseModel):
    id: str
    role: Literal["customer", "bot", "operator"]
    text: str
    citations: list[Source]
    notice: str = Field(
        description="The operator's words beside or instead of the text: a person is offered, or it failed."
    )
    handoff: bool = Field(description="Whether a person was offered.")
    abstained: bool
    partial: bool
    feedback: Literal["up", "down"] | None
    at: datetime


class Conversation(BaseModel):
    conversation: str
    messages: list[Message]


class ServerSentEvent(BaseModel):
    """One event of an answer. What its data holds is in docs/http-api.md, by the event's name."""

    event: Literal["start", "token", "citation", "handoff", "error", "end"]
    data: str = Field(json_schema_extra={"contentMediaType": "application/json"})


class Done(BaseModel):
    done: bool = True


class Error(BaseModel):
    error: str = Field(description="One sentence for the reader.")
    retry: bool = Field(description="Whether trying again later may help.")
