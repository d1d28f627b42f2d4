"""A desk's question with its answer, and how pairs say that they cannot be taken."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from strategies.evidence import content
from strategies.wording import bare, folded

Part = Literal["train", "held-out", ""]

TOLD = 10  # faults that the message of BadPairs names; all are in `faults`


@dataclass(frozen=True)
class Pair:
    """One wording of a question, and what the desk answers.

    Wordings that ask the same share `fact`; "" means that nobody said which. `document` is the id of the
    document that the pair was drawn from. `split` is the part it was given to: once "held-out", training
    never sees it.
    """

    question: str
    answer: str
    fact: str = ""
    language: str = ""
    tags: tuple[str, ...] = ()
    document: str = ""
    split: Part = ""

    @property
    def key(self) -> str:
        """The same question with the same answer has the same key, whatever its spaces and capitals."""
        return digest(folded(self.question), folded(self.answer))

    @property
    def wording(self) -> str:
        """The question without what does not change it: capitals, spaces, punctuation."""
        return bare(self.question)

    @property
    def subject(self) -> str:
        """What tells the fact where nobody named it: the answer, and the question if that is a mere Yes."""
        return bare(self.answer if len(content(self.answer)) > 1 else f"{self.question}\n{self.answer}")

    @property
    def about(self) -> str:
        """The fact's id. Where none is given, pairs of one answer are about one fact."""
        return self.fact or digest(self.subject)[:12]


@dataclass(frozen=True)
class Fault:
    """Why a line cannot be taken. Line 0 is the file as a whole."""

    line: int
    sentence: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.sentence}" if self.line else self.sentence


class BadLines(ValueError):
    """A file holds nothing that can be taken, or lines that cannot; `faults` has every one of them."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        more = len(faults) - TOLD
        told = [str(fault) for fault in faults[:TOLD]] + ([f"and {more} more"] if more > 0 else [])
        super().__init__("; ".join(told))


class BadPairs(BadLines):
    """What was given holds no pairs, or lines that are none."""


def pairs_hash(pairs: Iterable[Pair]) -> str:
    """The same pairs in any order have the same hash."""
    return digest(*sorted(json.dumps(asdict(pair), ensure_ascii=False, sort_keys=True) for pair in pairs))


def digest(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()
