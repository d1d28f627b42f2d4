"""What a search finds: nearness of meaning and shared words, fused by reciprocal rank."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from langchain_core.embeddings import Embeddings

from knowledge_base.passages import Passage

CANDIDATES = 40  # from each of the two searches
STEADY = 60  # reciprocal rank fusion's constant: how little the first places are preferred to the next


class Nearest(Protocol):
    """What a search needs of `knowledge_base.index.Vectors`."""

    def search(self, vector: Sequence[float], k: int) -> list[tuple[str, float]]: ...


class HybridSearch:
    """`words` is the lexical search; `load` returns those of the passages that may answer."""

    def __init__(
        self,
        embedder: Embeddings,
        vectors: Nearest,
        words: Callable[[str, int], list[tuple[str, float]]],
        load: Callable[[Sequence[str]], Mapping[str, Passage]],
    ) -> None:
        self._embedder = embedder
        self._vectors = vectors
        self._words = words
        self._load = load

    def __call__(self, query: str, k: int = 5) -> list[Passage]:
        """The k best passages, best first, with the evidence for each."""
        if not query.strip():
            return []
        depth = max(CANDIDATES, 2 * k)
        dense = dict(self._vectors.search(self._embedder.embed_query(query), depth))
        lexical = dict(self._words(query, depth))
        scores = fused([list(dense), list(lexical)])
        passages = self._load(list(scores))
        best = sorted((id_ for id_ in scores if id_ in passages), key=lambda id_: -scores[id_])[:k]
        return [
            replace(
                passages[id_],
                dense=dense.get(id_),
                lexical=lexical.get(id_),
                score=scores[id_],
                rank=rank,
            )
            for rank, id_ in enumerate(best, 1)
        ]


def fused(rankings: Sequence[Sequence[str]], weights: Sequence[float] = ()) -> dict[str, float]:
    """Reciprocal rank fusion: each ranking gives a passage weight / (STEADY + its place)."""
    scores: dict[str, float] = {}
    for ranking, weight in zip(rankings, weights or [1.0] * len(rankings), strict=True):
        for place, id_ in enumerate(ranking, 1):
            scores[id_] = scores.get(id_, 0.0) + weight / (STEADY + place)
    return scores
