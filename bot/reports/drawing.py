"""Axes of a drawing: labels that people can read. Why no charting library: docs/decisions/charts.md."""

from __future__ import annotations

import math

NICE = (1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)


def nice(least: float) -> float:
    """The next number of one digit or so."""
    if least <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    return next(n * power for n in NICE if n * power >= least * (1 - 1e-9))
