"""Editions: the same documents, prepared for one embedding identity each.

Vectors of different models must never be compared, and passages cut by different rules are different
passages. So a change of the embedding model or of the passage rules prepares a whole new edition beside
the one that answers, and the library turns to it in one transaction when nothing is missing. Until then
the old one answers.
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from knowledge_base import edits
from knowledge_base.catalogue import (
    Superseded,
    bump,
    describe,
    ensure_library,
    make_live,
    move_on,
    present,
    publish,
    remember,
)
from knowledge_base.database import insert_new, reading, writing
from knowledge_base.edits import Edit, Edited
from knowledge_base.passages import Cut, Reading
from knowledge_base.tables import builds, documents, editions, embeddings, library, passages

Floats = NDArray[np.float32]
AT_ONCE = 500  # values in one SQL list


@dataclass(frozen=True)
class Edition:
    """What passages and vectors must have in common to be compared. Its name stands in the id of each
    passage.
    """

    model: str  # as configured, to load it again
    identity: str  # of the embedder: model, revision and dimension
    rules: str  # how passages are cut, and the product's name in front of them

    @cached_property
    def name(self) -> str:
        return hashlib.sha256(f"{self.identity}\n{self.rules}".encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Embedded:
    """A passage's vectors, as the embedder made them."""

    passage_id: str
    vector: Floats  # (dimension,)
    sentences: Floats  # (sentences, dimension)


