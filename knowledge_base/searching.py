"""What a search needs: the edition that answers, its embedder and vectors, and its passages in memory.

It is put together once for each index version. One search reads one moment: the version, the words and the
passages come from one read transaction.
"""

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import sqlalchemy as sa
from langchain_core.embeddings import Embeddings
from numpy.typing import NDArray

from knowledge_base import lexical
from knowledge_base.ahead import Ahead
from knowledge_base.answering import Answering, Chosen, Live
from knowledge_base.database import reading, rows
from knowledge_base.editions import Edition, live_edition
from knowledge_base.embedding import Embedder
from knowledge_base.errors import KnowledgeError
from knowledge_base.mirror import Mirror
from knowledge_base.passages import Passage
from knowledge_base.search import HybridSearch, Nearest

Floats = NDArray[np.float32]
_VERSION = sa.text("SELECT version FROM library")

log = logging.getLogger(__name__)


class _WordsOnly(Embeddings):
    """Stands in for an embedder that cannot be loaded, and for its vectors: nothing is near in meaning."""

    def embed_query(self, text: str) -> list[float]:  # noqa: ARG002
        return []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [[] for _ in texts]

    def search(self, vector: Sequence[float], k: int) -> list[tuple[str, float]]:  # noqa: ARG002
        return []


WORDS_ONLY = _WordsOnly()


@dataclass(frozen=True)
class Moment:
    """One index version, as one connection to ChromaDB sees it."""

    version: int
    opened: int
    edition: Edition
    embedder: Embeddings
    vectors: Nearest
    answering: Answering
    words: lexical.Remembered


class Searching:
    """`load` gives the embedder of an earlier edition by its model."""

    def __init__(
        self,
        engine: sa.Engine,
        mirror: Mirror,
        embedder: Embedder,
        edition: Callable[[], Edition],
        load: Callable[[str], Embedder],
    ) -> None:
        self._engine = engine
        self._mirror = mirror
        self._embedder = embedder
        self._edition = edition
        self._load = load
        self._loading = threading.Lock()
        self._earlier: dict[str, Embedder | None] = {}  # by identity
        self._moment: Moment | None = None
        self._moving = threading.Lock()
        self._ahead: Ahead | None = None

    def close(self) -> None:
        """Nothing more is read until somebody searches again."""
        with self._moving:
            self._moment, ahead, self._ahead = None, self._ahead, None
        if ahead:
            ahead.stop()

    def search(
        self, query: str, k: int, tags: Collection[str] = (), audience: Collection[str] | None = None
    ) -> list[Passage]:
        """Of the documents that have one of the tags, and that are not for others than the audience."""
        with self._embedder.asked(), reading(self._engine) as connection:
            now = self._at(connection)
            chosen = now.answering.chosen(connection, tags, audience)
            if chosen.nothing:
                return []
            load = partial(now.answering.load, connection)

            def sentences(passages: Sequence[Passage]) -> list[Floats]:
                kept = now.answering.sentences(connection, [passage.id for passage in passages])
                return [kept[passage.id] for passage in passages]

            search = HybridSearch(
                embedder=now.embedder,
                vectors=Live(now.vectors, load),
                words=partial(lexical.search, connection, remembered=now.words),
                load=load,
                sentences=sentences,
            )
            return search(query, k) if chosen.everything else _among(chosen, search, query, k)

    def sentences(self, passages: Sequence[Passage]) -> list[Floats]:
        """As kept, or made on the spot: for a passage that is gone, or that another model embedded."""
        with reading(self._engine) as connection:
            now = self._at(connection)
            ours = [passage.id for passage in passages] if now.embedder is self._embedder else []
            kept = now.answering.sentences(connection, ours)
        return [kept[passage.id] if passage.id in kept else self._made(passage) for passage in passages]

    def weigh(self, text: str) -> dict[str, float]:
        """The telling words of a text, each with its weight: the rarer among the passages, the heavier."""
        with reading(self._engine) as connection:
            now = self._moment
            current = now is not None and now.version == _version(connection)
            return lexical.weights(connection, text, now.words if now and current else None)

    def now(self) -> Moment:
        with reading(self._engine) as connection:
            return self._at(connection)

    def _at(self, connection: sa.Connection) -> Moment:
        version = _version(connection)
        now = self._moment
        if now is None or (now.version, now.opened) != (version, self._mirror.opened):
            now = self._look(connection, version)
            with self._moving:
                self._moment = now
                if self._ahead:
                    self._ahead.stop(wait=False)
                self._ahead = Ahead(self._engine, partial(_is, version), now.answering, now.words)
        return now

    def _look(self, connection: sa.Connection, version: int) -> Moment:
        opened, words = self._mirror.opened, lexical.Remembered()
        edition = live_edition(connection) or self._edition()
        embedder = self._embedder_of(edition)
        if embedder is None:
            return Moment(version, opened, edition, WORDS_ONLY, WORDS_ONLY, Answering(), words)
        return Moment(version, opened, edition, embedder, self._mirror.vectors(edition), Answering(), words)

    def _embedder_of(self, edition: Edition) -> Embedder | None:
        if edition.identity == self._edition().identity:
            return self._embedder
        with self._loading:
            if edition.identity not in self._earlier:
                self._earlier[edition.identity] = self._load_earlier(edition)
            return self._earlier[edition.identity]

    def _load_earlier(self, edition: Edition) -> Embedder | None:
        try:
            earlier = self._load(edition.model)
            if earlier.identity == edition.identity:
                return earlier
        except KnowledgeError as error:
            log.warning("the embedder of the index that answers cannot be loaded: %s", error)
        return None

    def _made(self, passage: Passage) -> Floats:
        texts = [passage.text[start:end] for start, end in passage.sentences]
        return np.asarray(self._embedder.embed_documents(texts), np.float32)


def _is(version: int, connection: sa.Connection) -> bool:
    return _version(connection) == version


def _version(connection: sa.Connection) -> int:
    return max((version for (version,) in rows(connection, _VERSION)), default=0)


def _among(chosen: Chosen, search: HybridSearch, query: str, k: int) -> list[Passage]:
    """Passages of other documents are passed over, however many are better."""
    asked = k
    while True:
        found = search(query, asked)
        ours = [passage for passage in found if passage.document_id in chosen]
        if len(ours) >= k or len(found) < asked:
            return [replace(passage, rank=rank) for rank, passage in enumerate(ours[:k], 1)]
        asked *= 4
