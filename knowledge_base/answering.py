"""The passages that answer, by their ids: what a search turns its hits into, and what an admin sees of a
document.

Passages are read from the database once and kept in memory for as long as nothing changes in what is
live. So is the knowledge that an id does not answer: the vectors of retired documents stay in ChromaDB,
and are met again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from knowledge_base.database import reading
from knowledge_base.passages import Passage
from knowledge_base.search import Nearest
from knowledge_base.tables import ANSWERING, builds, documents, embeddings, passages, tags, versions

Floats = NDArray[np.float32]
KEPT = 20_000  # passages in memory, about 2 kB each
SENTENCES_KEPT = 5_000  # passages whose sentences' vectors are in memory, about 10 kB each
AT_ONCE = 500  # values in one SQL list
FOR = "for:"  # how a tag begins that names an audience

_PASSAGES = (
    sa.select(passages, documents.c.source, versions.c.title, versions.c.language)
    .join(documents, documents.c.id == passages.c.document_id)
    .join(
        versions,
        sa.and_(versions.c.document_id == passages.c.document_id, versions.c.number == passages.c.version),
    )
    .order_by(passages.c.position)
)


class Answering:
    """The passages that answer at one index version; for a new version make a new one."""

    def __init__(self) -> None:
        self._passages: dict[str, Passage | None] = {}
        self._sentences: dict[str, Floats] = {}
        self._tags: dict[str, set[str]] | None = None

    def chosen(
        self, connection: sa.Connection, any_of: Collection[str], audience: Collection[str] | None
    ) -> Chosen:
        """The documents that have one of the tags, where any are given, without those that are for others
        than this audience: a tag `for:dealers` says for whom. None is somebody who may see everything.
        """
        if self._tags is None:
            found: dict[str, set[str]] = {}
            for document_id, tag in connection.execute(sa.select(tags)):
                found.setdefault(document_id, set()).add(tag)
            self._tags = found
        withheld = set() if audience is None else _withheld(self._tags, audience)
        tagged = {id_ for id_, its in self._tags.items() if its & set(any_of)} if any_of else None
        return Chosen(withheld, tagged)

    def ids(self, connection: sa.Connection, most: int) -> list[str]:
        """Of passages that answer, no more than so many."""
        found = sa.select(passages.c.id).join(documents, documents.c.id == passages.c.document_id)
        return list(connection.scalars(found.where(ANSWERING).limit(most)))

    def load(self, connection: sa.Connection, ids: Sequence[str]) -> dict[str, Passage]:
        """Those of the passages that answer, by id."""
        kept = self._passages
        if unknown := [id_ for id_ in ids if id_ not in kept]:
            if len(kept) + len(unknown) > KEPT:
                kept = self._passages = {id_: kept[id_] for id_ in ids if id_ in kept}
            found = _load(connection, unknown)
            kept.update((id_, found.get(id_)) for id_ in unknown)
        return {id_: passage for id_ in ids if (passage := kept.get(id_)) is not None}

    def sentences(self, connection: sa.Connection, ids: Sequence[str]) -> dict[str, Floats]:
        """The vectors of each passage's sentences as unit rows, by id, of those passages that are there."""
        kept = self._sentences
        if unknown := [id_ for id_ in ids if id_ not in kept]:
            if len(kept) + len(unknown) > SENTENCES_KEPT:
                kept = self._sentences = {id_: kept[id_] for id_ in ids if id_ in kept}
            kept.update(_sentences(connection, unknown))
        return {id_: kept[id_] for id_ in ids if id_ in kept}


@dataclass(frozen=True)
class Chosen:
    """Of which documents passages are wanted: of all but some, or of some of these alone."""

    withheld: Collection[str] = ()
    tagged: Collection[str] | None = None

    @property
    def everything(self) -> bool:
        return not self.withheld and self.tagged is None

    @property
    def nothing(self) -> bool:
        return self.tagged is not None and all(id_ in self.withheld for id_ in self.tagged)

    def __contains__(self, document_id: str) -> bool:
        return document_id not in self.withheld and (self.tagged is None or document_id in self.tagged)


