"""Held-out questions, and the only door through which training gets its pairs.

A pair is held out for one of two reasons:

* paraphrase   another wording of the same question is taught: does the model understand?
* fact         nothing about it is taught: does the model know that it does not know?

Which pair that is depends on its own content alone, so a pair that is added moves no other (the one
exception: of a fact whose every wording would be held out, one is taught, and a better one may come). What
was decided once is written into the pair: `Split.marked`. A mark stands, whatever the seed; "held-out"
stands above all.

`Taught` cannot be made with a held-out question in it, in whichever way the pair came there: by its mark,
its wording, or its fact. Training, `augment` and `raft` take their pairs as `Taught`.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import overload

from strategies.lora.pairs.values import Pair, Part
from strategies.wording import bare

SHARE = 0.2  # of the wordings
FACTS = 0.1  # of the facts


class HeldOutRead(Exception):
    """A held-out question was about to be taught. It is a fault of the program, never of the pairs."""


@dataclass(frozen=True)
class HeldOut:
    """What must not be taught: wordings, and facts of which nothing may be."""

    wordings: frozenset[str] = frozenset()
    facts: frozenset[str] = frozenset()

    def __contains__(self, question: object) -> bool:
        return isinstance(question, str) and bare(question) in self.wordings

    def holds(self, pair: Pair) -> bool:
        return pair.split == "held-out" or pair.question in self or pair.about in self.facts


class Taught(Sequence[Pair]):
    """Pairs that may be taught. HeldOutRead if one of them is held out."""

    def __init__(self, pairs: Iterable[Pair], held_out: HeldOut) -> None:
        self._pairs = tuple(pairs)
        self.held_out = held_out
        for pair in self._pairs:
            if held_out.holds(pair):
                raise HeldOutRead(f"the question {pair.question!r} is held out and must not be taught")

    @overload
    def __getitem__(self, index: int) -> Pair: ...
    @overload
    def __getitem__(self, index: slice) -> Taught: ...
    def __getitem__(self, index: int | slice) -> Pair | Taught:
        found = self._pairs[index]
        return found if isinstance(found, Pair) else Taught(found, self.held_out)

    def __len__(self) -> int:
        return len(self._pairs)

    def __iter__(self) -> Iterator[Pair]:
        return iter(self._pairs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Taught) and (self._pairs, self.held_out) == (other._pairs, other.held_out)

    def __hash__(self) -> int:
        return hash(self._pairs)

    def __repr__(self) -> str:
        return f"<{len(self)} pairs that may be taught>"

    def with_more(self, more: Iterable[Pair]) -> Taught:
        """These and more; what happens to be a held-out question is left out."""
        return Taught((*self, *(pair for pair in more if not self.held_out.holds(pair))), self.held_out)


@dataclass(frozen=True)
class Split:
    """The parts, each in the order in which its pairs came. Every pair carries its mark."""

    train: Taught
    held_out_paraphrases: tuple[Pair, ...] = ()
    held_out_facts: tuple[Pair, ...] = ()
    held_out: HeldOut = field(init=False)

    def __post_init__(self) -> None:
        kept = (*self.held_out_paraphrases, *self.held_out_facts)
        facts = frozenset(pair.about for pair in self.held_out_facts)
        object.__setattr__(self, "held_out", HeldOut(frozenset(pair.wording for pair in kept), facts))
        object.__setattr__(self, "train", Taught(self.train, self.held_out))

    @property
    def marked(self) -> tuple[Pair, ...]:
        """Every pair with the part it was given to, to be kept."""
        return (*self.train, *self.held_out_paraphrases, *self.held_out_facts)


def split(pairs: Iterable[Pair], seed: int = 0, share: float = SHARE, facts: float = FACTS) -> Split:
    """Hold out about `share` of the wordings, and all that is about `facts` of the facts."""
    pairs = list(pairs)
    kept = _held_out_wordings(pairs, seed, share, facts)
    parts: dict[str, list[Pair]] = defaultdict(list)
    taught = {pair.about for pair in pairs if pair.wording not in kept}
    for pair in pairs:
        if pair.wording not in kept:
            parts["train"].append(_given(pair, "train"))
        elif pair.about in taught:
            parts["paraphrases"].append(_given(pair, "held-out"))
        else:
            parts["facts"].append(_given(pair, "held-out"))
    return Split(Taught(parts["train"], HeldOut()), tuple(parts["paraphrases"]), tuple(parts["facts"]))


def _held_out_wordings(pairs: Sequence[Pair], seed: int, share: float, facts: float) -> set[str]:
    """All pairs of one wording are in one part."""
    marked = {pair.wording for pair in pairs if pair.split == "held-out"}
    fixed = {pair.wording for pair in pairs if pair.split == "train"} - marked
    known = {pair.about for pair in pairs if pair.wording in fixed}
    withheld = marked.copy()
    open_ones: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        if pair.about not in known and _chance(seed, "fact", pair.about) < facts:
            withheld |= {pair.wording} - fixed
        else:
            open_ones[pair.about].append(pair)
    drawn: set[str] = set()
    spared: set[str] = set()
    for fact, wordings in open_ones.items():
        lots = {pair.wording: _chance(seed, "wording", pair.wording) for pair in wordings}
        lots = {wording: lot for wording, lot in lots.items() if wording not in withheld | fixed}
        drawn |= {wording for wording, lot in lots.items() if lot < share}
        if lots and fact not in known and drawn >= lots.keys():
            spared.add(max(lots, key=lots.__getitem__))
    return withheld | (drawn - spared)


def _given(pair: Pair, part: Part) -> Pair:
    return pair if pair.split == part else replace(pair, split=part)


def _chance(seed: int, kind: str, content: str) -> float:
    """A number from 0 to 1 that this content always draws."""
    drawn = hashlib.sha256(f"{seed}\n{kind}\n{content}".encode()).digest()[:8]
    return int.from_bytes(drawn) / 2**64
