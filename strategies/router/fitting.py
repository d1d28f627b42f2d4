"""Learns from examples which strategy answers what, and what nobody answers: a logistic regression for each,
on how like a question is to those that it learned from, by its embedding and by what the strategies tell of
it before anybody speaks.

How far likeness reaches, and how strongly the weights are held back, is chosen by cross-validation, and
everything that is said of a head's quality afterwards is said of questions that the regressions in question
had not seen. It takes one core, for customers are answered beside it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from strategies.logistic import logistic, sigmoid
from strategies.router.examples import Learnt
from strategies.router.head import UNITS, Conditions, Evidence, Head, Scale, kernel
from strategies.wording import as_asked

Floats = NDArray[np.float64]

REACHES = (0.25, 1.0)  # of likeness by the vector: exp(-reach |a - b|²)
OF_SIGNS = 0.25  # … and by all the signs together
STRENGTHS = (1.0, 0.3, 0.1, 0.03)  # of the ridge that holds the weights back; one leads to the next
LANDMARKS = 1000  # questions to which all are compared, at most
SMALLEST = 1e-6  # eigenvalue of their kernel that still tells something
FOLDS = 10
AT_ONCE = 500  # questions that are compared with all others
LEARNING = threading.Lock()  # the limit is the whole process's: one at a time sets it, and takes it back
FEW = 0.05  # of the questions are as far from the others, or farther: what is beyond is unlike any of them


@dataclass(frozen=True, eq=False)
class Likeness:
    """How like questions are to some that were learned from, as features whose products are a Gaussian kernel
    (by Nyström's method; Williams and Seeger, 2001).
    """

    landmarks: Floats  # (landmarks, dimension + signs)
    turn: Floats  # (landmarks, features)
    widths: Floats  # (dimension + signs,): how much of each counts

    def of(self, rows: Floats) -> Floats:
        """(questions, features) of rows (questions, dimension + signs)."""
        found: Floats = kernel(rows * self.widths, self.landmarks * self.widths) @ self.turn
        return found

    def of_landmarks(self, weights: Floats) -> Floats:
        """Weights of features and a bias, (columns, features + 1), as those of the landmarks themselves."""
        return np.column_stack([weights[:, :-1] @ self.turn.T, weights[:, -1]])


@dataclass(frozen=True)
class Learned:
    """What a reach of likeness foretells: the weights of each column, and what those of the other folds
    foretell of each question.
    """

    likeness: Likeness
    weights: Floats  # (columns, features + 1)
    unseen: Floats  # (questions, columns)
    surprise: float  # of all columns together


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
    vectors = np.asarray(embed([as_asked(example.text) for example in learnt]), np.float64)
    attempts = [[example.attempts[name] for name in strategies] for example in learnt]
    right = np.array([[attempt.right for attempt in row] for row in attempts], np.float64)
    unanswerable = np.array([not example.answerable for example in learnt])
    scale = Scale.of([example.signs for example in learnt])
    signs = np.array([scale.row(example.signs) for example in learnt])
    rows = np.column_stack([vectors, signs])
    folds = folded([example.about or example.text for example in learnt])
    columns = np.column_stack([right, unanswerable])
    tried = (learned(rows, columns, folds, each) for each in widths(vectors.shape[1], len(scale.names)))
    with on_one_core():
        best = min(tried, key=lambda each: each.surprise)
    near = nearness(vectors, folds)
    spent = {
        unit: np.array([[float(getattr(attempt, unit)) for attempt in row] for row in attempts])
        for unit in UNITS
    }
    return Head(
        strategies=strategies,
        landmarks=best.likeness.landmarks * best.likeness.widths,
        widths=best.likeness.widths,
        weights=best.likeness.of_landmarks(best.weights),
        questions=vectors,
        near=float(np.quantile(near, FEW)),
        evidence=Evidence(best.unseen[:, :-1], right, near, spent, best.unseen[:, -1], unanswerable),
        conditions=conditions,
        made_at=at,
        learned_from=learnt.hash,
        source=source,
        scale=scale,
    )


@contextmanager
def on_one_core() -> Iterator[None]:
    """Two that multiply together wait for one another at each product where something else wants a core."""
    from threadpoolctl import threadpool_limits

    with LEARNING, threadpool_limits(1, "blas"):
        yield


def widths(dimension: int, signs: int) -> Iterator[Floats]:
    """(dimension + signs,): how much of each may count."""
    for reach in REACHES:
        yield np.sqrt([reach] * dimension + [OF_SIGNS / max(1, signs)] * signs)


def learned(rows: Floats, columns: Floats, folds: NDArray[np.int64], width: Floats) -> Learned:
    """One regression for each column, each held back as is best for it."""
    parts = [(here, likeness_of(rows[~here], width)) for here in (folds == fold for fold in np.unique(folds))]
    seen = [(here, likeness.of(rows[~here]), likeness.of(rows[here])) for here, likeness in parts]
    whole = likeness_of(rows, width)
    features = whole.of(rows)
    weights, foretold, lost = [], [], 0.0
    for column in columns.T:
        strength, unseen = best_strength(seen, column)
        weights.append(regression(features, column, strength))
        foretold.append(unseen)
        lost += surprise(unseen, column)
    return Learned(whole, np.array(weights), np.array(foretold).T, lost)


def likeness_of(rows: Floats, width: Floats) -> Likeness:
    """Likeness to these rows, or to some of them where they are many."""
    some = np.sort(np.random.default_rng(0).permutation(len(rows))[:LANDMARKS])
    landmarks = np.asarray(rows[some], np.float32).astype(np.float64)
    values, turned = np.linalg.eigh(kernel(landmarks * width, landmarks * width))
    telling = values > SMALLEST
    return Likeness(landmarks, turned[:, telling] / np.sqrt(values[telling]), width)


def folded(groups: Sequence[str]) -> NDArray[np.int64]:
    """A fold for each example; one group is in one fold, and the folds are about as large."""
    order = np.random.default_rng(0).permutation(sorted(set(groups)))
    fold = {group: at % FOLDS for at, group in enumerate(order)}
    return np.array([fold[group] for group in groups])


def best_strength(
    seen: Sequence[tuple[NDArray[np.bool_], Floats, Floats]], column: Floats
) -> tuple[float, Floats]:
    """The strength that foretells unseen questions best, and what it foretells for each. `seen` are, for each
    fold, who is in it, the features of the others, and those of its own.
    """

    foretold = {strength: np.zeros(len(column)) for strength in STRENGTHS}
    for here, others, own in seen:
        weights = None
        for strength in STRENGTHS:
            weights = regression(others, column[~here], strength, weights)
            foretold[strength][here] = sigmoid(odds(own, weights))
    best = min(STRENGTHS, key=lambda strength: surprise(foretold[strength], column))
    return best, foretold[best]


def surprise(likely: Floats, right: Floats) -> float:
    """The log loss."""
    told = np.clip(np.where(right > 0, likely, 1 - likely), 1e-9, 1)
    return float(-np.log(told).mean())


def regression(given: Floats, right: Floats, held: float, begin: Floats | None = None) -> Floats:
    """(columns + 1,): the weights of a logistic regression, held back so strongly; the bias last, hardly.
    `begin` are some that are not far from them.
    """
    rows = np.column_stack([given, np.ones(len(given))])
    ridge = np.full(rows.shape[1], 0.01)
    ridge[:-1] = held
    return logistic(rows, right, ridge, begin)


def odds(rows: Floats, weights: Floats) -> Floats:
    found: Floats = rows @ weights[:-1] + weights[-1]
    return found


def nearness(vectors: Floats, folds: NDArray[np.int64]) -> Floats:
    """The cosine of each question to the nearest one of the other folds."""
    found = np.empty(len(vectors))
    for start in range(0, len(vectors), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        like = vectors[rows] @ vectors.T
        like[folds[rows, None] == folds[None, :]] = -1.0
        found[rows] = like.max(axis=1)
    return found
