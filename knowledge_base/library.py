"""The face of the knowledge base: documents go in, passages come out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from knowledge_base.catalogue import Document, Received
from knowledge_base.limits import Limits
from knowledge_base.passages import Passage

Progress = Callable[[str, float], None]


class Library:
    """Safe for many threads. Opening is light; `warm_up` takes the data directory and loads the embedder."""

    embedder: Any

    @classmethod
    def open(
        cls,
        data: Path,
        engine: sa.Engine,
        *,
        vectors: str = "",
        embedding: str = "all-MiniLM-L6-v2",
        product: str = "",
        limits: Limits = Limits(),
    ) -> Library:
        """`vectors` is empty for a ChromaDB of our own in `data/chroma`, or the address of a server."""
        raise NotImplementedError

    def warm_up(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def receive(self, stream: BinaryIO, name: str, *, by: str = "") -> Received:
        raise NotImplementedError

    def ingest(self, document_id: str, progress: Progress = lambda step, share: None) -> Document:
        raise NotImplementedError

    def documents(self) -> list[Document]:
        raise NotImplementedError

    def document(self, document_id: str) -> Document:
        raise NotImplementedError

    def passages(self, document_id: str) -> list[Passage]:
        raise NotImplementedError

    def file(self, document_id: str) -> Path:
        raise NotImplementedError

    def neighbours(self, passage: Passage, each_side: int = 1) -> list[Passage]:
        raise NotImplementedError

    def retire(self, document_id: str) -> Document:
        raise NotImplementedError

    def restore(self, document_id: str) -> Document:
        raise NotImplementedError

    def retry(self, document_id: str) -> Document:
        raise NotImplementedError

    def remove(self, document_id: str) -> None:
        raise NotImplementedError

    def search(self, query: str, k: int = 5) -> list[Passage]:
        raise NotImplementedError

    def sentences(self, passages: Sequence[Passage]) -> list[NDArray[np.float32]]:
        raise NotImplementedError

    def reindex(self, progress: Progress = lambda step, share: None) -> None:
        raise NotImplementedError

    def version(self) -> str:
        raise NotImplementedError
