"""How high the documents that answer a question stand among those that were found.

A document counts where its first passage stands. Why these few lines and no library:
docs/decisions/evaluation.md.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Retrieved:
    """Hits among the first one and five, the first hit's reciprocal rank, and nDCG of the first ten."""

    hit_1: float
    hit_5: float
    reciprocal: float
    ndcg: float


def retrieved(ranking: Sequence[str], right: Collection[str]) -> Retrieved:
    """`ranking` names the documents, best first; one may come several times. Any of `right` is a hit."""
    order = list(dict.fromkeys(ranking))
    hits = [at for at, name in enumerate(order) if name in right]
    first = hits[0] if hits else math.inf
    return Retrieved(float(first < 1), float(first < 5), 1 / (first + 1), ndcg(order, right))


def ndcg(order: Sequence[str], right: Collection[str], k: int = 10) -> float:
    """Normalised discounted cumulative gain where a document is either right or not."""
    gained = sum(discount(at) for at, name in enumerate(order[:k]) if name in right)
    return gained / sum(map(discount, range(min(len(set(right)), k)))) if right else 0.0


def discount(at: int) -> float:
    return 1 / math.log2(at + 2)
