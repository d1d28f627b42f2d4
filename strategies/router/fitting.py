"""Learns from examples which strategy answers what: a logistic regression for each, on the question's
embedding and on what the strategies tell of the question before anybody speaks.

How strongly the weights are held back is chosen by cross-validation, and everything that is said of a head's
quality afterwards is said of questions that the regressions in question had not seen. Newton's method in
numpy: scikit-learn would be a dependency of every installation, for one function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from strategies.router.examples import Learnt
from strategies.router.head import UNITS, Conditions, Evidence, Head, Scale

Floats = NDArray[np.float64]

STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 100.0)  # of the ridge that holds the vector's weights back
OF_SIGNS = (1.0, 10.0, 30.0)  # … and those of the signs
FOLDS = 5
STEPS = 50
AT_ONCE = 500  # questions that are compared with all others
FEW = 0.05  # of the questions are as far from the others, or farther: what is beyond is unlike any of them


def fit(
    learnt: Learnt,
    embed: Callable[[list[str]], Sequence[Sequence[float]]],
    conditions: Conditions,
    at: datetime,
    source: str = "",
) -> Head:
    """`conditions` are those under which the strategies answered the examples, `source` is where these come
    from, for the reader.
    """
    strategies = learnt.strategies
    vectors = np.asarray(embed([example.text for example in learnt]), np.float64)
    attempts = [[example.attempts[name] for name in strategies] for example in learnt]
    right = np.array([[attempt.right for attempt in row] for row in attempts], np.float64)
    scale = Scale.of([example.signs for example in learnt])
    signs = np.array([scale.row(example.signs) for example in learnt])
    rows = np.column_stack([vectors, signs])
    ridges = list(tried(vectors.shape[1], len(scale.names)))
    folds = folded([example.about or example.text for example in learnt])
    weights, likely = [], []
    for column in right.T:
        ridge, unseen = best_ridge(rows, column, folds, ridges)
        weights.append(regression(rows, column, ridge))
        likely.append(unseen)
    near = nearness(vectors, folds)
    spent = {
        unit: np.array([[float(getattr(attempt, unit)) for attempt in row] for row in attempts])
        for unit in UNITS
    }
    return Head(
        strategies=strategies,
        weights=np.array(weights),
        questions=vectors,
        near=float(np.quantile(near, FEW)),
        evidence=Evidence(np.array(likely).T, right, near, spent),
        conditions=conditions,
        made_at=at,
        learned_from=learnt.hash,
        source=source,
        scale=scale,
    )


def tried(dimension: int, signs: int) -> Iterator[Floats]:
    """(dimension + signs,): how strongly each weight may be held back."""
    for of_signs in OF_SIGNS if signs else OF_SIGNS[:1]:
        for strength in STRENGTHS:
            yield np.array([strength] * dimension + [of_signs] * signs)


def folded(groups: Sequence[str]) -> NDArray[np.int64]:
    """A fold for each example; one group is in one fold, and the folds are about as large."""
    order = np.random.default_rng(0).permutation(sorted(set(groups)))
    fold = {group: at % FOLDS for at, group in enumerate(order)}
    return np.array([fold[group] for group in groups])


def best_ridge(
    rows: Floats, right: Floats, folds: NDArray[np.int64], ridges: Sequence[Floats]
) -> tuple[Floats, Floats]:
    """The ridge that foretells unseen questions best, and what it foretells for each."""
    foretold = [unseen(rows, right, folds, ridge) for ridge in ridges]
    best = min(range(len(ridges)), key=lambda at: surprise(foretold[at], right))
    return ridges[best], foretold[best]


def unseen(rows: Floats, right: Floats, folds: NDArray[np.int64], ridge: Floats) -> Floats:
    """How likely each is right, by weights that were learned from the other folds."""
    likely = np.zeros(len(right))
    for fold in np.unique(folds):
        here = folds == fold
        likely[here] = sigmoid(odds(rows[here], regression(rows[~here], right[~here], ridge)))
    return likely


def surprise(likely: Floats, right: Floats) -> float:
    """The log loss."""
    told = np.clip(np.where(right > 0, likely, 1 - likely), 1e-9, 1)
    return float(-np.log(told).mean())


def regression(given: Floats, right: Floats, held: Floats | float) -> Floats:
    """(columns + 1,): the weights of a logistic regression, held back so strongly; the bias last, hardly."""
    rows = np.column_stack([given, np.ones(len(given))])
    ridge = np.full(rows.shape[1], 0.01)
    ridge[:-1] = held
    weights = np.zeros(rows.shape[1])
    for _ in range(STEPS):
        likely = sigmoid(rows @ weights)
        slope = rows.T @ (likely - right) + ridge * weights
        bend = (rows * (likely * (1 - likely))[:, None]).T @ rows + np.diag(ridge)
        step = np.linalg.solve(bend, slope)
        weights = weights - step
        if np.abs(step).max() < 1e-6:
            break
    return weights


def odds(rows: Floats, weights: Floats) -> Floats:
    found: Floats = rows @ weights[:-1] + weights[-1]
    return found


def sigmoid(values: Floats) -> Floats:
    likely: Floats = 1 / (1 + np.exp(-np.clip(values, -40, 40)))
    return likely


def nearness(vectors: Floats, folds: NDArray[np.int64]) -> Floats:
    """The cosine of each question to the nearest one of the other folds."""
    found = np.empty(len(vectors))
    for start in range(0, len(vectors), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        like = vectors[rows] @ vectors.T
        like[folds[rows, None] == folds[None, :]] = -1.0
        found[rows] = like.max(axis=1)
    return found
