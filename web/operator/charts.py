"""Bars that the server draws: SVG without a script, its numbers in a table (docs/decisions/charts.md).

A drawing is stretched to any width, and its labels stand beside it in HTML, evenly spaced; so no inline style
has to place them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.reports.drawing import nice

SIDE = 1000  # a drawing is so wide and so high, in its own units
SPACES = 4  # between the labels of an axis
GAP = 0.2  # of a column's place stays free
COLOURS = 6  # the last one is everybody else's


@dataclass(frozen=True)
class Piece:
    """A rectangle; `colour` is the number of its series."""

    x: float
    y: float
    width: float
    height: float
    colour: int


@dataclass(frozen=True)
class Bar:
    """A line of a chart: a name, pieces side by side, and the numbers in words."""

    name: str
    pieces: tuple[Piece, ...]
    told: str


@dataclass(frozen=True)
class Columns:
    """Columns over time. `across` and `up` are the labels of the axes; `keys` are the series."""

    pieces: tuple[Piece, ...]
    across: tuple[str, ...]
    up: tuple[str, ...]
    keys: tuple[tuple[str, int], ...]


def bar(name: str, values: Sequence[float], most: float, told: str, colour: int = 0) -> Bar:
    """Its values side by side, on a scale that ends with `most`."""
    pieces, x = [], 0.0
    for number, value in enumerate(values):
        width = SIDE * value / most if most else 0.0
        if width:
            pieces.append(Piece(round(x, 1), 0, round(width, 1), 10, colour + number))
        x += width
    return Bar(name, tuple(pieces), told)


def marks(name: str, values: Sequence[float | None], most: float, told: str) -> Bar:
    """Bars that begin together, the longest behind: a median in front of a 95th percentile."""
    longest = sorted(
        ((value, number) for number, value in enumerate(values) if value is not None), reverse=True
    )
    pieces = [
        Piece(0, 0, round(SIDE * value / most, 1), 10, number) for value, number in longest if most and value
    ]
    return Bar(name, tuple(pieces), told)


def columns(labels: Sequence[str], stacks: Sequence[Mapping[str, float]]) -> Columns:
    """A column for each label, its series on top of each other, the largest series first."""
    sums: dict[str, float] = {}
    for stack in stacks:
        for name, value in stack.items():
            sums[name] = sums.get(name, 0) + value
    names = sorted(sums, key=lambda name: -sums[name])
    colours = {name: min(number, COLOURS - 1) for number, name in enumerate(names)}
    spacing = nice(max((sum(stack.values()) for stack in stacks), default=0) / SPACES)
    if sums and all(float(value).is_integer() for value in sums.values()):
        spacing = max(1.0, float(round(spacing + 0.49)))
    highest = spacing * SPACES
    place = SIDE / max(len(labels), 1)
    pieces = []
    for number, stack in enumerate(stacks):
        floor = 0.0
        for name in names:
            if value := stack.get(name, 0):
                top = floor + value
                pieces.append(
                    Piece(
                        round(number * place + place * GAP / 2, 1),
                        round(SIDE * (1 - top / highest), 1),
                        round(place * (1 - GAP), 1),
                        round(SIDE * value / highest, 1),
                        colours[name],
                    )
                )
                floor = top
    return Columns(
        tuple(pieces),
        across=spread(labels),
        up=tuple(f"{spacing * n:g}" for n in range(SPACES + 1)),
        keys=tuple((name, colours[name]) for name in names),
    )


def spread(labels: Sequence[str], most: int = 3) -> tuple[str, ...]:
    """The first, the last, and some evenly between them."""
    if len(labels) <= most:
        return tuple(labels)
    return tuple(labels[round(n * (len(labels) - 1) / (most - 1))] for n in range(most))
