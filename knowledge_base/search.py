"""What a search finds: passages that are near in meaning or share the question's words, ordered by all that
speaks for them.

Two searches bring candidates, and each candidate, whoever brought it, is then judged by the same evidence:

* meaning: how near the passage is, and how near its nearest sentence: a passage may be about more than that
* words: BM25, how many of the telling words are there, and in the headings, and whether they stand together

Meaning counts as far as the embedder knows the script of the question: to all-MiniLM-L6-v2, Japanese is
mostly noise. `docs/decisions/search.md` has the measurements, also of plain reciprocal rank fusion, which
this replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from langchain_core.embeddings import Embeddings

from knowledge_base.embedding import Embedder
from knowledge_base.lexical import Hits, Match
from knowledge_base.passages import Passage

CANDIDATES = 20  # from each of the two searches; more change nothing but the time it takes

# What each kind of evidence weighs; MEANING as far as the embedder knows the script.
MEANING, STRENGTH, ORDER, COVERAGE, HEADING = 1.5, 1.0, 0.5, 0.4, 0.1
WORDS = STRENGTH + ORDER + COVERAGE + HEADING


class Nearest(Protocol):
    """What a search needs of `knowledge_base.index.Vectors`."""

    def search(self, vector: Sequence[float], k: int) -> list[tuple[str, float]]: ...


@dataclass(frozen=True)
class HybridSearch:
    """Put together for one moment of the index; see `knowledge_base.library`."""

    embedder: Embeddings
    vectors: Nearest
    words: Callable[[str, int], Hits]  # lexical.search
    load: Callable[[Sequence[str]], Mapping[str, Passage]]  # those of the passages that may answer
    sentences: Callable[[Sequence[Passage]], Sequence[Any]]  # for each passage, the vectors of its sentences

    def __call__(self, query: str, k: int = 5) -> list[Passage]:
        """The k best passages, best first, with the evidence for each."""
        if not query.strip() or k < 1:
            return []
        depth = max(CANDIDATES, 2 * k)
        vector = self.embedder.embed_query(query)
        near = dict(self.vectors.search(vector, depth))
        hits = self.words(query, depth)
        worded = dict(hits)
        known = familiarity(self.embedder, query) if near else 0.0
        passages = list(self.load(list({**near, **worded})).values())
        matches = hits.matches([passage.id for passage in passages])
        # A passage that the vectors did not return is no nearer than the last one that they did.
        farthest = min(near.values(), default=0.0)
        cosines = [near.get(passage.id, farthest) for passage in passages]
        sentences = nearest(self.sentences(passages), vector, cosines) if known else cosines
        judged = [
            evidence(cosine, sentence, matches.get(passage.id, Match()), known)
            for passage, cosine, sentence in zip(passages, cosines, sentences, strict=True)
        ]
        return [
            replace(
                passage,
                dense=near.get(passage.id),
                lexical=worded.get(passage.id),
                score=found["score"],
                rank=rank,
                evidence=found,
            )
            for rank, (passage, found) in enumerate(ranked(passages, judged, k), 1)
        ]


def familiarity(embedder: Embeddings, query: str) -> float:
    return embedder.familiarity(query) if isinstance(embedder, Embedder) else 1.0


def nearest(sentences: Sequence[Any], vector: Sequence[float], without: Sequence[float]) -> list[float]:
    """For each passage the cosine of its sentence nearest to the question; that in `without` where it has
    none.
    """
    having = [place for place, vectors in enumerate(sentences) if len(vectors)]
    found = list(without)
    if having:
        rows = np.concatenate([sentences[place] for place in having])
        starts = np.cumsum([0, *(len(sentences[place]) for place in having[:-1])])
        # `vecdot` wakes no threads of BLAS, which would cost more than the work.
        cosines = np.vecdot(rows, np.asarray(vector, np.float32))
        for place, best in zip(having, np.maximum.reduceat(cosines, starts).tolist(), strict=True):
            found[place] = best
    return found


def evidence(cosine: float, sentence: float, match: Match, known: float) -> dict[str, float]:
    """All that speaks for a passage, each 0 to 1 or a cosine, and `score`, their weighted mean."""
    meaning = max(0.0, (cosine + sentence) / 2)
    worded = (
        STRENGTH * match.strength + ORDER * match.order + COVERAGE * match.coverage + HEADING * match.heading
    )
    return {
        "score": (MEANING * known * meaning + worded) / (MEANING * known + WORDS),
        "cosine": cosine,
        "sentence": sentence,
        "strength": match.strength,
        "coverage": match.coverage,
        "heading": match.heading,
        "order": match.order,
        "familiarity": known,
    }


def ranked(
    passages: Sequence[Passage], judged: Sequence[dict[str, float]], k: int
) -> list[tuple[Passage, dict[str, float]]]:
    """The k best, each with its lead over the next one as `margin`. Where two documents say the same word for
    word, their files' names decide, in every installation alike.
    """
    best = sorted(
        zip(passages, judged, strict=True),
        key=lambda each: (-each[1]["score"], each[0].source, each[0].position, each[0].id),
    )
    following = [found["score"] for _, found in best[1:]] + [0.0]
    return [
        (passage, {**found, "margin": found["score"] - following[place]})
        for place, (passage, found) in enumerate(best[:k])
    ]
