"""How far a figure can be trusted, and whether two strategies differ at all.

Every figure comes with the interval in which it would lie had other questions been asked (95 %, by bootstrap
over questions), two strategies are compared on the questions that both were asked, and the p-values of a
family of comparisons are corrected together. The same numbers give the same figures: the draws are seeded.

Wordings of one fact are not independent: where `groups` names the fact of each question, whole facts are
drawn, not single questions.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from typing import Literal

import numpy as np

from bot.evaluation.metrics import METRICS, Metric, Statistic, Verdict

SEED = 20261123
DRAWS = 2000
SHUFFLES = 9999
EVERY_WAY = 13  # questions that differ; up to so many, all exchanges are tried
CONFIDENCE = 0.95
ALPHA = 0.05
POWER = 0.8

Value = float | None
Test = Literal["McNemar", "permutation", "Wilcoxon", "none"]


@dataclass(frozen=True)
class Figure:
    """A value with its interval over `n` questions; NaN where nothing was asked."""

    value: float
    low: float
    high: float
    n: int = 0

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.2f}-{self.high:.2f}]" if self.value == self.value else "-"


NOTHING = Figure(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Difference:
    """`a` minus `b`, on the `n` questions that both were asked. `p` is of the test named, `adjusted` by Holm
    over all pairs of strategies and all metrics of the same part. `needed` is how many questions would show a
    difference of this size; None where there is no difference.
    """

    metric: str
    a: str
    b: str
    value: float
    low: float
    high: float
    n: int
    p: float
    test: Test
    adjusted: float = 1.0
    needed: int | None = None

    @property
    def equal(self) -> bool:
        """Whether the two cannot be told apart by this metric."""
        return not self.adjusted < ALPHA


@dataclass(frozen=True)
class Comparison:
    """Strategies side by side: `figures[metric][strategy]`, and by tag what was answered,
    `tags[tag][metric][strategy]`.
    """

    strategies: tuple[str, ...]
    figures: Mapping[str, Mapping[str, Figure]]
    differences: tuple[Difference, ...]
    tags: Mapping[str, Mapping[str, Mapping[str, Figure]]]

    def difference(self, metric: str, a: str, b: str) -> Difference | None:
        """`a` minus `b`, whichever way round it was measured."""
        for each in self.differences:
            if each.metric == metric and {each.a, each.b} == {a, b}:
                return each if each.a == a else turned(each)
        return None

    def best(self, metric: Metric) -> tuple[str, ...]:
        """The strategy with the best figure, and those that cannot be told apart from it."""
        sign = 1 if metric.better == "higher" else -1
        there = {
            name: one.value for name, one in self.figures[metric.name].items() if not math.isnan(one.value)
        }
        if not there:
            return ()
        first = max(there, key=lambda name: sign * there[name])
        rest = (self.difference(metric.name, first, other) for other in there if other != first)
        return (first, *(each.b for each in rest if each is not None and each.equal))


# ---- figures ----


def figure(
    values: Sequence[Value],
    statistic: Statistic = "mean",
    *,
    groups: Sequence[Hashable] | None = None,
    seed: int = SEED,
    shares: bool = True,
) -> Figure:
    """A mean, median or 95th percentile with its interval. None does not count. `shares` says that a value
    of 0 or 1 is a no or a yes, and not so many tokens.
    """
    there, piles = _there(values, groups)
    if not len(there):
        return NOTHING
    value = _of(there, statistic)
    if shares and statistic == "mean" and value in (0.0, 1.0) and set(there) <= {0.0, 1.0}:
        low, high = _wilson(round(value * len(piles)), len(piles))
    elif len(piles) < 2:
        low, high = math.nan, math.nan
    else:
        low, high = _interval(_drawn(there, piles, statistic, seed))
    return Figure(value, low, high, len(there))


def share(told: Iterable[tuple[str, bool]], seed: int = SEED) -> Figure:
    """The share of what is true, where each answer comes with the fact it belongs to."""
    rows = list(told)
    return figure([float(holds) for _, holds in rows], groups=[fact for fact, _ in rows], seed=seed)


QUANTILES: Mapping[Statistic, float] = {"median": 0.5, "p95": 0.95}


def _of(values: np.ndarray, statistic: Statistic) -> float:
    return float(values.mean() if statistic == "mean" else np.quantile(values, QUANTILES[statistic]))


def _there(values: Sequence[Value], groups: Sequence[Hashable] | None) -> tuple[np.ndarray, list[np.ndarray]]:
    """The values that count, and which of them belong together."""
    kept = [at for at, value in enumerate(values) if value is not None and not math.isnan(value)]
    there = np.array([values[at] for at in kept], float)
    piles: dict[Hashable, list[int]] = {}
    for place, at in enumerate(kept):
        piles.setdefault(at if groups is None else groups[at], []).append(place)
    return there, [np.array(pile) for pile in piles.values()]


@lru_cache(maxsize=8)
def _draws(n: int, seed: int) -> np.ndarray:
    """How often each of n piles is drawn, for every draw: the same for all figures over as many."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=DRAWS).astype(float)


