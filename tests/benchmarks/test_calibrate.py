"""The evidence behind `quotes` is fitted so that few questions are refused wrongly."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import calibrate
from benchmarks.calibrate import (
    FALSE_REFUSALS,
    NOT_ENOUGH,
    OURS,
    UNSURE,
    Example,
    Fits,
    Judged,
    Looks,
    Settled,
    about,
    between,
    fitted,
    likelihoods,
    spent,
    threshold,
    to_be_right,
    written,
)
from strategies.quoting import Asked, likelihood
from tests.strategies.passages import passage


def judged(odds: float, *, has: bool, told: bool = False) -> Judged:
    return Judged(has, told, odds)


def test_the_threshold_refuses_no_more_of_what_can_be_answered_than_is_allowed() -> None:
    answerable = [judged(math.log(sure / (1000 - sure)), has=True) for sure in range(1, 1000)]
    others = [judged(odds, has=False) for odds in (-20.0, math.log(0.02 / 0.98), 2.0)]
    those = [*answerable, *others]
    likely, has = likelihoods(those, 1.0, 0.0), np.array([one.has for one in those])
    enough = threshold(likely, has)
    false_refusals, refusals = np.mean(likely[has] < enough), np.mean(likely[~has] < enough)
    one_standard_error = math.sqrt(false_refusals * (1 - false_refusals) / 999)
    assert false_refusals + one_standard_error == pytest.approx(FALSE_REFUSALS, abs=0.0015)
    assert enough == pytest.approx(false_refusals, abs=0.002)
    assert refusals == pytest.approx(2 / 3)


def test_fewer_questions_mean_more_caution() -> None:
    shares = [spent(count) / count for count in (25, 100, 400, 4000)]
    assert shares == sorted(shares)
    assert shares[-1] < FALSE_REFUSALS
    assert spent(10) == 0


def test_what_few_questions_are_fitted_on_is_judged_without_the_question_and_its_document() -> None:
    def asked(text: str, title: str) -> Example:
        return Example(
            Asked(text, np.zeros(3, np.float32), {}), (passage("A text.", title=title),), (), (), OURS
        )

    ours = [asked(f"question {n}", f"document {n % 7}") for n in range(21)]
    elsewhere = [replace(one, weight=0.3) for one in ours[:5]]
    seen: list[tuple[set[str], set[str]]] = []

    def fit(some: Sequence[Example]) -> str:
        learned.append({one.asked.text for one in some})
        titles.append({about(one) for one in some if one.weight == OURS})
        return "fits"

    def judged_by(_fits: object, some: Sequence[Example]) -> list[Judged]:
        seen.append(({one.asked.text for one in some}, {about(one) for one in some}))
        assert not learned[-1] & seen[-1][0]
        assert not titles[-1] & seen[-1][1]
        return [judged(0.0, has=True) for _ in some]

    learned, titles = list[set[str]](), list[set[str]]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibrate, "judged", judged_by)
        made, verdicts = fitted(fit, [*ours, *elsewhere], [])  # type: ignore[arg-type]
    assert made == "fits"
    assert len(verdicts) == len(ours)
    assert learned[-1] == {one.asked.text for one in ours}


def test_what_is_read_again_is_what_few_of_the_answerable_are_below_and_most_above() -> None:
    likely = np.arange(1000) / 1000
    least, most = between(likely, likely >= 0.5, UNSURE)
    assert (least, most) == (pytest.approx(0.505, abs=0.001), pytest.approx(0.625, abs=0.001))
    least, most = between(likely, likely >= 0.5, NOT_ENOUGH)
    assert (least, most) == (0, pytest.approx(0.75, abs=0.001))


NOTHING = {"evidence": {}, "bias": 0.0}
FITS = Fits(Looks((NOTHING,)), NOTHING)


def test_what_was_judged_surely_before_is_not_judged_again() -> None:
    """The second look has all of it the wrong way round, and is asked about what was unsure alone."""
    chance = np.random.default_rng(1)
    has = np.arange(400) % 2 == 0
    odds = np.where(has, 2.0, -2.0) + chance.normal(size=400)
    before = [judged(of, has=bool(one), told=bool(one)) for of, one in zip(odds, has, strict=True)]
    worse = [
        judged(-of + chance.normal(), has=bool(one), told=bool(one))
        for of, one in zip(odds, has, strict=True)
    ]
    once, settled = written(FITS, before, Settled.none(400), UNSURE)
    twice, _ = written(FITS, worse, settled)
    assert once["there"]["judged here"] == 1
    assert once["there"]["refused of those without an answer"] > 0.8
    assert twice["there"]["refused of those without an answer"] > 0.5
    assert twice["there"]["refused of those with one"] <= FALSE_REFUSALS
    assert 0.1 < twice["there"]["judged here"] < 0.3
    assert "unsure" not in twice


def test_what_was_settled_stays_as_it_was_settled() -> None:
    """However many looks follow, and whatever they say of it."""
    odds = np.linspace(-4, 4, 121)
    has = np.random.default_rng(1).random(len(odds)) < 1 / (1 + np.exp(-odds))
    first = [judged(of, has=bool(one), told=bool(one)) for of, one in zip(odds, has, strict=True)]
    _, settled = written(FITS, first, Settled.none(len(first)), (0.2, 0.5))
    assert 0 < np.sum(settled.which & settled.answered) < settled.which.sum() < len(first)
    contrary = [judged(-one.odds, has=one.has, told=one.told) for one in first]
    _, later = written(FITS, contrary, settled, (0.0, 1.0))
    assert list(later.answered[settled.which]) == list(settled.answered[settled.which])


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
