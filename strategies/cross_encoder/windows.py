"""How a question and a text are put before the network: one row of tokens, and where each sentence lies.

[CLS] question [SEP] headings [SEP] sentence sentence sentence [SEP]
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from knowledge_base.passages import Passage
from strategies.rows import read_out
from strategies.wording import as_asked

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MARKS = (("[CLS]", "[SEP]"), ("<s>", "</s>"))  # of BERT's vocabularies, and of SentencePiece's
LONGEST = 256  # tokens of a row; what does not fit is not read
LONGEST_QUESTION = 56
LONGEST_HEADINGS = 32  # the last of them are kept: they are the nearest
REMEMBERED = 10_000  # headings and sentences: what many ask about is read again and again


@dataclass(frozen=True)
class Text:
    """What may answer: sentences in their order, below headings."""

    headings: str
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class Window:
    """Token numbers, and of each sentence the first and the one behind its last; (0, 0) of one that no longer
    fits.
    """

    ids: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]


def text_of(passage: Passage, first: int = 0, end: int | None = None) -> Text:
    """A passage's sentences from the first to the one before `end` as they are read: rows of a table with
    their column heads.
    """
    above = " › ".join(dict.fromkeys([passage.title, *passage.headings]))
    return Text(above, tuple(read_out(passage.text, *span) for span in passage.sentences[first:end]))


def marks(numbers: Tokenizer) -> tuple[int, int]:
    """What a row begins with and what each part ends with. Raises ValueError where there is no such token."""
    for each in MARKS:
        first, between = map(numbers.token_to_id, each)
        if first is not None and between is not None:
            return first, between
    raise ValueError(f"a vocabulary needs one of {MARKS}")


class Rows:
    """Makes rows of token numbers by a vocabulary."""

    def __init__(self, numbers: Tokenizer) -> None:
        self._numbers = numbers
        self._first, self._end = marks(numbers)
        self._remembered = lru_cache(maxsize=REMEMBERED)(self._numbered)

    def window(self, question: str, text: Text) -> Window:
        """The row for both. Sentences that do not fit whole are left out, but for the first."""
        asked, above = self._numbered(as_asked(question)), self._remembered(text.headings)
        ids = [self._first, *asked[:LONGEST_QUESTION], self._end, *above[-LONGEST_HEADINGS:], self._end]
        spans: list[tuple[int, int]] = []
        for number, sentence in enumerate(map(self._remembered, text.sentences)):
            room = LONGEST - len(ids) - 1
            fitting = sentence[:room] if number == 0 else sentence if len(sentence) <= room else ()
            spans.append((len(ids), len(ids) + len(fitting)) if fitting else (0, 0))
            ids += fitting
        return Window((*ids, self._end), tuple(spans))

    def forget(self) -> None:
        """Drop what is remembered."""
        self._remembered.cache_clear()

    def _numbered(self, text: str) -> tuple[int, ...]:
        readable = text.encode("utf-8", "replace").decode("utf-8")
        return tuple(self._numbers.encode(readable, add_special_tokens=False).ids)
