"""What the customer API takes and gives, as its OpenAPI document says it."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints


def _readable(text: str) -> str:
    """Without control characters; line breaks, tabs and the marks of right-to-left text stay."""
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) != "Cc").strip()


def _whole(value: object) -> object:
    """1.0 is an integer to JSON."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Stars = Annotated[int, Field(ge=1, le=5), BeforeValidator(_whole)]
Readable = Annotated[str, AfterValidator(_readable)]
QuestionId = Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{32})?$")]


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
    page: Readable = Field(default="", max_length=2000, description="The address they ask from.")
    title: Readable = Field(default="", max_length=300, description="That page's title.")
    about: dict[str, Readable] = Field(
        default={}, max_length=20, description="What else the page says of itself, such as a product's name."
    )
    identity: str = Field(
        default="",
        max_length=4000,
        description="A JSON text that says who the customer is: `id`, `name`, `email`.",
    )
    signature: str = Field(default="", max_length=200, description="Its HMAC-SHA256, in hex.")


class NewMessage(Asked):
    text: str = Field(description="The customer's question.", json_schema_extra={"pattern": r"\S"})
    id: QuestionId = Field(
        default="", description="Made by the client: what is sent twice under one id is kept once."
    )
    again: bool = Field(default=False, description="Answer the question of this id anew.")
    replaces: QuestionId = Field(
        default="",
        description="The question that is asked in other words now; it and its answer are no longer shown.",
    )


class Rating(Asked):
    value: Literal["up", "down"] | None = Field(description="null takes a rating back.")
    reason: Readable = Field(default="", max_length=100)
    comment: Readable = Field(default="", max_length=2000)


class Farewell(Asked):
    stars: Stars | None = Field(default=None, description="How it was, from 1 to 5.")
    why: Readable = Field(default="", max_length=2000)


class SendTranscript(Asked):
    email: str = Field(min_length=1, max_length=254, description="Where to.")


class Sent(BaseModel):
    text: str = Field(description="What the customer is told, in the operator's words.")


class Followups(BaseModel):
    """What may be asked next: headings beside the cited passages that lead to an answer."""

    questions: list[str]


class Part(BaseModel):
    text: str
    headings: list[str]
    page: int | None
    cited: bool = Field(description="The part that the answer rests on.")


class Document(BaseModel):
    """A cited passage where it stands. `parts` are the passages around it, in the document's order."""

    document: str
    source: str
    changed: bool = Field(description="The document no longer holds the passage; `parts` is what was cited.")
    quotes: list[str]
    parts: list[Part]


class Limits(BaseModel):
    question_characters: int


class Opened(BaseModel):
    token: str = Field(description="Send it as `Authorization: Bearer …`; it opens this conversation alone.")
    conversation: str
    greeting: str
    language: Literal["en", "ja"]
    known: bool = Field(description="Whether who the customer is was signed, and is believed.")
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
    name: str = Field(description="Of a person of the desk, when they told it.")
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


class State(BaseModel):
    """Who has the chat."""

    with_: Literal["bot", "waiting", "person"] = Field(alias="with", description="Who answers now.")
    available: bool = Field(description="Whether a person can be asked for at all.")
    open: bool = Field(description="It is within office hours.")
    online: bool = Field(description="Somebody is there just now.")
    email_wanted: bool = Field(description="Nobody is there: an e-mail address is asked for.")
    email: str = Field(description="The address that was left.")
    name: str = Field(description="The person's name, when they told it.")
    typing: bool
    since: datetime | None = Field(description="When the customer began to wait.")
    opens: datetime | None = Field(description="When office hours begin again.")
    text: str = Field(description="One sentence for the customer, in the operator's words.")


class AskForAPerson(Asked):
    email: str = Field(default="", max_length=254, description="Where to write to, when nobody is there.")


def is_cursor(text: str) -> bool:
    """Whether this is a position among what was said."""
    return text.isascii() and text.isdigit() and len(text) < 19


class After(BaseModel):
    """A reader who knows what was said until there."""

    model_config = ConfigDict(extra="ignore")

    after: str = Field(default="", max_length=40, description="A `cursor`: only what was said behind it.")

    @property
    def position(self) -> int | None:
        return int(self.after) if is_cursor(self.after) else None


class News(BaseModel):
    """One event of what people say. What its data holds is in docs/http-api.md, by the event's name."""

    event: Literal["message", "state"]
    data: str = Field(json_schema_extra={"contentMediaType": "application/json"})


class Conversation(BaseModel):
    conversation: str
    state: State
    cursor: str = Field(description="Where the news begin: GET /api/conversation/events?after=…")
    messages: list[Message]


class ServerSentEvent(BaseModel):
    """One event of an answer. What its data holds is in docs/http-api.md, by the event's name."""

    event: Literal["start", "token", "citation", "handoff", "error", "kept", "state", "end"]
    data: str = Field(json_schema_extra={"contentMediaType": "application/json"})


class Done(BaseModel):
    done: bool = True


class Error(BaseModel):
    error: str = Field(description="One sentence for the reader.")
    retry: bool = Field(description="Whether trying again later may help.")
