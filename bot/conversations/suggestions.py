"""What a customer may want to ask next: headings that stand beside the passages an answer rests on.

A heading is suggested only where asking it finds the very passage below it, so that a suggestion leads to
an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Protocol

from bot.conversations.record import Message
from knowledge_base.passages import Passage

MOST = 3
EACH_SIDE = 4  # passages beside a cited one that are looked at
TRIED = 8  # headings that are searched for, at most
CLOSE = 0.45  # cosine similarity from which a heading is about its passage
TELLING = re.compile(r"[^\W\d_]{2,}.*[^\W\d_]")  # a heading with words, not "2.1" or "A"
LONGEST = 80


class Library(Protocol):
    """The doors of knowledge_base that are needed here."""

    def by_id(self, ids: Sequence[str]) -> dict[str, Passage]: ...
    def neighbours(self, passage: Passage, each_side: int = 1) -> Sequence[Passage]: ...
    def search(self, query: str, k: int = 5) -> Sequence[Passage]: ...


def after(message: Message, library: Library) -> list[str]:
    """Up to three questions; none beside an answer that is not one."""
    if message.abstained or message.partial:
        return []
    cited = library.by_id(list(dict.fromkeys(shown.passage_id for shown in message.citations)))
    read = {passage.headings for passage in cited.values()}
    good: list[str] = []
    for tried, (heading, below) in enumerate(_beside(list(cited.values()), library)):
        if tried >= TRIED or len(good) == MOST:
            break
        if below.headings not in read and _leads_to(heading, below, library):
            good.append(heading)
    return good


def _beside(cited: Sequence[Passage], library: Library) -> Iterator[tuple[str, Passage]]:
    """Each heading once, the nearest first."""
    seen = {passage.headings[-1] for passage in cited if passage.headings}
    for passage in cited:
        around = library.neighbours(passage, EACH_SIDE)
        for below in sorted(around, key=lambda other: abs(other.position - passage.position)):
            heading = below.headings[-1] if below.headings else ""
            if heading not in seen and len(heading) <= LONGEST and TELLING.search(heading):
                seen.add(heading)
                yield heading, below


def _leads_to(heading: str, below: Passage, library: Library) -> bool:
    """Whether whoever asks this is led to what stands below it."""
    best = next(iter(library.search(heading, 1)), None)
    return (
        best is not None
        and (best.document_id, best.headings) == (below.document_id, below.headings)
        and (best.dense or 0.0) >= CLOSE
    )
