"""Figures that can be believed: beside scipy, on published data, and on strategies that are equal."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from scipy import stats

from bot.evaluation.metrics import BY_NAME, Verdict
from bot.evaluation.statistics import (
    ALPHA,
    POWER,
    compare,
    difference,
    figure,
    holm,
    mcnemar,
    needed,
    share,
    turned,
)
from tests.bot.evaluation.answers import TANK, WEATHER, judged

ANSWERS = [BY_NAME[name] for name in ("facts", "all_facts", "wrong")]


def verdicts(strategy: str, facts: list[float], *, wrong: list[bool] | None = None) -> list[Verdict]:
    """Answers that hold these shares of the facts."""
    return [
        Verdict(
            str(n),
            strategy,
            answerable=True,
            answered=True,
            refused=False,
            failed=False,
            facts=one,
            wrong=("x",) if wrong and wrong[n] else (),
            tags=("odd",) if n % 2 else ("even",),
        )
        for n, one in enumerate(facts)
    ]


# ---- figures ----


def test_a_share_counts_answers_and_not_facts() -> None:
    found = share([("one", True), ("one", True), ("one", True), ("another", False)])

    assert found.value == 0.75
    assert (found.low, found.high) == (0.0, 1.0)  # two facts: any of the two may be all there is


def test_ten_facts_that_are_all_right_do_not_promise_the_next_one() -> None:
    found = share((str(fact), True) for fact in range(10))

    assert found.value == found.high == 1.0
    assert 0.6 < found.low < 0.8


def test_what_never_cost_anything_costs_nothing_for_certain() -> None:
    """A share that was never seen may be there; a price of nothing is no share."""
    assert figure([0.0] * 20).high > 0.1
    free = figure([0.0] * 20, shares=False)
    assert (free.value, free.low, free.high) == (0.0, 0.0, 0.0)
    both = {"one": verdicts("one", [1.0, 0.0]), "other": verdicts("other", [1.0, 1.0])}
    assert compare(both).figures["cost"]["one"].high == 0.0


def test_a_share_of_nothing_is_no_number() -> None:
    found = share([])

    assert math.isnan(found.value)
    assert str(found) == "-"


def test_what_does_not_apply_does_not_count() -> None:
    found = figure([1.0, None, 0.0, math.nan, 1.0, 1.0])

    assert (found.value, found.n) == (0.75, 4)


def test_the_interval_of_a_mean_is_scipys() -> None:
    values = np.random.default_rng(1).gamma(2.0, size=60)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(2)
    ).confidence_interval

    found = figure(values.tolist())

    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.03)


@pytest.mark.parametrize("statistic", ["median", "p95"])
def test_the_interval_of_a_percentile_is_scipys(statistic: str) -> None:
    values = np.random.default_rng(3).gamma(2.0, size=200)
    of = np.median if statistic == "median" else lambda one, axis: np.percentile(one, 95, axis=axis)
    theirs = stats.bootstrap(
        (values,), of, n_resamples=20_000, method="percentile", rng=np.random.default_rng(4)
    ).confidence_interval

    found = figure(values.tolist(), statistic)  # type: ignore[arg-type]

    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), rel=0.05)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    chance = np.random.default_rng(5)
    held = 0
    for seed in range(200):
        found = figure((chance.random(80) < 0.7).astype(float).tolist(), seed=seed)
        held += found.low <= 0.7 <= found.high

    assert held >= 183  # 190 expected; below 183 once in 300 such runs


def test_wordings_of_one_fact_are_drawn_together_so_that_the_interval_is_wider() -> None:
    chance = np.random.default_rng(6)
    facts = (chance.random(30) < 0.6).repeat(5).astype(float).tolist()
    alone, together = figure(facts), figure(facts, groups=[n // 5 for n in range(150)])

    assert alone.value == together.value
    assert together.high - together.low > 1.8 * (alone.high - alone.low)


def test_the_same_numbers_give_the_same_figures() -> None:
    values = np.random.default_rng(7).random(50).tolist()
    other = np.random.default_rng(8).random(50).tolist()

    assert figure(values, "p95") == figure(values, "p95")
    assert difference(values, other) == difference(values, other)
    assert difference(values, other, seed=1).low != difference(values, other, seed=2).low


# ---- differences ----


def test_mcnemars_test_is_the_binomial_one_of_those_that_only_one_got_right() -> None:
    # The data of Agresti's approval ratings (1990, table 10.1): 86 and 150 changed their minds.
    assert mcnemar(86, 150) == pytest.approx(stats.binomtest(86, 236).pvalue)
    assert mcnemar(86, 150) == pytest.approx(3.7e-5, rel=0.05)
    assert mcnemar(0, 5) == pytest.approx(0.0625)
    assert mcnemar(0, 0) == 1.0


def test_right_and_wrong_are_compared_by_mcnemars_test() -> None:
    a = [1.0] * 14 + [0.0] * 3 + [1.0] * 30
    b = [0.0] * 14 + [1.0] * 3 + [1.0] * 30

    found = difference(a, b)

    assert found.test == "McNemar"
    assert found.p == pytest.approx(stats.binomtest(3, 17).pvalue)
    assert found.value == pytest.approx(11 / 47)
    assert found.low > 0


def test_shares_of_facts_are_compared_by_exchanging_the_answers_in_every_way() -> None:
    a = [0.5, 1.0, 0.75, 1.0, 0.25, 0.5, 1.0]
    b = [0.25, 0.5, 0.5, 1.0, 0.5, 0.25, 0.25]
    gap = np.array(a) - np.array(b)
    signs = np.array(list(product([1, -1], repeat=7)))
    extreme = np.abs((signs * gap).sum(1)) >= abs(gap.sum()) - 1e-12

    found = difference(a, b)

    assert found.test == "permutation"
    assert found.p == pytest.approx(extreme.mean())


def test_many_shares_are_exchanged_at_random_as_scipy_does() -> None:
    chance = np.random.default_rng(14)
    gap = chance.choice([-0.5, 0.0, 0.5, 1.0], 60, p=[0.3, 0.2, 0.3, 0.2])
    theirs = stats.permutation_test(
        (gap,), np.sum, permutation_type="samples", n_resamples=20_000, rng=np.random.default_rng(15)
    )

    assert difference(gap.tolist(), [0.0] * 60).p == pytest.approx(float(theirs.pvalue), abs=0.01)


def test_milliseconds_are_compared_by_wilcoxons_test() -> None:
    chance = np.random.default_rng(9)
    a = chance.gamma(2.0, size=40)
    b = a * 1.5 + chance.random(40)

    found = difference(a.tolist(), b.tolist(), "median")

    assert found.test == "Wilcoxon"
    assert found.p == pytest.approx(float(stats.wilcoxon(a - b).pvalue))
    assert found.high < 0


def test_holms_correction_of_published_numbers() -> None:
    # The worked example of Aickin and Gensler (American Journal of Public Health 86, 1996), as R prints it:
    # p.adjust(c(.01, .04, .03, .005), "holm") is .03 .06 .06 .02
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_only_questions_that_both_were_asked_are_compared() -> None:
    found = difference([1.0, None, 1.0, 0.0], [0.0, 1.0, 1.0, None])

    assert (found.n, found.value) == (2, 0.5)


def test_nobody_can_be_compared_on_nothing() -> None:
    found = difference([None], [1.0])

    assert (found.n, found.p, found.test) == (0, 1.0, "none")
    assert math.isnan(found.value)
    assert found.needed is None


def test_a_difference_can_be_read_from_either_side() -> None:
    found = difference([1.0, 1.0, 0.0, 1.0], [0.0, 1.0, 0.0, 0.0], named=("facts", "a", "b"))
    back = turned(found)

    assert (back.a, back.b, back.value) == ("b", "a", -found.value)
    assert (back.low, back.high) == (-found.high, -found.low)
    assert turned(back) == found


def test_whole_facts_are_exchanged_when_several_questions_ask_for_one() -> None:
    a, b = [1.0] * 12, [0.0] * 12
    groups = [n // 4 for n in range(12)]  # three facts only

    assert difference(a, b).p < 0.001
    assert difference(a, b, groups=groups).p == pytest.approx(0.25)  # two of eight ways are as extreme


# ---- equal strategies, and how many questions tell others apart ----


def test_two_runs_of_the_same_answers_differ_by_nothing() -> None:
    facts = np.random.default_rng(10).choice([0.0, 0.5, 1.0], 60).tolist()

    comparison = compare({"a": verdicts("a", facts), "b": verdicts("b", facts)})

    assert comparison.differences
    for each in comparison.differences:
        assert each.equal
        assert each.p == 1.0
        assert not each.n or (each.value, each.low, each.high) == (0.0, 0.0, 0.0)
        assert each.needed is None


def test_two_equal_strategies_are_called_equal_in_95_of_100_sets() -> None:
    """Equal in all of these figures at once, which is more than in each of them."""
    chance = np.random.default_rng(11)
    equal = 0
    for _ in range(100):
        hard = chance.random(60) * 0.6 + 0.2  # some questions are harder, for both
        both = {
            name: verdicts(
                name,
                (chance.binomial(2, hard) / 2).tolist(),
                wrong=(chance.random(60) < 0.15).tolist(),
            )
            for name in ("a", "b")
        }
        equal += all(each.equal for each in compare(both, ANSWERS).differences)

    assert equal >= 95


def test_a_better_strategy_is_not_called_equal() -> None:
    chance = np.random.default_rng(12)
    told = 0
    for _ in range(20):
        both = {
            "a": verdicts("a", (chance.random(150) < 0.8).astype(float).tolist()),
            "b": verdicts("b", (chance.random(150) < 0.5).astype(float).tolist()),
        }
        found = compare(both, [BY_NAME["facts"]]).difference("facts", "a", "b")
        assert found is not None
        told += not found.equal

    assert told >= 19


def test_so_many_questions_as_are_needed_tell_two_strategies_apart_as_often_as_promised() -> None:
    chance = np.random.default_rng(13)
    pilot = (chance.random(4000) < 0.75).astype(float) - (chance.random(4000) < 0.62)
    questions = needed(pilot)
    assert questions is not None

    told = [
        difference(
            (chance.random(questions) < 0.75).astype(float).tolist(),
            (chance.random(questions) < 0.62).astype(float).tolist(),
        ).p
        < ALPHA
        for _ in range(300)
    ]

    assert np.mean(told) == pytest.approx(POWER, abs=0.09)


def test_the_number_of_pairs_that_mcnemars_test_needs_is_connors() -> None:
    # Connor (Biometrics 43, 1987), two-sided .05, power .8, discordant .3 in all and .1 apart:
    # (1.96 √.3 + .8416 √(.3 − .01))² / .01
    gap = [1.0] * 20 + [-1.0] * 10 + [0.0] * 70

    assert needed(gap) == math.ceil((1.959964 * math.sqrt(0.3) + 0.841621 * math.sqrt(0.29)) ** 2 / 0.01)
    assert needed([0.0, 0.0]) is None
    assert needed([]) is None


# ---- side by side ----


def test_strategies_stand_side_by_side_with_every_tag() -> None:
    comparison = compare(
        {"a": verdicts("a", [1.0, 0.0] * 20), "b": verdicts("b", [1.0, 1.0] * 20)}, [BY_NAME["facts"]]
    )

    assert comparison.figures["facts"]["a"].value == 0.5
    assert comparison.tags["odd"]["facts"]["a"].value == 0.0
    assert comparison.tags["even"]["facts"]["a"].value == 1.0
    assert comparison.best(BY_NAME["facts"]) == ("b",)
    found = comparison.difference("facts", "b", "a")
    assert found is not None
    assert found.value == 0.5


def test_who_cannot_be_told_apart_from_the_best_is_as_good() -> None:
    comparison = compare(
        {
            "a": verdicts("a", [1.0] * 20 + [0.0]),
            "b": verdicts("b", [1.0] * 21),
            "c": verdicts("c", [0.0] * 21),
        },
        [BY_NAME["facts"], BY_NAME["refused"]],
    )

    assert comparison.best(BY_NAME["facts"]) == ("b", "a")
    assert comparison.best(BY_NAME["refused"]) == ()


def test_strategies_may_have_been_asked_different_questions() -> None:
    comparison = compare({"a": [judged(TANK, "0.8 l")], "b": [judged(WEATHER, "sun")]})

    found = comparison.difference("wrong", "a", "b")
    assert found is not None
    assert found.n == 0
