"""What a strategy streams, and the answer that is their fold.

The stored answer is `collect(events)` of the very events that were streamed, so what the customer saw is what
the record says.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from knowledge_base.passages import Passage


@dataclass(frozen=True)
class Token:
    """A piece of the answer's Markdown text, never empty."""

    text: str
    type: Literal["token"] = "token"


@dataclass(frozen=True)
class Citation:
    """What was just said rests on `passage`; its place in the stream is its place in the text.

    `number` counts passages by first use, from 1; the same passage keeps its number. `quote` is the part of
    the passage that carries the statement (a substring of `passage.text`).
    """

    number: int
    passage: Passage
    quote: str
    type: Literal["citation"] = "citation"


@dataclass(frozen=True)
class Usage:
    """Tokens that a language model was given and wrote; zero where none is used.

    `prompt_tokens` are instructions, history and question without the passages; `passage_tokens` are the
    passages alone. Several Usage events of one answer add up (a failed attempt's cost counts). `estimated`
    says that one of the three was not counted by the model's own tokenizer.
    """

    prompt_tokens: int = 0
    passage_tokens: int = 0
    completion_tokens: int = 0
    model: str = ""
    adapter: str = ""  # content hash of the adapter that spoke
    prompt_version: str = ""
    estimated: bool = False
    type: Literal["usage"] = "usage"


@dataclass(frozen=True)
class Decision:
    """A choice made on the way, for the operator: who (`by`), `what`, and `why` in words; `detail` are the
    numbers.
    """

    by: str
    what: str
    why: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)
    type: Literal["decision"] = "decision"


Event = Token | Citation | Usage | Decision


@dataclass(frozen=True)
class Cited:
    """A citation in a finished answer; `at` is the offset into the text behind which it stands."""

    number: int
    passage: Passage
    quote: str
    at: int


@dataclass(frozen=True)
class Answer:
    """The fold of one stream."""

    text: str = ""
    citations: tuple[Cited, ...] = ()
    usage: Usage = field(default_factory=Usage)
    decisions: tuple[Decision, ...] = ()


def collect(events: Iterable[Event]) -> Answer:
    """Fold events into the answer they make: text joined, citations placed, usage summed (the last model
    named wins).
    """
    text = ""
    citations: list[Cited] = []
    decisions: list[Decision] = []
    usage = Usage()
    for event in events:
        match event:
            case Token():
                text += event.text
            case Citation():
                citations.append(Cited(event.number, event.passage, event.quote, len(text)))
            case Usage():
                usage = add(usage, event)
            case Decision():
                decisions.append(event)
    return Answer(text, tuple(citations), usage, tuple(decisions))


def add(one: Usage, other: Usage) -> Usage:
    """The sum of two usages; names come from the later one where it has them."""
    return Usage(
        prompt_tokens=one.prompt_tokens + other.prompt_tokens,
        passage_tokens=one.passage_tokens + other.passage_tokens,
        completion_tokens=one.completion_tokens + other.completion_tokens,
        model=other.model or one.model,
        adapter=other.adapter or one.adapter,
        prompt_version=other.prompt_version or one.prompt_version,
        estimated=one.estimated or other.estimated,
    )