class Editions:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    # which edition answers

    def adopt(self, edition: Edition) -> None:
        """Know the edition, and let it be the library's if no other has anything to lose."""
        with writing(self._engine) as connection:
            ensure_library(connection)
            row = {"model": edition.model, "identity": edition.identity, "rules": edition.rules}
            insert_new(connection, editions, [{"name": edition.name, **row}])
            answering = sa.select(documents.c.id).where(documents.c.live_version.is_not(None))
            if connection.scalar(answering.limit(1)) is None:
                connection.execute(sa.update(library).values(edition=edition.name))

    def live(self) -> Edition | None:
        with reading(self._engine) as connection:
            return live_edition(connection)

    def known(self) -> list[Edition]:
        """The one that answers, and those being prepared."""
        with reading(self._engine) as connection:
            return [
                Edition(row.model, row.identity, row.rules) for row in connection.execute(sa.select(editions))
            ]

    def library_name(self) -> str:
        with writing(self._engine) as connection:
            ensure_library(connection)
            return str(connection.scalar(sa.select(library.c.name)))

    def missing(self, edition: str) -> list[tuple[str, int]]:
        """The documents that answer now and are not ready in this edition, each with its version."""
        with reading(self._engine) as connection:
            return _missing(connection, edition)

    def turn_to(self, edition: str, without: Collection[str] = (), *, hold: bool = False) -> bool:
        """Let the edition answer, if all documents are ready in it; `without` are those that no longer
        can be. The one that answered is kept, to be gone back to.
        """
        with writing(self._engine) as connection:
            if any(document_id not in without for document_id, _ in _missing(connection, edition)):
                return False
            for document_id, version in _ready(connection, edition).items():
                remember(connection, document_id, version)
            before = connection.scalar(sa.select(library.c.edition))
            connection.execute(sa.update(library).values(edition=edition, previous=before, held=hold))
            ready = _ready(connection, edition)
            for document_id in without:
                if document_id not in ready:
                    connection.execute(
                        sa.update(documents).where(documents.c.id == document_id).values(live_version=None)
                    )
            _keep_only(connection, {edition, before})
            for document_id, version in ready.items():
                make_live(connection, document_id, version)
            for document_id in connection.scalars(sa.select(documents.c.id)).all():
                publish(connection, document_id)
            bump(connection)
            return True

    def hold(self, held: bool) -> None:
        """While held, no other edition is built, and uploads are prepared for the one that answers."""
        with writing(self._engine) as connection:
            ensure_library(connection)
            connection.execute(sa.update(library).values(held=held))

    def held(self) -> bool:
        with reading(self._engine) as connection:
            return bool(connection.scalar(sa.select(library.c.held)))

    def previous(self) -> Edition | None:
        """The one that answered before, while it is kept."""
        query = sa.select(editions).join(library, library.c.previous == editions.c.name)
        with reading(self._engine) as connection:
            row = connection.execute(query.where(library.c.previous != library.c.edition)).one_or_none()
            return Edition(row.model, row.identity, row.rules) if row else None

    def let_go(self) -> None:
        """Forget what does not answer: the edition before, and one that is being built."""
        with writing(self._engine) as connection:
            _keep_only(connection, {connection.scalar(sa.select(library.c.edition))})
            connection.execute(sa.update(library).values(previous=None))

    def prepared(self, edition: str) -> tuple[int, int]:
        """How many of the documents that answer are ready in it, and how many there are."""
        with reading(self._engine) as connection:
            answering = sa.select(sa.func.count()).where(
                documents.c.live_version.is_not(None), documents.c.step != "removing"
            )
            every = connection.scalar(answering.select_from(documents)) or 0
            return every - len(_missing(connection, edition)), every

    # preparing one version of a document

    def built(self, document_id: str, version: int, edition: str) -> bool:
        """Whether its passages are cut and kept."""
        with reading(self._engine) as connection:
            return (
                connection.scalar(sa.select(builds.c.passages).where(_build(document_id, version, edition)))
                is not None
            )

    def edits(self, document_id: str) -> list[Edit]:
        with reading(self._engine) as connection:
            return edits.of_document(connection, document_id)

    def keep_passages(
        self, document_id: str, version: int, edition: str, read: Reading, made: Edited
    ) -> None:
        """All passages of a version, or none; and what became of the edits in it."""
        with writing(self._engine) as connection:
            _wanted(connection, document_id, version)
            describe(connection, document_id, version, read)
            owner = {"document_id": document_id, "version": version, "edition": edition}
            insert_new(connection, passages, [{**owner, **_row(owner, cut)} for cut in made.cuts])
            insert_new(connection, builds, [{**owner, "passages": len(made.cuts), "embedded": False}])
            edits.keep_outcomes(connection, version, made.outcomes)
            move_on(connection, document_id, version, "cut")

    def reuse(self, document_id: str, version: int, edition: str) -> None:
        """Passages that an earlier version of the document has word for word get its vectors."""
        old, new = passages.alias("old"), passages.alias("new")
        same = sa.and_(
            old.c.document_id == new.c.document_id,
            old.c.edition == new.c.edition,
            old.c.version < new.c.version,
            old.c.text == new.c.text,
            old.c.context == new.c.context,
        )
        query = (
            sa.select(new.c.id, embeddings.c.vector, embeddings.c.sentences, old.c.sentences, new.c.sentences)
            .join(old, same)
            .join(embeddings, embeddings.c.passage_id == old.c.id)
            .where(new.c.document_id == document_id, new.c.version == version, new.c.edition == edition)
        )
        with writing(self._engine) as connection:
            _wanted(connection, document_id, version)
            rows = connection.execute(query).all()
            kept = {id_: (vector, each) for id_, vector, each, before, now in rows if before == now}
            columns = "passage_id", "vector", "sentences"
            insert_new(
                connection,
                embeddings,
                [dict(zip(columns, (id_, *vectors), strict=True)) for id_, vectors in kept.items()],
            )

    def waiting(self, document_id: str, version: int, edition: str) -> list[tuple[str, Cut]]:
        """The passages that have no vectors yet, in order."""
        query = (
            sa.select(passages)
            .outerjoin(embeddings)
            .where(_part(document_id, version, edition), embeddings.c.passage_id.is_(None))
        )
        with reading(self._engine) as connection:
            return [(row.id, _cut(row)) for row in connection.execute(query.order_by(passages.c.position))]

    def keep_vectors(self, document_id: str, version: int, made: Sequence[Embedded], progress: float) -> None:
        with writing(self._engine) as connection:
            _wanted(connection, document_id, version)
            insert_new(connection, embeddings, [_vectors(one) for one in made])
            move_on(connection, document_id, version, "cut", progress)

    def embedded(self, document_id: str, version: int, edition: str, progress: float) -> None:
        """All of its passages have vectors: ChromaDB may have them."""
        with writing(self._engine) as connection:
            _wanted(connection, document_id, version)
            connection.execute(
                sa.update(builds).where(_build(document_id, version, edition)).values(embedded=True)
            )
            move_on(connection, document_id, version, "embedded", progress)

    def example(self, edition: str) -> tuple[str, Floats] | None:
        """What was embedded as a passage of it, and the vector that was made; None while there is none."""
        query = sa.select(passages, embeddings.c.vector).join(embeddings).where(passages.c.edition == edition)
        with reading(self._engine) as connection:
            row = connection.execute(query.limit(1)).one_or_none()
            return (_cut(row).embedded, np.frombuffer(row.vector, "<f4")) if row else None

    # what ChromaDB should hold

    def vectors(self, document_id: str, version: int, edition: str) -> tuple[list[str], Floats]:
        query = (
            sa.select(passages.c.id, embeddings.c.vector)
            .join(embeddings)
            .where(_part(document_id, version, edition))
            .order_by(passages.c.position)
        )
        with reading(self._engine) as connection:
            return _matrix(connection.execute(query).all())

    def ready(self, edition: str, document_id: str = "") -> dict[str, str]:
        """The passages whose vectors ChromaDB should hold (of one document), each with its document."""
        query = (
            sa.select(passages.c.id, passages.c.document_id)
            .join(
                builds,
                sa.and_(
                    builds.c.document_id == passages.c.document_id,
                    builds.c.version == passages.c.version,
                    builds.c.edition == passages.c.edition,
                ),
            )
            .join(documents, documents.c.id == passages.c.document_id)
            .where(passages.c.edition == edition, builds.c.embedded, documents.c.step != "removing")
        )
        if document_id:
            query = query.where(documents.c.id == document_id)
        with reading(self._engine) as connection:
            return {row.id: row.document_id for row in connection.execute(query)}

    def vectors_of(self, ids: Sequence[str]) -> Iterator[tuple[list[str], Floats]]:
        """In portions."""
        for start in range(0, len(ids), AT_ONCE):
            query = sa.select(embeddings.c.passage_id, embeddings.c.vector).where(
                embeddings.c.passage_id.in_(ids[start : start + AT_ONCE])
            )
            with reading(self._engine) as connection:
                yield _matrix(connection.execute(query).all())


