"""The evidence behind `quotes` is fitted so that few questions are refused wrongly."""

import math

import numpy as np
import pytest

from benchmarks.calibrate import FALSE_REFUSALS, Judged, threshold, to_be_right
from strategies.quoting import likelihood


def judged(odds: float, *, has: bool, told: bool = False) -> Judged:
    return Judged(has, told, read=True, odds=odds)


def test_the_threshold_refuses_no_more_of_what_can_be_answered_than_is_allowed() -> None:
    answerable = [judged(math.log(sure / (1000 - sure)), has=True) for sure in range(1, 1000)]
    others = [judged(odds, has=False) for odds in (-20.0, math.log(0.02 / 0.98), 2.0)]
    enough, false_refusals, refusals = threshold([*answerable, *others], times=1.0, more=0.0)
    assert false_refusals == pytest.approx(FALSE_REFUSALS, abs=0.001)
    assert enough == pytest.approx(FALSE_REFUSALS, abs=0.002)
    assert refusals == pytest.approx(2 / 3)


def test_the_likelihood_is_that_what_is_quoted_is_right() -> None:
    chance = np.random.default_rng(1)
    true = chance.normal(1, 2, 4000)
    told = chance.random(4000) < 1 / (1 + np.exp(-true))
    these = [judged(3 * odds + 5, has=True, told=bool(said)) for odds, said in zip(true, told, strict=True)]
    these += [judged(-30.0, has=False)] * round(4000 * 0.3 / 0.7)
    times, more = to_be_right(these)
    sure = np.array([likelihood(times * one.odds + more) for one in these[:4000]])
    for low in (0.2, 0.5, 0.8):
        part = (sure >= low) & (sure < low + 0.1)
        assert told[part].mean() == pytest.approx(sure[part].mean(), abs=0.06)
