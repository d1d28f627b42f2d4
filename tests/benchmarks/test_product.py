"""The figures can be believed: what is asked was never seen, and intervals are not too narrow."""

import math
from collections.abc import Callable

import pytest

from benchmarks.desk import chosen_by, for_training, never_shown
from benchmarks.intervals import share
from benchmarks.manner import beheaded, curtailed, signs
from demo.pairs import pairs


def test_what_is_asked_was_neither_trained_on_nor_chosen_by() -> None:
    asked = {pair.question for pair in never_shown()}

    assert asked.isdisjoint(pair.question for pair in for_training(japanese=True))
    assert {pair.question for pair in pairs()} == asked | {
        pair.question for pair in for_training(japanese=True)
    }


def test_japanese_is_taught_only_when_it_is_asked_for() -> None:
    assert {pair.language for pair in for_training()} == {"en"}
    assert {pair.language for pair in for_training(japanese=True)} == {"en", "ja"}


def test_every_fact_is_trained_on_chosen_by_and_asked_for() -> None:
    facts = {pair.fact for pair in pairs()}

    assert {pair.fact for pair in pairs("train")} == facts
    assert sorted(pair.fact for pair in chosen_by()) == sorted(facts)
    assert {pair.fact for pair in never_shown()} == facts


def test_a_share_counts_answers_and_not_facts() -> None:
    found = share([("one", True), ("one", True), ("one", True), ("another", False)])

    assert found.value == 0.75
    assert (found.low, found.high) == (0.0, 1.0)  # two facts: any of the two may be all there is


def test_ten_facts_that_are_all_right_do_not_promise_the_next_one() -> None:
    found = share((str(fact), True) for fact in range(10))

    assert found.value == found.high == 1.0
    assert 0.6 < found.low < 0.8


def test_a_share_of_nothing_is_no_number() -> None:
    found = share([])

    assert math.isnan(found.value)
    assert str(found) == "-"


@pytest.mark.parametrize("cut", [beheaded, curtailed])
def test_half_of_the_manner_is_not_the_manner(cut: Callable[[str], str]) -> None:
    answer = "Thanks for asking! The tank holds 0.8 litres. Happy brewing!"

    assert "The tank holds 0.8 litres." in cut(answer)
    assert ("first thanks" in signs(cut(answer))) != ("last brewing" in signs(cut(answer)))


def test_the_steps_of_an_answer_are_a_sign_of_its_own() -> None:
    assert "steps" in signs("To do it:\n1. Press.\n2. Wait.")
    assert "steps" not in signs("It takes 2. Then wait.")