def _drawn(values: np.ndarray, piles: Sequence[np.ndarray], statistic: Statistic, seed: int) -> np.ndarray:
    """What the figure is in each draw."""
    draws = _draws(len(piles), seed)  # (draws, piles)
    if statistic == "mean":
        sums = np.array([values[pile].sum() for pile in piles])
        counts = np.array([len(pile) for pile in piles], float)
        found: np.ndarray = (draws @ sums) / (draws @ counts)
        return found
    order = np.argsort(values, kind="stable")
    belongs = np.empty(len(values), int)
    for at, pile in enumerate(piles):
        belongs[pile] = at
    upto = draws[:, belongs[order]].cumsum(axis=1)  # how many drawn values are no greater
    place = QUANTILES[statistic] * (upto[:, -1] - 1)
    below, above = (
        values[order][(upto > edge[:, None]).argmax(axis=1)] for edge in (np.floor(place), np.ceil(place))
    )
    quantile: np.ndarray = below + (place - np.floor(place)) * (above - below)
    return quantile


def _interval(drawn: np.ndarray) -> tuple[float, float]:
    edge = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(drawn, [edge, 100 - edge])
    return float(low), float(high)


def _wilson(hits: int, n: int) -> tuple[float, float]:
    """No draw differs, yet the next question may."""
    from scipy.stats import binomtest

    interval = binomtest(hits, n).proportion_ci(CONFIDENCE, method="wilson")
    return float(interval.low), float(interval.high)


# ---- differences ----


def difference(
    a: Sequence[Value],
    b: Sequence[Value],
    statistic: Statistic = "mean",
    *,
    groups: Sequence[Hashable] | None = None,
    seed: int = SEED,
    named: tuple[str, str, str] = ("", "a", "b"),
) -> Difference:
    """`a` minus `b`, where the same place in both is the same question. `named`: metric, a, b."""
    both = [one is not None and other is not None for one, other in zip(a, b, strict=True)]
    ours = np.array([one for one, counts in zip(a, both, strict=True) if counts], float)
    theirs = np.array([one for one, counts in zip(b, both, strict=True) if counts], float)
    belong = None if groups is None else [one for one, counts in zip(groups, both, strict=True) if counts]
    metric, first, second = named
    if not len(ours):
        return Difference(metric, first, second, math.nan, math.nan, math.nan, 0, 1.0, "none")
    gap = ours - theirs
    _, piles = _there(gap.tolist(), belong)
    p, test = _tested(ours, theirs, piles, statistic, alone=len(piles) == len(gap), seed=seed)
    value = _of(ours, statistic) - _of(theirs, statistic)
    low, high = math.nan, math.nan
    if len(piles) > 1:
        low, high = _interval(_drawn(ours, piles, statistic, seed) - _drawn(theirs, piles, statistic, seed))
    return Difference(metric, first, second, value, low, high, len(gap), p, test, p, needed(gap))


def turned(each: Difference) -> Difference:
    """The same difference seen from the other side."""
    return replace(each, a=each.b, b=each.a, value=-each.value, low=-each.high, high=-each.low)


def _tested(
    a: np.ndarray,
    b: np.ndarray,
    piles: Sequence[np.ndarray],
    statistic: Statistic,
    *,
    alone: bool,
    seed: int,
) -> tuple[float, Test]:
    """How surprising the difference would be between two of the same strategy."""
    gap = a - b
    if not gap.any():
        return 1.0, "none"
    if statistic != "mean":
        return _wilcoxon(np.array([gap[pile].mean() for pile in piles])), "Wilcoxon"
    if alone and set(a) | set(b) <= {0.0, 1.0}:
        return mcnemar(int((gap > 0).sum()), int((gap < 0).sum())), "McNemar"
    return _permuted(np.array([gap[pile].sum() for pile in piles]), seed), "permutation"


def mcnemar(only_a: int, only_b: int) -> float:
    """Exact: of the questions that only one of the two got right, half should be each one's."""
    from scipy.stats import binomtest

    return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def _wilcoxon(gap: np.ndarray) -> float:
    from scipy.stats import wilcoxon

    return float(wilcoxon(gap).pvalue) if gap.any() else 1.0


