"""The evidence behind `quotes` is fitted so that few questions are refused wrongly."""

import pytest

from benchmarks.calibrate import FALSE_REFUSALS, threshold


def test_the_threshold_refuses_no_more_of_what_can_be_answered_than_is_allowed() -> None:
    answerable = [(True, sure / 1000) for sure in range(1000)]
    enough, false_refusals, refusals = threshold([*answerable, (False, 0.0), (False, 0.02), (False, 0.9)])
    assert false_refusals == pytest.approx(FALSE_REFUSALS)
    assert enough == pytest.approx(FALSE_REFUSALS, abs=0.001)
    assert refusals == pytest.approx(2 / 3)
