"""Pairs that ask nearly the same as a question: is it known already, and is it answered otherwise?"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.teaching.pairs import Kept, Pairs
from knowledge_base.edits import plain
from strategies.base import Embedder
from strategies.lora.pairs.checking import AGREEING, SAME_QUESTION

LIKELY = 0.75  # cosine: worth a look
MOST = 3


@dataclass(frozen=True)
class Near:
    """A pair that asks nearly the same: `same` when it is the same question in other words, `agrees` when its
    answer says the same.
    """

    kept: Kept
    cosine: float
    agrees: bool

    @property
    def same(self) -> bool:
        return self.cosine >= SAME_QUESTION

    @property
    def conflicts(self) -> bool:
        return self.same and not self.agrees


class Nearby:
    """The questions' vectors are remembered, by their text."""

    def __init__(self, pairs: Pairs, embedder: Embedder) -> None:
        self._pairs = pairs
        self._embedder = embedder
        self._vectors: dict[str, NDArray[np.float32]] = {}
        self._making = threading.Lock()

    def of(self, question: str, answer: str = "") -> Sequence[Near]:
        """The nearest first. Two answers agree when they are near in meaning and have the same numbers."""
        kept = self._pairs.list(limit=None).pairs
        if not kept:
            return ()
        texts = [one.pair.question for one in kept]
        vectors = self._of([question, *texts])
        cosines = vectors[1:] @ vectors[0]
        nearest = sorted(zip(cosines, kept, strict=True), key=lambda each: -each[0])[:MOST]
        return [
            Near(one, float(cosine), self._agree(answer, one.pair.answer))
            for cosine, one in nearest
            if cosine >= LIKELY
        ]

    def forget(self) -> None:
        """The texts that were compared."""
        with self._making:
            self._vectors.clear()

    def _agree(self, one: str, other: str) -> bool:
        if not one or plain(one) == plain(other):
            return True
        first, second = self._of([one, other])
        return float(first @ second) >= AGREEING and _numbers(one) == _numbers(other)

    def _of(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with self._making:
            unknown = list(dict.fromkeys(text for text in texts if text not in self._vectors))
            if unknown:
                made = np.asarray(self._embedder.embed_documents(unknown), np.float32)
                self._vectors.update(zip(unknown, made, strict=True))
            return np.stack([self._vectors[text] for text in texts])


def _numbers(text: str) -> set[str]:
    return {word for word in plain(text).split() if any(letter.isdigit() for letter in word)}
