"""Facts in texts: what proves one, what is said in its place, and what nobody read."""

from __future__ import annotations

import pytest

from bot.evaluation.facts import found, holds, in_its_place, measures, proves, specifics, unread
from bot.evaluation.values import Fact


@pytest.mark.parametrize(
    ("answer", "fact"),
    [
        ("It holds **0.8** litres.", "0.8 litres"),
        ("The range is 60-100°C.", "60–100 °C"),
        ("Wait THIRTY minutes", "thirty minutes"),
        ("保温は最\n長60分です", "最長60分"),
        ("１４日以内です", "14日以内"),
        ("It costs $31.", "$31"),
    ],
)
def test_a_fact_is_found_however_it_is_set(answer: str, fact: str) -> None:
    assert proves(answer, [[fact]])


@pytest.mark.parametrize(
    ("answer", "fact"),
    [
        ("It takes 130 minutes.", "30 minutes"),
        ("It takes 1.30 minutes.", "30 minutes"),
        ("It costs $319.", "$31"),
        ("It costs $31.50.", "$31"),
        ("114日以内です", "14日以内"),
        ("", "30 minutes"),
    ],
)
def test_a_number_that_is_part_of_another_proves_nothing(answer: str, fact: str) -> None:
    assert not proves(answer, [[fact]])


def test_one_alternative_proves_a_fact_and_every_fact_is_needed() -> None:
    facts = [["ten minutes", "10 minutes"], ["cold water"]]

    assert proves("Wait 10 minutes, then fill in cold water.", facts)
    assert not proves("Wait 10 minutes.", facts)


def test_the_share_of_the_facts_is_counted_and_one_that_is_missing_is_not_a_lie() -> None:
    facts: tuple[Fact, ...] = (("10 minutes",), ("cold water",))

    assert found("Wait 10 minutes.", facts) == 0.5
    assert found("Ask the shop.", ()) == 1.0
    assert in_its_place("Fill in cold water.", ("10 minutes",)) == frozenset()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("It costs $1,149.50.", ("1149.5", "dollar")),
        ("It lasts two years.", ("2", "year")),
        ("Wait one minute.", ("1", "minute")),
        ("A 30-minute rest", ("30", "minute")),
        ("1.6 l", ("1.6", "litre")),
        ("保証期間は3か月です", ("3", "month")),
        ("修理は6,600円", ("6600", "yen")),
        ("14日以内に", ("14", "day")),
        ("at 57 °C", ("57", "degree")),
    ],
)
def test_a_number_is_read_with_its_unit(text: str, said: tuple[str, str]) -> None:
    assert measures(text) == {said}


@pytest.mark.parametrize("text", ["E04 means too hot", "a list of 3 lamps", "type 30minuteman", "v2.3.1"])
def test_a_number_without_a_unit_is_no_measure(text: str) -> None:
    assert measures(text) == frozenset()


def test_another_models_number_in_the_place_of_a_fact_is_wrong_whatever_the_model() -> None:
    fact = ("0.8 litres", "0.8 l")

    assert in_its_place("The tank holds 1.6 litres.", fact) == {("1.6", "litre")}
    assert in_its_place("The tank holds 0.8 litres, the Duo's 1.6 litres.", fact) == frozenset()
    assert in_its_place("It is made of steel and weighs 3 kg.", fact) == frozenset()


def test_a_number_that_the_customer_said_is_repeated_and_not_stated() -> None:
    assert in_its_place("No, not 5 litres.", ("0.8 litres",), "does it hold 5 litres?") == frozenset()


def test_numbers_codes_and_names_can_be_looked_up_and_the_number_of_a_step_cannot() -> None:
    assert specifics("1. Press Menu on the Barista.\n2. E04 goes after 10 minutes.") == {
        "menu",
        "barista",
        "e04",
        "10",
    }


def test_what_nobody_read_is_named() -> None:
    read = ["The One rests for 30 minutes.", "Press Brew."]

    assert unread("Press Brew on the One and wait 30 minutes.", read) == ()
    assert unread("Thanks! Press Steam and wait 45 minutes.", read) == ("45", "steam")
    assert unread("E04 means that it is hot.", read) == ("e04",)


def test_a_number_with_another_unit_was_not_read() -> None:
    assert unread("It rests for 30 hours.", ["It rests for 30 minutes."]) == ("30 hour",)


@pytest.mark.parametrize("said", ["It lasts 2 years.", "It lasts two years."])
def test_a_number_may_be_written_out(said: str) -> None:
    assert unread(said, ["two years of warranty"]) == ()


def test_one_alternative_is_enough_to_hold_a_fact() -> None:
    assert holds("Wait ten minutes", ("10 minutes", "ten minutes"))
    assert not holds("Wait", ("10 minutes", "ten minutes"))
