"""Answers a question that was answered before with the same words: another strategy speaks once for many.

Two questions are the same when they mean the same (`strategies.sameness`), are in one language, and whoever
would answer is who answered: the same strategy with the same adapter, over the same index. Only questions
without history are looked up and kept, of customers who are in no audience, and only answers that were given
whole: no abstention, no failure, nothing that was cut off or that the customer left. What changes the index
empties the cache, so a document that was deleted answers no more.

The cache lives in the memory of one process and begins empty.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from knowledge_base.database import now
from strategies.base import Kit, Options, Question
from strategies.events import Decision, Event, Token, Usage, add
from strategies.sameness import Sense, agree, sense
from strategies.signs import signs_of
from strategies.streams import stream_of

Floats = NDArray[np.float32]

# What is decided where an answer ends too early.
NOT_WHOLE = frozenset({"the answer was cut off", "the answer was stopped", "stopped"})


class CachedOptions(Options):
    """What an operator may set."""

    inner: str = Field(description="Whose answers are kept.")
    alike: float = Field(
        default=0.75,
        ge=0,
        le=1,
        description="From which likeness of meaning on two questions may be the same. Higher: fewer are.",
    )
    most: int = Field(default=1000, ge=1, le=100_000, description="How many answers are kept.")
    hours: float = Field(default=24, gt=0, description="How long an answer is kept, in hours.")


@dataclass(frozen=True)
class Kept:
    """An answer as it was streamed. `of` says under what it holds."""

    asked: str
    language: str
    sense: Sense
    vector: Floats
    of: tuple[str, str]
    events: tuple[Event, ...]
    at: datetime


class Cached:
    """Answers with an answer that another strategy gave before to the same question."""

    Options = CachedOptions

    def __init__(self, options: CachedOptions, kit: Kit, *, clock: Callable[[], datetime] = now) -> None:
        self._options = options
        self._kit = kit
        self._named = kit.named or "cached"
        self._inner = kit.strategy(options.inner)
        self._clock = clock
        self._kept: OrderedDict[int, Kept] = OrderedDict()  # the longest unused first
        self._count = 0
        self._of = ("", "")
        self._changing = threading.Lock()

    @classmethod
    def make(cls, options: CachedOptions, kit: Kit) -> Cached:
        return cls(options, kit)

    def warm_up(self) -> None:
        self._inner.warm_up()

    def stream(self, question: Question) -> Iterator[Event]:
        if question.history or question.passages or question.audience or not question.text.strip():
            yield from stream_of(self._inner, question)
            return
        of = self._now()
        vector = np.asarray(self._kit.embedder.embed_query(question.text), np.float32)
        meant = sense(question.text)
        if (kept := self._known(question, meant, vector, of)) is not None:
            yield from self._again(kept, vector)
            return
        said: list[Event] = []
        for event in stream_of(self._inner, question):
            said.append(event)
            yield event
        if self._now() == of and whole(said):
            self._keep(Kept(question.text, question.language, meant, vector, of, tuple(said), self._clock()))

    def signs(self, question: Question) -> Mapping[str, float]:
        """What the inner strategy tells."""
        return signs_of(self._inner, question)

    def forget(self) -> None:
        """Every answer."""
        with self._changing:
            self._kept.clear()

    def __len__(self) -> int:
        return len(self._kept)

    def _now(self) -> tuple[str, str]:
        """Who would answer, and from what."""
        return self._kit.standing(self._options.inner), self._kit.version()

    def _known(self, question: Question, meant: Sense, vector: Floats, of: tuple[str, str]) -> Kept | None:
        """The most similar question that is the same."""
        with self._changing:
            self._drop(of)
            kept = [(key, each) for key, each in self._kept.items() if each.language == question.language]
            if not kept:
                return None
            like = np.array([each.vector for _, each in kept]) @ vector
            alike = self._options.alike * self._familiar(question.text)
            for at in map(int, np.argsort(-like)):
                if like[at] < alike:
                    return None
                key, each = kept[at]
                if agree(meant, each.sense):
                    self._kept.move_to_end(key)
                    return each
        return None

    def _familiar(self, text: str) -> float:
        """How much the embedder's likeness is worth in this script, 0 to 1: the words tell the rest."""
        familiarity: Callable[[str], float] | None = getattr(self._kit.embedder, "familiarity", None)
        return familiarity(text) if familiarity else 1.0

    def _keep(self, kept: Kept) -> None:
        with self._changing:
            self._drop(kept.of)
            self._count += 1
            self._kept[self._count] = kept
            while len(self._kept) > self._options.most:
                self._kept.popitem(last=False)

    def _drop(self, of: tuple[str, str]) -> None:
        """Whatever does not hold any more."""
        if of != self._of:
            self._kept.clear()
            self._of = of
        oldest = self._clock() - timedelta(hours=self._options.hours)
        for key in [key for key, each in self._kept.items() if each.at < oldest]:
            del self._kept[key]

    def _again(self, kept: Kept, vector: Floats) -> Iterator[Event]:
        """What was said then, with whoever said it, at no cost."""
        spent = Usage()
        for event in kept.events:
            spent = add(spent, event) if isinstance(event, Usage) else spent
        yield Decision(
            self._named,
            "answered as before",
            f"the same question was answered at {kept.at:%Y-%m-%d %H:%M}: {kept.asked!r}",
            {
                "as": kept.asked,
                "likeness": round(float(kept.vector @ vector), 4),
                "index": kept.of[1],
                "saved_tokens": spent.prompt_tokens + spent.passage_tokens + spent.completion_tokens,
            },
        )
        yield from (event for event in kept.events if not isinstance(event, Usage))
        yield replace(spent, prompt_tokens=0, passage_tokens=0, completion_tokens=0)


def whole(said: Sequence[Event]) -> bool:
    """Whether the answer was given to its end."""
    spoke = any(isinstance(event, Token) and event.text.strip() for event in said)
    return spoke and not any(isinstance(event, Decision) and event.what in NOT_WHOLE for event in said)
