"""Honest fakes for tests, ours and those of whoever builds on the knowledge base.

MemoryCollections, MemoryVectors    ChromaDB without a disk: exact, and empty again in the next process
HashEmbedder                        an embedder without weights: texts are near when they share words
library(folder)                     a Library on both, with a real catalogue in SQLite
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from knowledge_base.catalogue import Document, create
from knowledge_base.database import WAIT_SECONDS, open_engine
from knowledge_base.embedding import Embedder
from knowledge_base.errors import KnowledgeError
from knowledge_base.index import Collections
from knowledge_base.lexical import terms
from knowledge_base.library import DEFAULTS, Library
from knowledge_base.limits import Limits
from knowledge_base.ownership import Ownership
from knowledge_base.passages import Cut

Floats = NDArray[np.float32]


class HashEmbedder(Embedder):
    """A bag of words, each word thrown on one of `dimension` axes by its checksum. The same on every
    machine.
    """

    limit = 256

    def __init__(self, dimension: int = 64, revision: str = "1") -> None:
        self._dimension = dimension
        self._revision = revision

    @property
    def identity(self) -> str:
        return f"hash@{self._revision}/{self._dimension}"

    def warm_up(self) -> None:
        """It has nothing to load."""

    def count(self, text: str) -> int:
        return len(terms(text)) + 2

    def embed_query(self, text: str) -> list[float]:
        return [float(number) for number in self._vector(text)]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return [self.embed_query(text) for text in texts]

    def embed_passages(self, cuts: Sequence[Cut]) -> list[tuple[Floats, Floats]]:
        return [(self._vector(cut.embedded), self._sentences(cut)) for cut in cuts]

    def _sentences(self, cut: Cut) -> Floats:
        rows = [self._vector(cut.text[start:end]) for start, end in cut.sentences]
        return np.array(rows, np.float32).reshape(-1, self._dimension)

    def _vector(self, text: str) -> Floats:
        vector = np.zeros(self._dimension, np.float32)
        vector[0] = 0.01  # a text without words has a direction too
        for term in terms(text):
            vector[zlib.crc32(f"{self._revision} {term}".encode()) % self._dimension] += 1.0
        unit: Floats = vector / np.linalg.norm(vector)
        return unit


class MemoryVectors:
    """The vectors of one edition, in a dictionary, searched one by one."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, Floats]] = {}

    def add(self, ids: Sequence[str], vectors: Floats, document_id: str) -> None:
        self._kept.update((id_, (document_id, vector)) for id_, vector in zip(ids, vectors, strict=True))

    def remove(self, document_id: str) -> None:
        self.discard(list(self.ids(document_id)))

    def discard(self, ids: Sequence[str]) -> None:
        for id_ in ids:
            self._kept.pop(id_, None)

    def search(self, vector: Sequence[float], k: int) -> list[tuple[str, float]]:
        query = np.asarray(vector, np.float32)
        found = [(id_, float(one @ query)) for id_, (_, one) in list(self._kept.items())]
        return sorted(found, key=lambda hit: -hit[1])[:k]

    def ids(self, document_id: str = "") -> set[str]:
        return {id_ for id_, (owner, _) in list(self._kept.items()) if document_id in ("", owner)}


class MemoryCollections:
    """Kept for as long as the object is: hand the same one to the next Library to restart it.

    `make` makes each collection; a MemoryVectors of your own may fail, or be slow.
    """

    def __init__(self, make: Callable[[], MemoryVectors] = MemoryVectors) -> None:
        self.kept: dict[str, MemoryVectors] = {}
        self._make = make

    def connect(self) -> None:
        """It is there."""

    def open(self, name: str, identity: str) -> MemoryVectors:  # noqa: ARG002
        return self.kept.setdefault(name, self._make())

    def names(self) -> set[str]:
        return set(self.kept)

    def drop(self, name: str) -> None:
        self.kept.pop(name, None)

    def lost(self) -> bool:
        return False

    def close(self) -> None:
        """Nothing to let go of."""


def library(
    folder: Path,
    collections: Collections | None = None,
    embedder: Embedder | None = None,
    *,
    limits: Limits = DEFAULTS,
    product: str = "",
    load: Callable[[str], Embedder] | None = None,
    wait: float = WAIT_SECONDS,
) -> Library:
    """A Library in `folder`, with its tables, not warmed. Call it again on the same folder to start anew."""
    folder.mkdir(parents=True, exist_ok=True)
    engine = open_engine(f"sqlite:///{folder / 'kotae.db'}", wait=wait)
    create(engine)
    return Library(
        folder,
        engine,
        collections or MemoryCollections(),
        embedder or HashEmbedder(),
        model="hash",
        product=product,
        limits=limits,
        ownership=Ownership(folder),
        load=load or _unknown,
    )


def add(library: Library, name: str, text: str, *, by: str = "") -> Document:
    """Upload a text and ingest it, as an admin and a worker would."""
    received = library.receive(io.BytesIO(text.encode()), name, by=by)
    return library.ingest(received.document.id)


def _unknown(model: str) -> Embedder:
    raise KnowledgeError(f"the embedding model {model!r} cannot be loaded")