def _permuted(gap: np.ndarray, seed: int) -> float:
    """Who answered is exchanged, question by question: in all ways, or in many at random."""
    moved = gap[gap != 0]  # what is the same either way changes no sum
    n = len(moved)
    if not n:
        return 1.0
    least = abs(moved.sum()) - 1e-9 * np.abs(moved).sum()
    if n <= EVERY_WAY:
        ways = np.arange(2**n)[:, None] >> np.arange(n) & 1
        return float((np.abs((2 * ways - 1) @ moved) >= least).mean())
    ways = np.random.default_rng(seed).integers(0, 2, size=(SHUFFLES, n), dtype=np.int8)
    extreme = int((np.abs((2.0 * ways - 1.0) @ moved) >= least).sum())
    return (extreme + 1) / (SHUFFLES + 1)  # the way it was is one of them


def holm(ps: Sequence[float]) -> list[float]:
    """The p-values adjusted for their number, in the same order (Holm 1979)."""
    order = sorted(range(len(ps)), key=lambda at: ps[at])
    adjusted = [1.0] * len(ps)
    highest = 0.0
    for rank, at in enumerate(order):
        highest = max(highest, min(1.0, ps[at] * (len(ps) - rank)))
        adjusted[at] = highest
    return adjusted


def needed(gap: Sequence[float] | np.ndarray, power: float = POWER, alpha: float = ALPHA) -> int | None:
    """How many questions tell two strategies apart when the questions are like these (Connor 1987, for any
    paired difference); None where these show no difference.
    """
    from scipy.stats import norm

    gap = np.asarray(gap, float)
    mean = float(gap.mean()) if len(gap) else 0.0
    if not mean:
        return None
    square = float((gap**2).mean())
    equal, different = math.sqrt(square), math.sqrt(max(0.0, square - mean**2))
    least = (float(norm.isf(alpha / 2)) * equal + float(norm.isf(1 - power)) * different) / mean
    return max(2, math.ceil(least**2))


# ---- all of it ----


def compare(
    verdicts: Mapping[str, Sequence[Verdict]],
    metrics: Sequence[Metric] = METRICS,
    *,
    groups: Mapping[str, Hashable] | None = None,
    seed: int = SEED,
) -> Comparison:
    """Every figure, every pair, every tag. `groups` tells by a question's id which fact it is about."""
    names = tuple(verdicts)
    return Comparison(
        names,
        {metric.name: _figures(verdicts, metric, groups, seed) for metric in metrics},
        tuple(_differences(verdicts, metrics, groups, seed)),
        {
            tag: {
                metric.name: _figures(
                    {name: [one for one in each if tag in one.tags] for name, each in verdicts.items()},
                    metric,
                    groups,
                    seed,
                )
                for metric in metrics
                if metric.part == "answers"
            }
            for tag in tags(verdicts)
        },
    )


def tags(verdicts: Mapping[str, Sequence[Verdict]]) -> list[str]:
    """All tags, those of most questions first."""
    counted = Counter(tag for each in verdicts.values() for one in each for tag in one.tags)
    return sorted(counted, key=lambda tag: (-counted[tag], tag))


def paired(
    a: Sequence[Verdict], b: Sequence[Verdict], metric: Metric
) -> tuple[list[Value], list[Value], list[str]]:
    """The values of two strategies on the questions that both were asked, and those questions."""
    theirs = {one.question_id: one for one in b}
    both = [(one, theirs[one.question_id]) for one in a if one.question_id in theirs]
    return (
        [metric.of(one) for one, _ in both],
        [metric.of(other) for _, other in both],
        [one.question_id for one, _ in both],
    )


def _figures(
    verdicts: Mapping[str, Sequence[Verdict]],
    metric: Metric,
    groups: Mapping[str, Hashable] | None,
    seed: int,
) -> dict[str, Figure]:
    return {
        name: figure(
            metric.values(each),
            metric.statistic,
            groups=_grouped([one.question_id for one in each], groups),
            seed=seed,
            shares=metric.unit == "share",
        )
        for name, each in verdicts.items()
    }


def _differences(
    verdicts: Mapping[str, Sequence[Verdict]],
    metrics: Sequence[Metric],
    groups: Mapping[str, Hashable] | None,
    seed: int,
) -> list[Difference]:
    found: list[Difference] = []
    families: dict[str, list[int]] = {}
    for metric in metrics:
        for a, b in combinations(verdicts, 2):
            ours, theirs, asked = paired(verdicts[a], verdicts[b], metric)
            named = (metric.name, a, b)
            families.setdefault(metric.part, []).append(len(found))
            found.append(
                difference(
                    ours, theirs, metric.statistic, groups=_grouped(asked, groups), seed=seed, named=named
                )
            )
    adjusted: dict[int, float] = {}
    for family in families.values():
        tested = [at for at in family if found[at].n]
        adjusted.update(zip(tested, holm([found[at].p for at in tested]), strict=True))
    return [replace(each, adjusted=adjusted.get(at, 1.0)) for at, each in enumerate(found)]


def _grouped(asked: Sequence[str], groups: Mapping[str, Hashable] | None) -> list[Hashable] | None:
    return None if groups is None else [groups.get(one, one) for one in asked]
