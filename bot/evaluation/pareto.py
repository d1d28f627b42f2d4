"""Which strategies are worth their price: those that no other beats in both."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Point:
    """A strategy by what it costs (money, milliseconds: less is better) and how good it is."""

    name: str
    cost: float
    quality: float


def front(points: Iterable[Point]) -> list[Point]:
    """The points that no other beats: none is as cheap and as good, and cheaper or better. Cheapest first.

    Two of the same price and quality both stay; what was not measured is left out.
    """
    there = [point for point in points if math.isfinite(point.cost) and math.isfinite(point.quality)]
    kept = [point for point in there if not any(beats(other, point) for other in there)]
    return sorted(kept, key=lambda point: (point.cost, point.quality, point.name))


def beats(one: Point, other: Point) -> bool:
    as_good = one.cost <= other.cost and one.quality >= other.quality
    return as_good and (one.cost < other.cost or one.quality > other.quality)
