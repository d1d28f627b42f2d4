"""What a document said before: its versions that ended, and how one differs from the next.

Earlier words are kept to be compared and never answer. They go with the document when it is deleted.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from knowledge_base import answering
from knowledge_base.catalogue import Document
from knowledge_base.database import reading
from knowledge_base.edits import likeness, plain
from knowledge_base.errors import NotFound
from knowledge_base.tables import earlier, versions

NUMBER = r"\d+(?:[.,:]\d+)+"  # 1.7, 9,50, 10:30
WORD = re.compile(  # of Japanese, each character
    rf"{NUMBER}|[^\W_\u3040-\u30ff\u4e00-\u9fff]+|\s+|.", re.DOTALL
)
MOST_WORDS = 3000  # of a passage that are compared one by one


@dataclass(frozen=True)
class Piece:
    """A passage of some version."""

    id: str
    text: str
    headings: tuple[str, ...] = ()
    page: int | None = None


@dataclass(frozen=True)
class Version:
    """`ended_at` is None for the one that answers."""

    number: int
    title: str
    hash: str
    size: int
    by: str
    created_at: datetime
    ended_at: datetime | None = None
    pieces: tuple[Piece, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Change:
    """`words` tell a changed passage word by word."""

    kind: Literal["same", "changed", "added", "removed"]
    old: Piece | None = None
    new: Piece | None = None
    words: tuple[tuple[Literal["same", "added", "removed"], str], ...] = ()


def versions_of(engine: sa.Engine, document: Document) -> list[Version]:
    """The newest first, those that are kept."""
    with reading(engine) as connection:
        mine = sa.select(earlier).where(earlier.c.document_id == document.id)
        rows = connection.execute(mine.order_by(earlier.c.number.desc())).all()
        now = connection.execute(
            sa.select(versions).where(
                versions.c.document_id == document.id, versions.c.number == document.live_version
            )
        ).one_or_none()
    found = [_version(row, tuple(map(_piece, row.passages)), row.ended_at) for row in rows]
    if now is None:
        return found
    there = answering.passages_of(engine, document.id)
    pieces = tuple(Piece(each.id, each.text, each.headings, each.page) for each in there)
    return [_version(now, pieces), *found]


def between(found: Sequence[Version], old: int, new: int) -> tuple[Change, ...]:
    """What changed from one version to another. Raises NotFound for one that is not kept."""
    by_number = {version.number: version for version in found}
    for number in (old, new):
        if number not in by_number:
            raise NotFound(f"version {number} of the document is not kept")
    return tuple(compare(by_number[old].pieces, by_number[new].pieces))


def compare(old: Sequence[Piece], new: Sequence[Piece]) -> Iterator[Change]:
    """Passage by passage; those that changed stand beside those that they have become."""
    before, after = [plain(piece.text) for piece in old], [plain(piece.text) for piece in new]
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for kind, start, end, into, until in matcher.get_opcodes():
        if kind == "equal":
            yield from (
                Change("same", one, other) for one, other in zip(old[start:end], new[into:until], strict=True)
            )
        else:
            yield from _paired(old[start:end], new[into:until])


def _paired(old: Sequence[Piece], new: Sequence[Piece]) -> Iterator[Change]:
    waiting = list(new)
    for one in old:
        nearest = max(waiting, key=lambda other: likeness(plain(one.text), plain(other.text)), default=None)
        if nearest is None or not likeness(plain(one.text), plain(nearest.text)):
            yield Change("removed", old=one)
            continue
        while waiting[0] is not nearest:
            yield Change("added", new=waiting.pop(0))
        waiting.pop(0)
        yield Change("changed", one, nearest, tuple(_words(one.text, nearest.text)))
    yield from (Change("added", new=one) for one in waiting)


def _words(old: str, new: str) -> Iterator[tuple[Literal["same", "added", "removed"], str]]:
    before, after = WORD.findall(old), WORD.findall(new)
    if len(before) > MOST_WORDS or len(after) > MOST_WORDS:
        yield "removed", old
        yield "added", new
        return
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    for kind, start, end, into, until in matcher.get_opcodes():
        if kind == "equal":
            yield "same", "".join(before[start:end])
            continue
        if start < end:
            yield "removed", "".join(before[start:end])
        if into < until:
            yield "added", "".join(after[into:until])


def _version(row: Any, pieces: tuple[Piece, ...], ended_at: datetime | None = None) -> Version:
    return Version(row.number, row.title, row.hash, row.size, row.by, row.created_at, ended_at, pieces)


def _piece(kept: Any) -> Piece:
    return Piece(kept["id"], kept["text"], tuple(kept["headings"]), kept["page"])
