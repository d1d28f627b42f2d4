"""The contract: a strategy turns a question into a stream of events.

Making is light, warming is heavy: `__init__` keeps its options, `warm_up` loads weights and reaches servers.
`stream` is a synchronous generator; when the customer leaves, `GeneratorExit` reaches every layer and
generation stops.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from knowledge_base.passages import Passage
from knowledge_base.words import terms
from strategies.errors import Misconfigured
from strategies.events import Event


@dataclass(frozen=True)
class Turn:
    """Something said earlier in the conversation."""

    role: Literal["customer", "bot", "operator"]
    text: str


@dataclass(frozen=True)
class Question:
    """What is asked. A new need is a new field with a default.

    `history` holds earlier turns, oldest first, without this question. `passages` is filled in by a strategy
    that retrieves. `language` is an ISO 639-1 code, `""` when unknown. `query` is the question made to stand
    alone, as a strategy that retrieves searched for it; `""` when nobody searched. `audience` names the
    groups that whoever asks is in: documents for one of them are theirs besides those for everybody.
    `vouched` says that whoever knows this desk's questions takes it to have an answer, so that nobody need
    refuse it for want of general evidence.
    """

    text: str
    history: tuple[Turn, ...] = ()
    passages: tuple[Passage, ...] = ()
    language: str = ""
    query: str = ""
    audience: tuple[str, ...] = ()
    vouched: bool = False


@runtime_checkable
class Strategy(Protocol):
    """Whoever implements this passes `strategies.testing.StrategyContract`."""

    def warm_up(self) -> None:
        """Load what `stream` needs. May be called twice and from any thread. Raises Misconfigured or
        Unavailable.
        """

    def stream(self, question: Question) -> Iterator[Event]:
        """Answer, as events. At least one Token, or NoAnswer before the first. Several threads call it at
        once.

        Raises NoAnswer (before the first Token only), Unavailable or Misconfigured; nothing else leaves it on
        purpose.
        """


@runtime_checkable
class Renewed(Protocol):
    """A strategy that may answer otherwise although its options and the documents are what they were: another
    adapter is promoted, somebody trained it anew.
    """

    def speaker(self) -> str:
        """What speaks in it just now, as a name that is never used again; `""` while nobody does."""


@runtime_checkable
class Telling(Protocol):
    """A strategy that can tell before it speaks how things stand with a question: how well the documents
    match it, how near it is to what was taught. A router learns what that means for who is right.
    """

    def signs(self, question: Question) -> Mapping[str, float]:
        """Numbers by their names, cheap beside an answer; fewer of them, or none, where it cannot tell.
        Raises StrategyError.
        """


class Options(BaseModel):
    """The options of one kind of strategy: validation, the documentation page and the operator's form come
    from it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


class Search(Protocol):
    """What `knowledge_base` offers to a strategy that retrieves."""

    def __call__(self, query: str, k: int = 5) -> Sequence[Passage]:
        """The k best passages for the query, best first. Raises knowledge_base.errors.Unavailable."""


# The passages of the same document around one, so many on each side, itself included, in document order.
Neighbours = Callable[[Passage, int], Sequence[Passage]]


# The telling words of a text, as the lexical index knows them, each with its weight: the rarer, the heavier.
Weigh = Callable[[str], Mapping[str, float]]


def alike(text: str) -> Mapping[str, float]:
    """All words weigh the same where there is no index."""
    return dict.fromkeys(terms(text), 1.0)


def alone(passage: Passage, each_side: int) -> Sequence[Passage]:  # noqa: ARG001
    """The neighbours of a passage where nobody knows any."""
    return [passage]


# A search for an audience, among the documents that have one of the tags where any are given.
SearchFor = Callable[[Collection[str], Collection[str]], Search]


def nothing_found(query: str, k: int = 5) -> Sequence[Passage]:  # noqa: ARG001
    return ()


def untagged(_audience: Collection[str], tags: Collection[str]) -> Search:
    """Where documents have no tags, none has these, and none is for an audience."""
    if tags:
        raise Misconfigured(f"no document has tags here; looked for {', '.join(map(repr, tags))}")
    return nothing_found


def unknown() -> Collection[str]:
    """The documents' languages where there are none."""
    return ()


def unversioned() -> str:
    """The index version where there is no index."""
    return ""


class Embedder(Protocol):
    """The embedder that the index uses. Vectors are unit length, `(dimension,)` float32."""

    def embed_query(self, text: str) -> list[float]: ...
    def embed_questions(self, texts: list[str]) -> list[list[float]]: ...
    def embed_documents(self, texts: list[str]) -> list[list[float]]: ...


@dataclass(frozen=True)
class Kit:
    """What the house hands to a strategy that is being made. Each is a door: nothing is loaded until it is
    used.
    """

    search: Search  # in what is for everybody
    embedder: Embedder
    sentences: Callable[
        [Sequence[Passage]], Sequence[Any]
    ]  # per passage: (n_sentences, dimension) float32, unit rows
    strategy: Callable[[str], Strategy]  # another configured strategy, by its name
    data: Path  # the data directory
    named: str = ""  # the name under which this one is configured
    search_for: SearchFor = untagged
    neighbours: Neighbours = alone
    weigh: Weigh = alike
    version: Callable[[], str] = unversioned  # of the index: another one whenever what is live has changed
    languages: Callable[[], Collection[str]] = unknown  # of what is live
    standing: Callable[[str], str] = str  # of a configured strategy: another one when it may answer otherwise


class Kind(Protocol):
    """What an entry point of the group `kotae.strategies` names: a class like `strategies.echo.Echo`."""

    Options: ClassVar[type[Options]]

    @classmethod
    def make(cls, options: Any, kit: Kit) -> Strategy:
        """Check what can be checked without loading anything, and return the strategy."""