@dataclass(frozen=True)
class Live:
    """The vectors of those passages that answer: others are passed over, however many are nearer."""

    vectors: Nearest
    load: Callable[[Sequence[str]], Mapping[str, Passage]]

    def search(self, vector: Sequence[float], k: int) -> list[tuple[str, float]]:
        asked = k
        while True:
            found = self.vectors.search(vector, asked)
            answer = self.load([id_ for id_, _ in found])
            live = [(id_, cosine) for id_, cosine in found if id_ in answer]
            if len(live) >= k or len(found) < asked:
                return live[:k]
            asked *= 4


def passages_of(engine: sa.Engine, document_id: str) -> list[Passage]:
    """A document's passages in order: of the version that answers, or else of the newest that is cut."""
    mine = builds.c.document_id == document_id
    part = sa.and_(
        passages.c.document_id == builds.c.document_id,
        passages.c.version == builds.c.version,
        passages.c.edition == builds.c.edition,
    )
    with reading(engine) as connection:
        answering = connection.execute(_PASSAGES.where(ANSWERING, documents.c.id == document_id)).all()
        if answering:
            return [_passage(row) for row in answering]
        last = sa.select(builds).where(mine).order_by(builds.c.version.desc(), builds.c.edition).limit(1)
        build = connection.execute(last).one_or_none()
        if build is None:
            return []
        query = _PASSAGES.join(builds, part).where(mine, builds.c.version == build.version)
        return [_passage(row) for row in connection.execute(query.where(builds.c.edition == build.edition))]


def by_id(engine: sa.Engine, ids: Sequence[str]) -> dict[str, Passage]:
    """Those of the passages that answer."""
    with reading(engine) as connection:
        return _load(connection, ids)


def neighbours(engine: sa.Engine, passage: Passage, each_side: int) -> list[Passage]:
    """The passages around one, itself among them, in order."""
    around = passages.c.position.between(passage.position - each_side, passage.position + each_side)
    query = _PASSAGES.where(ANSWERING, passages.c.document_id == passage.document_id, around)
    with reading(engine) as connection:
        return [_passage(row) for row in connection.execute(query)] or [passage]


def _withheld(tags_of: Mapping[str, set[str]], audience: Collection[str]) -> set[str]:
    listening = {one.casefold() for one in audience}
    meant = {
        id_: {tag.removeprefix(FOR).strip().casefold() for tag in its if tag.startswith(FOR)}
        for id_, its in tags_of.items()
    }
    return {id_ for id_, names in meant.items() if names and not names & listening}


def _sentences(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Floats]:
    dimension = sa.func.length(embeddings.c.vector) / 4  # four bytes a number
    query = sa.select(embeddings.c.passage_id, embeddings.c.sentences, dimension.label("dimension"))
    rows = connection.execute(query.where(embeddings.c.passage_id.in_(ids)))
    return {row.passage_id: _unit(row.sentences, int(row.dimension)) for row in rows}


def _unit(stored: bytes, dimension: int) -> Floats:
    vectors = np.frombuffer(stored, "<f2").astype(np.float32).reshape(-1, dimension)
    unit: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6)
    return unit


def _load(connection: sa.Connection, ids: Sequence[str]) -> dict[str, Passage]:
    found: dict[str, Passage] = {}
    for start in range(0, len(ids), AT_ONCE):
        some = passages.c.id.in_(ids[start : start + AT_ONCE])
        found.update((row.id, _passage(row)) for row in connection.execute(_PASSAGES.where(ANSWERING, some)))
    return found


def _passage(row: Any) -> Passage:
    return Passage(
        id=row.id,
        document_id=row.document_id,
        title=row.title,
        source=row.source,
        text=row.text,
        version=row.version,
        headings=tuple(row.headings),
        page=row.page,
        position=row.position,
        language=row.language,
        tokens=row.tokens,
        sentences=tuple((start, end) for start, end in row.sentences),
    )
