"""Which sentences of the passages a small model is given to read.

Found passages are longer than what a small model reads well and fast. The sentences that may answer are known
from the evidence behind `quotes`, so it is handed the best of them, with the headings above them, as long as
there is room; those of one passage stay together and in order. Training on retrieved passages reads through
the same function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from knowledge_base.passages import Passage
from strategies.base import Embedder, Weigh, alike
from strategies.quotes import paragraphs, readable, says_the_same
from strategies.quoting import Asked, Candidate, candidates, fitted

ROOM = 176  # tokens of the reader; what the shipped base was taught to read


@dataclass(frozen=True)
class Excerpt:
    """Neighbouring sentences of one passage, under its headings."""

    passage: Passage
    text: str


@dataclass(frozen=True)
class Reader:
    """Chooses excerpts. `count` tells a text's tokens; `sentences`, the vectors of passages' sentences."""

    embedder: Embedder
    sentences: Callable[[Sequence[Passage]], Sequence[Any]]
    count: Callable[[str], int]
    weigh: Weigh = alike
    room: int = ROOM

    def excerpts(self, question: str, passages: Sequence[Passage]) -> list[Excerpt]:
        """The likeliest first. Empty when there is nothing to read."""
        if not passages:
            return []
        asked = Asked(
            question, np.asarray(self.embedder.embed_query(question), np.float32), self.weigh(question)
        )
        found = candidates(asked, passages, self.sentences(passages), fitted().sentence)
        return [excerpt(run) for run in paragraphs(self._fitting(found))]

    def _fitting(self, found: Sequence[Candidate]) -> list[Candidate]:
        """The best sentences that fit, none that says what another one said."""
        chosen: list[Candidate] = []
        headed: set[str] = set()
        left = self.room
        for candidate in found:
            passage = candidate.passage
            cost = self.count(candidate.text) + 1
            cost += 0 if passage.id in headed else self.count(heading(passage)) + 2
            if cost <= left and not any(says_the_same(candidate.text, other.text) for other in chosen):
                chosen.append(candidate)
                headed.add(passage.id)
                left -= cost
        return chosen


def excerpt(run: Sequence[Candidate]) -> Excerpt:
    passage = run[0].passage
    said = " ".join(" ".join(readable(sentence).split()) for sentence in run)
    return Excerpt(passage, f"{heading(passage)}: {said}")


def heading(passage: Passage) -> str:
    """Where a passage stands, briefly: its document, and the nearest heading."""
    return " › ".join(dict.fromkeys([passage.title, *passage.headings[-1:]]))
