"""Shares with the interval in which they would lie had other questions been asked: 95 %, by bootstrap.

Several wordings of one fact are not independent, so whole facts are drawn again, not single answers.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import binomtest, bootstrap

SEED = 20261123
DRAWS = 2000


@dataclass(frozen=True)
class Figure:
    """A value with its interval; all three are NaN where nothing was asked."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.2f}-{self.high:.2f}]" if self.value == self.value else "-"


def share(told: Iterable[tuple[str, bool]]) -> Figure:
    """The share of what is true, where each answer comes with the fact it belongs to."""
    by_fact: dict[str, list[bool]] = defaultdict(list)
    for fact, holds in told:
        by_fact[fact].append(holds)
    if not by_fact:
        return Figure(*[float("nan")] * 3)
    hits = np.array([sum(each) for each in by_fact.values()], float)
    asked = np.array([len(each) for each in by_fact.values()], float)
    value = float(hits.sum() / asked.sum())
    if value in (0.0, 1.0):  # no draw differs, yet the next question may: Wilson's interval over the facts
        interval = binomtest(round(value * len(hits)), len(hits)).proportion_ci(method="wilson")
        return Figure(value, float(interval.low), float(interval.high))
    drawn = bootstrap(
        (hits, asked),
        pooled,
        paired=True,
        vectorized=True,
        n_resamples=DRAWS,
        method="percentile",
        rng=np.random.default_rng(SEED),
    ).confidence_interval
    return Figure(value, float(drawn.low), float(drawn.high))


def pooled(hits: Any, asked: Any, axis: int = -1) -> Any:
    return hits.sum(axis) / asked.sum(axis)
