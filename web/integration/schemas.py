"""What the API for programs takes and gives, as its OpenAPI document says it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from web.chat.schemas import Readable


class Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Turn(Asked):
    role: Literal["customer", "bot", "operator"]
    text: Readable = Field(max_length=8000)


class NewQuestion(Asked):
    question: Readable = Field(min_length=1, max_length=8000)
    strategy: str = Field(
        default="", max_length=200, description="Another one than the one that answers now."
    )
    history: list[Turn] = Field(
        default=[], max_length=50, description="What was said before, the oldest first."
    )
    audience: list[str] = Field(
        default=[], max_length=20, description="Whose documents may answer, besides those for everybody."
    )


class Citation(BaseModel):
    number: int
    document: str
    source: str
    quote: str


class Answer(BaseModel):
    answer: str
    strategy: str
    abstained: bool
    citations: list[Citation]
    prompt_tokens: int
    passage_tokens: int
    completion_tokens: int
    ms: float


class Query(BaseModel):
    q: str = Field(min_length=1, max_length=2000, description="What to search for.")
    k: int = Field(default=5, ge=1, le=50, description="How many passages.")
    audience: str = Field(
        default="",
        max_length=2000,
        description="Whose documents are found besides those for everybody, separated by commas.",
    )


class Passage(BaseModel):
    id: str
    document: str
    source: str
    text: str
    score: float


class Passages(BaseModel):
    passages: list[Passage]


class KnownDocument(BaseModel):
    id: str
    title: str
    source: str
    state: str
    version: int
    error: str


class Documents(BaseModel):
    documents: list[KnownDocument]


class Page(BaseModel):
    q: str = Field(default="", max_length=200, description="Words of the question or the answer.")
    limit: int = Field(default=50, ge=1, le=500)
    offset: int = Field(default=0, ge=0, le=1_000_000)


class NewPair(Asked):
    question: Readable = Field(min_length=1, max_length=4000)
    answer: Readable = Field(min_length=1, max_length=4000)
    fact: Readable = Field(default="", max_length=200)
    language: str = Field(default="", pattern=r"^([a-z]{2})?$")
    tags: list[Readable] = Field(default=[], max_length=20)


class Pair(BaseModel):
    id: str
    question: str
    answer: str
    fact: str
    language: str
    tags: list[str]
    created_at: datetime


class Pairs(BaseModel):
    pairs: list[Pair]
    total: int