def _keep_only(connection: sa.Connection, names: Collection[str | None]) -> None:
    for table, column in (
        (passages, passages.c.edition),
        (builds, builds.c.edition),
        (editions, editions.c.name),
    ):
        connection.execute(sa.delete(table).where(column.not_in([name for name in names if name])))


def live_edition(connection: sa.Connection) -> Edition | None:
    answers = sa.select(editions).join(library, library.c.edition == editions.c.name)
    row = connection.execute(answers).one_or_none()
    return Edition(row.model, row.identity, row.rules) if row else None


def passage_id(document_id: str, version: int, edition: str, position: int) -> str:
    return f"{document_id}-{version}-{edition}-{position:05d}"


def _ready(connection: sa.Connection, edition: str) -> dict[str, int]:
    query = (
        sa.select(builds.c.document_id, sa.func.max(builds.c.version))
        .join(documents)
        .where(builds.c.edition == edition, builds.c.embedded, documents.c.step != "removing")
        .group_by(builds.c.document_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _missing(connection: sa.Connection, edition: str) -> list[tuple[str, int]]:
    ready = _ready(connection, edition)
    query = sa.select(documents.c.id, documents.c.live_version).where(
        documents.c.live_version.is_not(None), documents.c.step != "removing"
    )
    rows = connection.execute(query.order_by(documents.c.created_at))
    return [(row.id, row.live_version) for row in rows if row.id not in ready]


def _wanted(connection: sa.Connection, document_id: str, version: int) -> None:
    present(connection, document_id)
    live = connection.scalar(sa.select(documents.c.live_version).where(documents.c.id == document_id)) or 0
    if live > version:
        raise Superseded(f"version {version} of document {document_id!r} has been replaced by a newer one")


def _build(document_id: str, version: int, edition: str) -> sa.ColumnElement[bool]:
    return sa.and_(
        builds.c.document_id == document_id, builds.c.version == version, builds.c.edition == edition
    )


def _part(document_id: str, version: int, edition: str) -> sa.ColumnElement[bool]:
    return sa.and_(
        passages.c.document_id == document_id, passages.c.version == version, passages.c.edition == edition
    )


def _row(owner: dict[str, Any], cut: Cut) -> dict[str, Any]:
    return {
        "id": passage_id(**owner, position=cut.position),
        "position": cut.position,
        "text": cut.text,
        "context": cut.context,
        "headings": list(cut.headings),
        "page": cut.page,
        "tokens": cut.tokens,
        "sentences": [list(span) for span in cut.sentences],
    }


def _cut(row: Any) -> Cut:
    return Cut(
        text=row.text,
        context=row.context,
        headings=tuple(row.headings),
        page=row.page,
        position=row.position,
        tokens=row.tokens,
        sentences=tuple((start, end) for start, end in row.sentences),
    )


def _vectors(one: Embedded) -> dict[str, Any]:
    return {
        "passage_id": one.passage_id,
        "vector": np.asarray(one.vector, "<f4").tobytes(),
        "sentences": np.asarray(one.sentences, "<f2").tobytes(),
    }


def _matrix(rows: Sequence[Any]) -> tuple[list[str], Floats]:
    if not rows:
        return [], np.zeros((0, 0), np.float32)
    return [row[0] for row in rows], np.stack([np.frombuffer(row[1], "<f4") for row in rows])
