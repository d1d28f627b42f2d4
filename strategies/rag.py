"""Finds passages and lets an inner strategy speak from them.

"RAG" and "RAG + LoRA" are this one class: the inner strategy may quote, ask a chat model, or be the product's
own model. What it says is followed sentence by sentence, and the citations are attached or checked here
(`strategies.citing`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from pydantic import Field

from knowledge_base.errors import Misconfigured as SearchMisconfigured
from knowledge_base.errors import Unavailable as SearchUnavailable
from knowledge_base.passages import Passage
from strategies.base import Kit, Neighbours, Options, Question, Search, Strategy, alone
from strategies.citing import cite
from strategies.errors import Misconfigured, NoAnswer, Unavailable
from strategies.events import Decision, Event
from strategies.followups import Standalone, standalone
from strategies.signs import signs_of
from strategies.streams import stream_of
from strategies.wording import bare


class RagOptions(Options):
    """What an operator may set."""

    inner: str = Field(description="Who speaks: a strategy, or a kind that needs no options, like quotes.")
    k: int = Field(default=6, ge=1, le=50, description="How many passages are found for a question.")
    tags: tuple[str, ...] = Field(
        default=(), description="Only documents that have one of these tags; empty: all."
    )
    neighbours: int = Field(
        default=0,
        ge=0,
        le=5,
        description="Passages of its document added on each side of a found one.",
    )


class Rag:
    """Finds passages in the documents; another strategy answers from them."""

    Options = RagOptions

    def __init__(
        self,
        search: Search,
        inner: Strategy,
        *,
        k: int = 6,
        neighbours: int = 0,
        around: Neighbours = alone,
        named: str = "rag",
        search_for: Callable[[Collection[str]], Search] | None = None,
    ) -> None:
        """`search_for` gives the search of an audience; without it, all that is found is for everybody."""
        self._search = search
        self._search_for = search_for
        self._inner = inner
        self._k = k
        self._each_side = neighbours
        self._around = around
        self._named = named

    @classmethod
    def make(cls, options: RagOptions, kit: Kit) -> Rag:
        def search_for(audience: Collection[str]) -> Search:
            return kit.search_for(audience, options.tags)

        return cls(
            search_for(()) if options.tags else kit.search,
            kit.strategy(options.inner),
            k=options.k,
            neighbours=options.neighbours,
            around=kit.neighbours,
            named=kit.named,
            search_for=search_for,
        )

    def warm_up(self) -> None:
        self._inner.warm_up()

    def stream(self, question: Question) -> Iterator[Event]:
        asked, found = self._looked_for(question)
        why = f"searched for {asked.query!r}" + (f", because {asked.why}" if asked.why else "")
        what = "found 1 passage" if len(found) == 1 else f"found {len(found)} passages"
        yield Decision(self._named, what, why, {"query": asked.query, "passages": shown(found)})
        if not found:
            raise NoAnswer("no passage was found")
        passages = self._with_neighbours(found)
        told = replace(question, passages=passages, query=asked.query)
        with closing(stream_of(self._inner, told)) as said:
            yield from cite(said, passages, self._named)

    def signs(self, question: Question) -> Mapping[str, float]:
        """How well the best passage matches, and what the inner strategy tells of those that were found."""
        asked, found = self._looked_for(question)
        if not found:
            return {}
        told = replace(question, passages=self._with_neighbours(found), query=asked.query)
        return {
            "passage meaning": max(passage.dense or 0.0 for passage in found),
            "search score": found[0].score,
            "search margin": found[0].evidence.get("margin", 0.0),
            **signs_of(self._inner, told),
        }

    def _looked_for(self, question: Question) -> tuple[Standalone, Sequence[Passage]]:
        """What is searched for, and what was found. A heading, word for word, asks for what stands below it,
        however few words it has: questions that are suggested are headings.
        """
        asked = standalone(question)
        if asked.why:
            found = self._found(question.text, question.audience)
            if found and found[0].headings and bare(found[0].headings[-1]) == bare(question.text):
                return Standalone(question.text), found
        return asked, self._found(asked.query, question.audience)

    def _found(self, query: str, audience: Collection[str]) -> Sequence[Passage]:
        for_them = self._search_for(audience) if audience and self._search_for else self._search
        try:
            return for_them(query, self._k)
        except SearchUnavailable as error:
            raise Unavailable(f"the search does not answer just now: {error}") from error
        except SearchMisconfigured as error:
            raise Misconfigured(f"the search cannot answer: {error}") from error

    def _with_neighbours(self, found: Sequence[Passage]) -> tuple[Passage, ...]:
        """The found passages, best first, each with those around it; none twice."""
        if not self._each_side:
            return tuple(found)
        known = {passage.id: passage for passage in found}
        around = (near for passage in found for near in self._around(passage, self._each_side))
        return tuple({near.id: known.get(near.id, near) for near in around}.values())


def shown(passages: Sequence[Passage]) -> list[dict[str, Any]]:
    """The passages as numbers for the operator."""
    return [
        {
            "id": passage.id,
            "document": passage.title,
            "score": passage.score,
            "dense": passage.dense,
            "lexical": passage.lexical,
        }
        for passage in passages
    ]
