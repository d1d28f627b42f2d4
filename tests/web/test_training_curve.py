"""The drawing of a training's losses."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as some

from web.admin.curve import MOST_POINTS, SIDE, Row, draw, nice


@dataclass(frozen=True)
class Told:
    step: int
    loss: float | None = None
    held_out: float | None = None
    steps: int = 100


def places(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (place.split() for place in path.removeprefix("M").split(" L"))]


def test_there_is_no_drawing_before_the_first_loss() -> None:
    assert draw([]) is None
    assert draw([Told(0), Told(1)]) is None


def test_the_line_runs_from_left_to_right_and_a_lower_loss_is_lower() -> None:
    drawn = draw([Told(0, 4.0), Told(50, 2.0), Told(100, 1.0)])
    assert drawn
    assert places(drawn.train) == [(0, 0), (500, 500), (1000, 750)]
    assert drawn.up == ("0", "1", "2", "3", "4")
    assert drawn.across == ("0", "25", "50", "75", "100")


def test_the_width_is_the_whole_training_so_that_one_sees_how_far_it_is() -> None:
    drawn = draw([Told(10, 1.0, steps=1000), Told(20, 1.0, steps=1000)])
    assert drawn
    assert places(drawn.train)[-1][0] == 20


def test_the_best_held_out_loss_is_marked_and_the_newest_is_told() -> None:
    drawn = draw([Told(10, 3.0, 2.0), Told(20, 2.0), Told(30, 1.0, 0.5), Told(40, 0.5, 0.75)])
    assert drawn
    assert drawn.best == Row(30, held_out=0.5)
    assert drawn.best_dot == "M300.0 843.8h0"
    assert drawn.dots.count("h0") == 3
    assert drawn.last == Row(40, 0.5, 0.75)


def test_a_loss_that_is_not_finite_leaves_a_gap_and_breaks_nothing() -> None:
    drawn = draw([Told(1, 1.0), Told(2, math.nan), Told(3, math.inf), Told(4, 0.5)])
    assert drawn
    assert [row.step for row in drawn.rows] == [1, 4]


def test_a_long_training_is_drawn_with_few_points_and_keeps_its_last_step() -> None:
    drawn = draw([Told(step, 1.0, steps=100_000) for step in range(100_001)])
    assert drawn
    assert len(places(drawn.train)) <= MOST_POINTS
    assert places(drawn.train)[-1][0] == SIDE


def test_the_numbers_behind_the_drawing_have_a_row_for_each_step() -> None:
    drawn = draw([Told(1, 3.0), Told(2, 2.0, 2.5), Told(3, None, 2.25)])
    assert drawn
    assert drawn.rows == (Row(1, 3.0), Row(2, 2.0, 2.5), Row(3, None, 2.25))


@pytest.mark.parametrize(
    ("least", "number"), [(0.0, 1.0), (1.0, 1.0), (1.01, 1.25), (0.21, 0.25), (3.5, 4.0), (9.0, 10.0)]
)
def test_the_labels_are_numbers_one_would_choose(least: float, number: float) -> None:
    assert nice(least) == pytest.approx(number)


@given(
    some.lists(
        some.tuples(some.integers(0, 10**6), some.floats(0, 1e6), some.floats(0, 1e6) | some.none()),
        min_size=1,
    )
)
def test_no_loss_is_drawn_outside(said: list[tuple[int, float, float | None]]) -> None:
    drawn = draw([Told(step, loss, held) for step, loss, held in sorted(said, key=lambda one: one[0])])
    assert drawn
    for x, y in places(drawn.train):
        assert 0 <= x <= SIDE
        assert -0.1 <= y <= SIDE
