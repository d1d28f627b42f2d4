"""Where two answers differ, word by word; in Japanese character by character."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

PIECES = re.compile(r"[^\W\u3040-\u30ff\u3400-\u9fff]+|\s+|.", re.DOTALL)
MOST = 2000  # pieces of a text that are compared; two longer ones would keep a reader waiting


@dataclass(frozen=True)
class Piece:
    text: str
    differs: bool = False


def marked(one: str, other: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts in pieces, those marked that the other does not have in that place."""
    ours, theirs = PIECES.findall(one), PIECES.findall(other)
    if not ours or not theirs or len(ours) > MOST or len(theirs) > MOST:
        return [Piece(one)] if one else [], [Piece(other)] if other else []
    same = SequenceMatcher(None, ours, theirs, autojunk=False).get_matching_blocks()
    return (
        list(_pieces(ours, [(block.a, block.size) for block in same])),
        list(_pieces(theirs, [(block.b, block.size) for block in same])),
    )


def _pieces(said: Sequence[str], same: Sequence[tuple[int, int]]) -> Iterator[Piece]:
    """A white space that alone is the same between two differences is marked with them."""
    at = 0
    for start, size in same:
        if start > at:
            yield Piece("".join(said[at:start]), differs=True)
        if size:
            yield Piece("".join(said[start : start + size]))
        at = start + size
