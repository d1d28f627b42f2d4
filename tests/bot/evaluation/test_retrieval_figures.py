"""Hits, ranks and gains of what was found, beside scikit-learn's."""

from __future__ import annotations

import random

import pytest
from sklearn.metrics import ndcg_score

from bot.evaluation.retrieval import ndcg, retrieved


def test_the_first_of_a_documents_passages_counts() -> None:
    found = retrieved(["b", "b", "b", "b", "b", "a"], {"a"})

    assert (found.hit_1, found.hit_5, found.reciprocal) == (0.0, 1.0, 0.5)


def test_nothing_right_is_no_gain() -> None:
    found = retrieved(["b", "c"], {"a"})

    assert (found.hit_1, found.hit_5, found.reciprocal, found.ndcg) == (0.0, 0.0, 0.0, 0.0)
    assert retrieved([], {"a"}).ndcg == 0.0


@pytest.mark.parametrize("seed", range(20))
def test_ndcg_is_scikit_learns(seed: int) -> None:
    chance = random.Random(seed)
    order = [str(n) for n in range(15)]
    chance.shuffle(order)
    right = set(chance.sample(order, chance.randrange(1, 8)))

    theirs = ndcg_score([[float(one in right) for one in order]], [list(range(15, 0, -1))], k=10)

    assert ndcg(order, right) == pytest.approx(theirs)
