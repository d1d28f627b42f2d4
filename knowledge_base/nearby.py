"""The vectors of one collection in memory, as ChromaDB keeps them, while they are few.

Beneath some thousands a look at every vector is exact and takes a tenth of what ChromaDB's query takes to be
called. ChromaDB stays where they are kept: this is read from it, and follows what is written to it.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
FEW = 10_000  # vectors; 15 MB, and a third of a millisecond to look at


class Nearby:
    """Any number of threads may search while one changes it."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, Floats]] = {}  # by passage: its document and its unit vector
        self._rows: tuple[list[str], Floats] | None = None  # the same for a search; None since a change
        self._changing = threading.Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, ids: Sequence[str], vectors: Floats, documents: Sequence[str]) -> None:
        unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))
        with self._changing:
            self._kept.update(zip(ids, zip(documents, unit, strict=True), strict=True))
            self._rows = None

    def remove(self, document: str) -> None:
        with self._changing:
            self._kept = {id_: kept for id_, kept in self._kept.items() if kept[0] != document}
            self._rows = None

    def discard(self, ids: Collection[str]) -> None:
        with self._changing:
            for id_ in ids:
                self._kept.pop(id_, None)
            self._rows = None

    def search(self, vector: Floats, k: int) -> list[tuple[str, float]]:
        """The ids of the k nearest with their cosine, best first."""
        ids, rows = self._rows or self._gathered()
        if not ids:
            return []
        cosines = np.vecdot(rows, vector / max(float(np.linalg.norm(vector)), 1e-12))  # wakes no threads
        near = np.argpartition(-cosines, k - 1)[:k] if k < len(ids) else np.arange(len(ids))
        best = near[np.argsort(-cosines[near], kind="stable")]
        return [(ids[n], cosine) for n, cosine in zip(best.tolist(), cosines[best].tolist(), strict=True)]

    def _gathered(self) -> tuple[list[str], Floats]:
        with self._changing:
            if self._rows is None:
                rows = np.array([unit for _, unit in self._kept.values()], np.float32)
                self._rows = list(self._kept), rows
            return self._rows
