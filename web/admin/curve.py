"""A loss curve as a drawing of ours: lines for an SVG that is stretched to any width, labels beside it.

The labels are evenly spaced, so that no inline style has to place them. Why no charting library:
docs/decisions/charts.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.reports.drawing import nice

SIDE = 1000  # the drawing is so wide and so high, in its own units
SPACES = 4  # between the labels of an axis
MOST_POINTS = 200  # of one line; a screen shows no more

Point = tuple[int, float]  # a step and its loss


class Said(Protocol):
    """What training said at a step."""

    @property
    def step(self) -> int: ...
    @property
    def steps(self) -> int: ...
    @property
    def loss(self) -> float | None: ...
    @property
    def held_out(self) -> float | None: ...


@dataclass(frozen=True)
class Row:
    """A point of the curve, in numbers; the held-out loss is measured less often than the other."""

    step: int
    loss: float | None = None
    held_out: float | None = None


@dataclass(frozen=True)
class Curve:
    """`across` and `up` are the labels of the axes, from the origin on; the paths are SVG's."""

    across: tuple[str, ...]
    up: tuple[str, ...]
    train: str
    held_out: str
    dots: str
    best: Row | None
    best_dot: str
    rows: tuple[Row, ...]

    @property
    def last(self) -> Row:
        """The newest loss of each kind."""
        newest = self.rows[::-1]
        return Row(
            newest[0].step,
            next((row.loss for row in newest if row.loss is not None), None),
            next((row.held_out for row in newest if row.held_out is not None), None),
        )


def draw(told: Iterable[Said]) -> Curve | None:
    """The curve so far; None while nothing was measured."""
    said = list(told)
    losses = thinned(points((one.step, one.loss) for one in said))
    held_out = points((one.step, one.held_out) for one in said)
    both = [*losses, *held_out]
    if not both:
        return None
    spacing = nice(max(value for _, value in both) / SPACES)
    steps = max(*(one.steps for one in said), *(step for step, _ in both), 1)
    scale = Scale(steps, spacing * SPACES)
    best = [min(held_out, key=lambda point: point[1])] if held_out else []
    return Curve(
        across=tuple(f"{round(steps * n / SPACES):,}" for n in range(SPACES + 1)),
        up=tuple(f"{spacing * n:g}" for n in range(SPACES + 1)),
        train=scale.line(losses),
        held_out=scale.line(held_out),
        dots=scale.dots(held_out),
        best=Row(best[0][0], held_out=best[0][1]) if best else None,
        best_dot=scale.dots(best),
        rows=tuple(joined(losses, held_out)),
    )


@dataclass(frozen=True)
class Pile:
    """Answers that were taken to be right with about this likelihood, in numbers; `low` and `high` are the
    interval of the share that was.
    """

    likely: float
    right: float
    low: float
    high: float
    of: int


@dataclass(frozen=True)
class Calibration:
    """What was foretold against what was right: SVG's paths, and from where on an answer is given."""

    line: str
    dots: str
    enough: str
    piles: tuple[Pile, ...]

    labels: tuple[str, ...] = tuple(f"{100 * n // SPACES} %" for n in range(SPACES + 1))


def calibration(piles: Iterable[Pile], enough: float | None = None) -> Calibration:
    """The drawing of a reliability; both axes go from never to always."""
    rows, scale = tuple(piles), Scale(1.0, 1.0)
    places = [(one.likely, one.right) for one in rows]
    border = [] if enough is None else [(enough, 0.0), (enough, 1.0)]
    return Calibration(scale.line(places), scale.dots(places), scale.line(border), rows)


@dataclass(frozen=True)
class Scale:
    """From what is measured along each axis to the drawing's units; its origin is above."""

    steps: float
    highest: float

    def line(self, points: Sequence[tuple[float, float]]) -> str:
        return "M" + " L".join(self._place(*point) for point in points) if points else ""

    def dots(self, points: Sequence[tuple[float, float]]) -> str:
        """Lines without a length: their round caps stay round when the drawing is stretched."""
        return "".join(f"M{self._place(*point)}h0" for point in points)

    def _place(self, step: float, value: float) -> str:
        return f"{SIDE * step / self.steps:.1f} {SIDE * (1 - value / self.highest):.1f}"


def points(measured: Iterable[tuple[int, float | None]]) -> list[Point]:
    """What was measured and can be drawn: a loss that is not finite has no place."""
    return [(step, value) for step, value in measured if value is not None and math.isfinite(value)]


def thinned(line: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """Neighbours drawn together: their last step, and the mean of their losses."""
    size = max(-(-len(line) // most), 1)
    piles = [line[n : n + size] for n in range(0, len(line), size)]
    return [(pile[-1][0], sum(value for _, value in pile) / len(pile)) for pile in piles]


def joined(losses: Sequence[Point], held_out: Sequence[Point]) -> Iterator[Row]:
    """One row for each step that either was measured at."""
    found, judged = dict(losses), dict(held_out)
    for step in sorted({*found, *judged}):
        yield Row(step, found.get(step), judged.get(step))
