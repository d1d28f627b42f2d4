"""Quality against its price as a drawing: a point for each strategy, with its interval, and the Pareto front.

An SVG that stands for itself: no script and no style sheet, colours taken from the text around it, so that it
prints and follows a dark page. Whoever shows it puts the numbers in a table behind it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from bot.evaluation.pareto import Point, front
from bot.reports.drawing import nice

WIDTH, HEIGHT = 640, 360
NARROW = 340  # the width of a telephone's page: letters keep their size
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 20, 56
SPACES = 4  # between the labels of an axis
LINE = 15  # of a label's height
LETTER = 7.2  # the width of a letter, roughly; a Japanese one is twice as wide
INK = 'fill="none" stroke="currentColor"'


@dataclass(frozen=True)
class Dot:
    """A strategy in the drawing; `low` and `high` are the interval of its quality."""

    name: str
    cost: float
    quality: float
    low: float = math.nan
    high: float = math.nan

    @property
    def point(self) -> Point:
        return Point(self.name, self.cost, self.quality)


def plot(dots: Sequence[Dot], *, title: str, across: str, up: str, width: int = WIDTH) -> str:
    """Quality is a share, 0 to 1. "" when nothing was measured."""
    there = [dot for dot in dots if math.isfinite(dot.cost) and math.isfinite(dot.quality)]
    if not there:
        return ""
    scale = Scale(nice(max(dot.cost for dot in there) / SPACES) * SPACES, width)
    best = front(dot.point for dot in there)
    told = ", ".join(point.name for point in best)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" role="img" '
        f'aria-label="{escape(title)}: {escape(told)}" font-family="system-ui, sans-serif" '
        'font-size="12" fill="currentColor">',
        *axes(scale, across, up),
        f'<path {INK} stroke-width="1.5" stroke-dasharray="5 4" opacity=".7" d="{stairs(scale, best)}"/>',
        *marks(scale, there, {point.name for point in best}),
        "</svg>",
    ]
    return "\n".join(parts)


@dataclass(frozen=True)
class Scale:
    """From a price and a share to places in the drawing."""

    dearest: float
    width: int

    @property
    def right(self) -> int:
        return self.width - RIGHT

    def x(self, cost: float) -> float:
        return LEFT + (self.right - LEFT) * cost / self.dearest

    def y(self, quality: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - quality)


def axes(scale: Scale, across: str, up: str) -> list[str]:
    drawn = []
    for n in range(SPACES + 1):
        quality, cost = n / SPACES, scale.dearest * n / SPACES
        x, y = scale.x(cost), scale.y(quality)
        drawn += [
            f'<path {INK} opacity=".15" d="M{LEFT} {y:.1f}H{scale.right}"/>',
            f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{100 * quality:.0f} %</text>',
            f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{number(cost)}</text>',
        ]
    return [
        *drawn,
        f'<path {INK} opacity=".5" d="M{LEFT} {TOP}V{HEIGHT - BOTTOM}H{scale.right}"/>',
        f'<text x="{(LEFT + scale.right) / 2:.0f}" y="{HEIGHT - 12}" text-anchor="middle">'
        f"{escape(across)}</text>",
        f'<text transform="translate(14 {(TOP + HEIGHT - BOTTOM) / 2:.0f}) rotate(-90)" '
        f'text-anchor="middle">{escape(up)}</text>',
    ]


def stairs(scale: Scale, best: Sequence[Point]) -> str:
    """Along the front: for this price, this quality can be had."""
    steps = [f"M{scale.x(best[0].cost):.1f} {scale.y(best[0].quality):.1f}"]
    steps += [f"H{scale.x(point.cost):.1f}V{scale.y(point.quality):.1f}" for point in best[1:]]
    return "".join([*steps, f"H{scale.right}"])


def marks(scale: Scale, dots: Sequence[Dot], best: set[str]) -> list[str]:
    """A filled mark is on the front, an empty one is not."""
    drawn, taken = [], list[tuple[float, float, float]]()
    for dot in sorted(dots, key=lambda dot: (-dot.quality, dot.cost, dot.name)):
        x, y = scale.x(dot.cost), scale.y(dot.quality)
        if math.isfinite(dot.low) and math.isfinite(dot.high):
            low, high = scale.y(dot.low), scale.y(dot.high)
            drawn.append(f'<path {INK} opacity=".5" d="M{x:.1f} {low:.1f}V{high:.1f}"/>')
        filled = 'fill="currentColor"' if dot.name in best else f'{INK} stroke-width="1.5"'
        drawn.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" {filled}/>')
        drawn.append(label(dot, x, y, taken, scale.width, bold=dot.name in best))
    return drawn


def label(
    dot: Dot, x: float, y: float, taken: list[tuple[float, float, float]], width: int, *, bold: bool
) -> str:
    """The name beside its mark and above the line, lower where another name stands; what has room of it."""
    right_of, left_of = width - 4 - (x + 10), x - 10 - LEFT
    left = wide_of(dot.name) > right_of and left_of > right_of
    name = shortened(dot.name, left_of if left else right_of)
    wide = wide_of(name)
    begin = x - 10 - wide if left else x + 10
    while any(abs(y - other) < LINE and begin < end and start < begin + wide for start, end, other in taken):
        y += LINE
    taken.append((begin, begin + wide, y))
    weight = ' font-weight="600"' if bold else ""
    anchor = ' text-anchor="end"' if left else ""
    at = x - 10 if left else x + 10
    return f'<text x="{at:.1f}" y="{y - 8:.1f}"{anchor}{weight}>{escape(name)}</text>'


def wide_of(name: str) -> float:
    return sum(LETTER * (2 if ord(letter) > 0x2E7F else 1) for letter in name)


def shortened(name: str, room: float) -> str:
    """As much of it as has room."""
    if wide_of(name) <= room:
        return name
    while name and wide_of(name) + 2 * LETTER > room:
        name = name[:-1]
    return f"{name}…"


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else plainly(value)


def plainly(value: float, sign: str = "") -> str:
    """Three digits that count, and never an exponent: the price of an answer is a small number."""
    places = 2 - math.floor(math.log10(abs(value))) if value else 0
    told = f"{value:{sign},.{max(places, 0)}f}"
    return told.rstrip("0").rstrip(".") if "." in told else told
