"""Which documents say the same as an answer that was made without them.

The product model cites nothing: it read nothing. Afterwards the index is asked, and a passage is shown as a
source only when it holds a sentence of the answer: all of its numbers, and nearly all of its telling words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from knowledge_base.passages import Passage
from knowledge_base.sentences import sentences
from strategies.citing import quote
from strategies.events import Citation
from strategies.evidence import content, covered, numbers, weights, without_steps

HOLDS = 0.75  # of what a sentence says
BORNE_OUT = 0.4  # of it, where it was asked for and only shall not be contradicted
FEW = 3  # telling words; a sentence of fewer, without a number, says nothing that could be held


@dataclass(frozen=True)
class Support:
    """The sources of an answer, and how many of its sentences that say something they hold."""

    citations: tuple[Citation, ...]
    held: int
    sentences: int


def supported(answer: str, language: str, passages: Sequence[Passage]) -> Support:
    """What of an answer these passages hold."""
    said = list(statements(answer, language))
    inside = [content(" ".join([passage.title, *passage.headings, passage.text])) for passage in passages]
    weight = weights(inside)
    found: dict[str, Citation] = {}
    held = 0
    for words in said:
        shares = [
            covered(words, by, weight) if numbers(words) <= content(passage.text) else 0.0
            for passage, by in zip(passages, inside, strict=True)
        ]
        best = max(range(len(shares)), key=lambda at: shares[at], default=0)
        if not shares or shares[best] < HOLDS:
            continue
        held += 1
        passage = passages[best]
        found.setdefault(passage.id, Citation(len(found) + 1, passage, quote(passage, words)))
    return Support(tuple(found.values()), held, len(said))


def borne_out(answer: str, asked: str, language: str, passages: Sequence[Passage]) -> bool:
    """Whether these passages bear out each sentence that says something. What an adapter was taught may have
    changed since, and a document knows.
    """
    return all(share >= BORNE_OUT for _, share, _ in standing(answer, asked, language, passages))


def standing(
    answer: str, asked: str, language: str, passages: Sequence[Passage]
) -> Iterator[tuple[str, float, str]]:
    """Each sentence that says something, how much of its words stands in one of these passages that has all
    of its numbers (a share, 0 where none has), and the source of that passage.
    """
    question = content(asked)
    inside = [content(" ".join([passage.title, *passage.headings, passage.text])) for passage in passages]
    weight = weights(inside)
    for sentence, words in telling(without_steps(answer), language):
        shares = (
            (covered(words, by, weight), passage.source)
            for passage, by in zip(passages, inside, strict=True)
            if numbers(words) <= by | question
        )
        yield sentence, *max(shares, key=lambda each: each[0], default=(0.0, ""))


def statements(answer: str, language: str) -> Iterator[frozenset[str]]:
    """The telling words of each sentence that says something."""
    return (words for _, words in telling(answer, language))


def telling(answer: str, language: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Each sentence that says something, with its telling words."""
    for start, end in sentences(answer, language):
        words = content(answer[start:end])
        if numbers(words) or len(words) >= FEW:
            yield answer[start:end], words
