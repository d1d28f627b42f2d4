"""What a budget buys: the curve of quality against spend, and how to choose to stay on it.

A strategy is worth how likely it is right, less the price of what it spends. At price 0 the likeliest
answers; the higher the price, the more the cheap ones do. Each price is tried out on the questions that the
head learned from, as it foretold them before it had seen them: so a plan knows what it will spend on average,
and how often it will be right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from strategies.router.examples import Spend
from strategies.router.head import Evidence, Head

Floats = NDArray[np.float64]

PRICES = 40  # tried out between nothing and so much that only the cheapest answers
POINTS = 24  # of a curve
REFUSED = -1  # in place of a strategy
PILES = 8  # of what was foretold, from unlikely to likely
NORMAL = 1.96  # 95 % of what is normally distributed lies so many deviations around its mean


@dataclass(frozen=True)
class Plan:
    """How to choose. `fallback` answers what the head is not sure of: the best single strategy that the
    budget allows. The figures are what is to be expected on questions like those it learned from.
    """

    price: float
    fallback: int
    margin: float
    spend: float
    quality: float
    shares: tuple[float, ...]  # of the questions, by strategy
    within: bool = True  # False: even the cheapest spends more than the budget
    refuse: float = math.inf  # from which likelihood on that nobody answers it a question is refused
    refused: float = 0.0  # share of the questions

    def choice(self, likely: Floats, mean_spent: Floats, *, nobody: float, known: bool) -> int:
        """The strategy for a question, or REFUSED; `nobody` is how likely it has no answer, `known` is False
        when it is unlike any that was learned from.
        """
        if nobody >= self.refuse:
            return REFUSED
        worth = likely - self.price * mean_spent
        best = int(worth.argmax())
        sure = known and worth[best] - worth[self.fallback] >= self.margin
        return best if sure else self.fallback


@dataclass(frozen=True)
class Single:
    """One strategy answering everything."""

    strategy: str
    spend: float
    quality: float


@dataclass(frozen=True)
class Refusing:
    """From which likelihood on that nobody answers a question is refused, and which shares of what can be
    answered, and of what cannot, were refused so before they had been seen. `of` are these last.
    """

    refuse: float
    falsely: float
    rightly: float
    of: int


def refusing(head: Head, share: float) -> Refusing | None:
    """So that as much as can be of what has no answer is refused, and of what can be answered no more than
    that takes and at most this share; None where it may refuse nothing, or learned from no question without
    an answer.
    """
    evidence = head.evidence
    nobody, without = evidence.nobody, evidence.unanswerable
    if not share or not without.any() or without.all():
        return None
    order = np.sort(nobody[~without])[::-1]
    first_kept = order[min(int(share * len(order)), len(order) - 1)]
    rightly = nobody[without & (nobody > first_kept)]
    refuse = float(first_kept + rightly.min(initial=math.inf)) / 2
    said = nobody >= refuse
    return Refusing(refuse, float(said[~without].mean()), float(said[without].mean()), int(without.sum()))


def plans(head: Head, unit: Spend, margin: float, refuse: float = math.inf) -> list[Plan]:
    """One for each price and each strategy to fall back to."""
    spent = head.mean_spent(unit)
    return [
        tried_out(head, unit, price, fallback, margin, refuse)
        for fallback in range(len(head.strategies))
        for price in prices(head.evidence, spent)
    ]


def prices(evidence: Evidence, spent: Floats) -> list[float]:
    """Those at which some question changes hands, thinned; nothing, and more than anything is worth."""
    found = [0.0]
    for one in range(len(spent)):
        for other in range(len(spent)):
            if spent[one] > spent[other]:
                each = (evidence.likely[:, one] - evidence.likely[:, other]) / (spent[one] - spent[other])
                found += [float(price) for price in each if price > 0]
    highest = 2 * max(found) if max(found) > 0 else 1 / max(float(spent.max()), 1e-9)
    shares = np.linspace(0, 1, PRICES)
    return [*sorted({float(price) for price in np.quantile(found, shares)}), highest]


def tried_out(
    head: Head, unit: Spend, price: float, fallback: int, margin: float, refuse: float = math.inf
) -> Plan:
    evidence, spent = head.evidence, head.mean_spent(unit)
    plan = Plan(price, fallback, margin, 0.0, 0.0, (), refuse=refuse)
    each = zip(evidence.likely, evidence.near, evidence.nobody, strict=True)
    chosen = np.array(
        [plan.choice(likely, spent, nobody=nobody, known=near >= head.near) for likely, near, nobody in each]
    )
    rows, silent = np.arange(len(chosen)), chosen == REFUSED
    return replace(
        plan,
        spend=float(np.where(silent, 0.0, evidence.spent[unit][rows, chosen]).mean()),
        quality=float(np.where(silent, evidence.unanswerable, evidence.right[rows, chosen]).mean()),
        shares=tuple(float((chosen == at).mean()) for at in range(len(head.strategies))),
        refused=float(silent.mean()),
    )


def within(head: Head, tried: Sequence[Plan], unit: Spend, budget: float | None) -> Plan:
    """The best plan that spends no more than the budget on average; else the cheapest strategy alone, which
    refuses what the plans that were tried refuse.
    """
    limit = math.inf if budget is None else budget
    single = best_single(head, unit, limit)
    affordable = [plan for plan in tried if plan.fallback == single and plan.spend <= limit]
    if affordable:
        return max(affordable, key=lambda plan: (plan.quality, -plan.spend))
    alone = tried_out(head, unit, 0.0, single, math.inf, tried[0].refuse)
    return replace(alone, within=alone.spend <= limit)


def best_single(head: Head, unit: Spend, limit: float) -> int:
    """The strategy that is right most often among those within the limit; else the cheapest."""
    spent = head.mean_spent(unit)
    allowed = [at for at in range(len(spent)) if spent[at] <= limit]
    if not allowed:
        return int(spent.argmin())
    return max(allowed, key=lambda at: (head.mean_right[at], -spent[at]))


def singles(head: Head, unit: Spend) -> list[Single]:
    spent = head.mean_spent(unit)
    return [
        Single(name, float(spent[at]), float(head.mean_right[at])) for at, name in enumerate(head.strategies)
    ]


def knowing(head: Head, *, refuses: bool) -> float:
    """How often somebody would be right who always chose rightly, and refused rightly where that may be."""
    right = head.evidence.right.max(axis=1)
    return float((np.maximum(right, head.evidence.unanswerable) if refuses else right).mean())


def curve(head: Head, tried: Sequence[Plan], unit: Spend) -> list[Plan]:
    """What each budget buys, cheapest first; only where more money buys a better answer."""
    spends = sorted({plan.spend for plan in tried} | {one.spend for one in singles(head, unit)})
    if len(spends) > POINTS:
        spends = [spends[round(at)] for at in np.linspace(0, len(spends) - 1, POINTS)]
    found: list[Plan] = []
    for budget in spends:
        plan = within(head, tried, unit, budget)
        if not found or plan.quality > found[-1].quality:
            found.append(plan)
    return found


@dataclass(frozen=True)
class Foretold:
    """Of `of` answers that were taken to be right with this likelihood on average, so many were."""

    likely: float
    right: float
    of: int


def reliability(head: Head) -> list[Foretold]:
    """How true it is what the head foretells of questions that it had not seen, unlikely ones first."""
    likely, right = head.evidence.likely.ravel(), head.evidence.right.ravel()
    return [
        Foretold(float(likely[pile].mean()), float(right[pile].mean()), len(pile))
        for pile in np.array_split(np.argsort(likely), PILES)
    ]


def interval(share: float, of: int) -> tuple[float, float]:
    """Where a share of so many questions would lie had others been asked: 95 %, by Wilson."""
    z = NORMAL
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    around = z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return max(0.0, middle - around), min(1.0, middle + around)
