"""A model that only says the same again is stopped, and its customer reads it once.

Small models fall into one sentence, or into a few that take turns, and never get out. So a sentence, a line
or what stands between commas is held back while it agrees, from its first letter, with one that was just
said: a word or two, where it then goes on otherwise. After the third time in a row nobody listens any more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from textwrap import shorten

from strategies.events import Decision

SENTENCE = re.compile(r"""\s*\S.*?(?:[.!?:;,][)\]"'*_]*(?=\s)|[。！？：；、，]|(?=\n))""", re.DOTALL)
TURNS = 6  # so many sentences may take turns
TIMES = 3
SHOWN = 120  # characters of it in the record
LETTERS = 24  # of all that was said again: "Yes. Yes. Yes." may be meant


class Once:
    """One answer. `again` is what was said again and again, where that ended it."""

    def __init__(self) -> None:
        self.again = ""
        self._said: list[str] = []  # whole sentences
        self._begin: list[int] = []  # where each of them begins
        self._whole = 0  # where the last of them ends

    def words(self, pieces: Iterable[str]) -> Iterator[str]:
        text, passed = "", 0  # how much of it was passed on
        for piece in pieces:
            text += piece
            ready = self._ready(text)
            if ready > passed:
                yield text[passed:ready]
                passed = ready
            if self.again:
                return
        if text[passed:]:
            yield text[passed:]

    def decided(self, by: str) -> Iterator[Decision]:
        """What the record is told of it."""
        if self.again:
            said = shorten(self.again, SHOWN, placeholder="…")
            yield Decision(by, "the answer was stopped", f"the model said the same again and again: {said!r}")

    def _ready(self, text: str) -> int:
        """Up to where it may be passed on."""
        while found := SENTENCE.match(text, self._whole):
            self._said.append(found[0].strip())
            self._begin.append(self._whole)
            self._whole = found.end()
            many, turns = self._agree("")
            if self._endless(many, turns):
                self.again = " ".join(self._said[-turns:])
                return self._begin[-many]
        rest = text[self._whole :].strip()
        many, turns = self._agree(rest)
        if many:
            return self._begin[-many]
        return self._whole if rest and turns else len(text)

    def _agree(self, rest: str) -> tuple[int, int]:
        """How many of the last sentences are those before them, and how many take turns at it; none where
        the one that has begun goes on otherwise.
        """
        possible = range(1, min(TURNS, len(self._said)) + 1)
        goes_on = (turns for turns in possible if self._said[-turns].startswith(rest))
        found = ((same(self._said, turns), turns) for turns in goes_on)
        return max(found, key=lambda one: (one[0], -one[1]), default=(0, 0))

    def _endless(self, many: int, turns: int) -> bool:
        if not turns or many < (TIMES - 1) * turns:
            return False
        letters = sum(len("".join(sentence.split())) for sentence in self._said[-turns:])
        return letters * (many // turns + 1) >= LETTERS


def same(said: Sequence[str], turns: int) -> int:
    """How many at its end are those that stand so many places before."""
    many = 0
    for one, before in zip(reversed(said), reversed(said[:-turns]), strict=False):
        if one != before:
            break
        many += 1
    return many
