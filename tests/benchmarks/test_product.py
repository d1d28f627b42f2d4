"""The figures can be believed: what is asked was never seen."""

from benchmarks.desk import chosen_by, for_training, never_shown
from demo.pairs import pairs, suggested


def test_what_is_asked_was_neither_trained_on_nor_chosen_by() -> None:
    asked = {pair.question for pair in never_shown()}

    assert asked.isdisjoint(pair.question for pair in for_training(japanese=True))
    few = {pair.question for pair in for_training(japanese=True, few=True)}
    assert {pair.question for pair in pairs()} == asked | few
    assert {pair.question for pair in for_training(japanese=True)} == few | {
        pair.question for pair in suggested()
    }


def test_japanese_is_taught_only_when_it_is_asked_for() -> None:
    assert {pair.language for pair in for_training()} == {"en"}
    assert {pair.language for pair in for_training(japanese=True)} == {"en", "ja"}


def test_every_fact_is_trained_on_chosen_by_and_asked_for() -> None:
    facts = {pair.fact for pair in pairs()}

    assert {pair.fact for pair in pairs("train")} == facts
    assert sorted(pair.fact for pair in chosen_by()) == sorted(facts)
    assert {pair.fact for pair in never_shown()} == facts
