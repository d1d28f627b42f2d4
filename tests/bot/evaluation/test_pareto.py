"""Who is worth the price."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from bot.evaluation.pareto import Point, beats, front


def test_who_is_dearer_and_no_better_is_not_on_the_front() -> None:
    cheap, good, bad = Point("cheap", 1, 0.5), Point("good", 9, 0.9), Point("bad", 9, 0.6)

    assert front([bad, good, cheap]) == [cheap, good]


def test_two_of_the_same_price_and_quality_both_stay_and_what_was_not_measured_does_not() -> None:
    one, other = Point("one", 1, 0.5), Point("other", 1, 0.5)

    assert front([other, one, Point("unknown", math.nan, 0.9)]) == [one, other]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=12))
def test_everybody_off_the_front_is_beaten_by_somebody_on_it(given: list[tuple[int, int]]) -> None:
    points = [Point(str(n), *pair) for n, pair in enumerate(given)]
    kept = front(points)

    assert kept
    for point in points:
        assert (point in kept) != any(beats(other, point) for other in kept)
