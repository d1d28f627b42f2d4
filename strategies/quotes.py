"""Answers in the documents' own words: the sentences that answer the question, each with its citation.

No language model: what to say is chosen by the evidence of `strategies.quoting`, and it abstains when that
evidence is not enough. What it says is a substring of a passage, but for a table row, which is read out with
its column heads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from knowledge_base.passages import Passage
from strategies.base import Embedder, Kit, Options, Question, Weigh, alike
from strategies.errors import NoAnswer
from strategies.events import Citation, Decision, Event, Token
from strategies.quoting import (
    OF_THE_QUESTION,
    Asked,
    Candidate,
    candidates,
    certainty,
    fitted,
    likelihood,
    words,
)
from strategies.rows import column_heads, is_row, row_as_words

ALIKE = 0.8  # two sentences that share so much of their words say the same
LEADING = 2  # of the best sentences, how many bring the one that follows: a fault its remedy


class QuotesOptions(Options):
    """What an operator may set."""

    sentences: int = Field(default=8, ge=1, le=12, description="How many sentences an answer has at most.")
    share: float = Field(
        default=0.07,
        gt=0,
        le=1,
        description="How likely a further sentence must be, as a share of the best one's likelihood.",
    )
    enough: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="From which likelihood on it answers; unset: as calibrated. Higher refuses more.",
    )


class Quotes:
    """Quotes the sentences that answer the question; needs no language model."""

    Options: ClassVar[type[Options]] = QuotesOptions

    def __init__(
        self,
        options: QuotesOptions,
        embedder: Embedder,
        sentences: Callable[[Sequence[Passage]], Sequence[Any]],
        weigh: Weigh = alike,
        named: str = "quotes",
    ) -> None:
        self._options = options
        self._embedder = embedder
        self._sentences = sentences
        self._weigh = weigh
        self._named = named

    @classmethod
    def make(cls, options: QuotesOptions, kit: Kit) -> Quotes:
        return cls(options, kit.embedder, kit.sentences, kit.weigh, kit.named)

    def warm_up(self) -> None:
        """The embedder is the index's, and warm."""
        fitted()

    def stream(self, question: Question) -> Iterator[Event]:
        asked = self._asked(question.query or question.text)
        if not question.passages:
            raise NoAnswer("nothing was found to quote")
        vectors = self._sentences(question.passages)
        found = candidates(asked, question.passages, vectors, fitted().sentence)
        if not found:
            raise NoAnswer("what was found holds no sentence to quote")
        sure = likelihood(
            float(fitted().answerable.odds(certainty(asked, found, question.passages, vectors)))
        )
        enough = fitted().enough if self._options.enough is None else self._options.enough
        detail = {"likelihood": round(sure, 4), "enough": round(enough, 4), "sentences": len(found)}
        if sure < enough:
            decided = Decision(self._named, "abstained", "the evidence is not enough", detail)
            raise NoAnswer(f"the documents answer with likelihood {sure:.2f}, below {enough:.2f}", (decided,))
        chosen = choose(found, self._options.sentences, self._options.share)
        yield Decision(self._named, f"quoted {len(chosen)} of {len(found)} sentences", "", detail)
        yield from told(chosen)

    def signs(self, question: Question) -> Mapping[str, float]:
        """The evidence that the passages answer, what follows from it, and how much would be quoted."""
        asked = self._asked(question.query or question.text)
        vectors = self._sentences(question.passages)
        found = candidates(asked, question.passages, vectors, fitted().sentence)
        if not found:
            return {}
        evidence = certainty(asked, found, question.passages, vectors)
        odds = float(fitted().answerable.odds(evidence))
        quoted = len(choose(found, self._options.sentences, self._options.share))
        return {
            "odds": odds,
            "sentences": float(quoted),
            **dict(zip(OF_THE_QUESTION, map(float, evidence), strict=True)),
        }

    def _asked(self, text: str) -> Asked:
        return Asked(text, np.asarray(self._embedder.embed_query(text), np.float32), self._weigh(text))


def choose(found: Sequence[Candidate], most: int, share: float) -> list[Candidate]:
    """The best sentence, and up to `most` that are nearly as likely and say something else, best first. What
    follows the very best in their passage comes with them.
    """
    chosen: list[Candidate] = []
    here = {(candidate.passage.id, candidate.place): candidate for candidate in found}
    least = share * likelihood(found[0].odds)
    leading = 0
    for candidate in found:
        if len(chosen) >= most or likelihood(candidate.odds) < least:
            break
        if candidate in chosen or any(says_the_same(candidate.text, other.text) for other in chosen):
            continue
        following = here.get((candidate.passage.id, candidate.place + 1)) if leading < LEADING else None
        leading += 1
        chosen.append(candidate)
        if following and following not in chosen and goes_on(candidate, following):
            chosen.append(following)
    return chosen[:most]


def goes_on(sentence: Candidate, following: Candidate) -> bool:
    """Whether what follows may belong to a sentence; the next row of a table is about something else."""
    return not is_row(sentence.text) and not is_row(following.text)


def says_the_same(one: str, other: str) -> bool:
    """Whether the two share nearly all of their telling words."""
    a, b = words(one), words(other)
    return len(a & b) >= ALIKE * max(1, min(len(a), len(b))) and len(a | b) <= len(a & b) / ALIKE + 1


def paragraphs(chosen: Sequence[Candidate]) -> list[list[Candidate]]:
    """By passage, the best one first; inside a passage in its own order, neighbours together."""
    order = list(dict.fromkeys(candidate.passage.id for candidate in chosen))
    inside = sorted(chosen, key=lambda each: (order.index(each.passage.id), each.place))
    runs = groupby(enumerate(inside), key=lambda each: (each[1].passage.id, each[1].place - each[0]))
    return [[candidate for _, candidate in run] for _, run in runs]


def told(chosen: Sequence[Candidate]) -> Iterator[Event]:
    """Each sentence with its citation; passages are numbered by first use."""
    numbers: dict[str, int] = {}
    before = ""
    for paragraph in paragraphs(chosen):
        for position, sentence in enumerate(paragraph):
            if position:
                before = between(sentence.passage.text[paragraph[position - 1].end : sentence.start])
            yield Token(before + readable(sentence))
            number = numbers.setdefault(sentence.passage.id, len(numbers) + 1)
            yield Citation(number, sentence.passage, sentence.text)
        before = "\n\n"


def between(text: str) -> str:
    """What stands between two sentences, such as a blank; the head of a table is read out with its rows."""
    return "\n".join(line for line in text.split("\n") if not is_row(line))


def readable(sentence: Candidate) -> str:
    """The quote as it is read: table rows with their column heads, the rest as it stands."""
    lines = sentence.text.strip().splitlines()
    if any(map(is_row, lines)):
        heads = column_heads(sentence.passage.text, sentence.end)
        return "\n".join(spoken for line in lines if (spoken := row_as_words(line, heads)))
    return sentence.text.strip()
