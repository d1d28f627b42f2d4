"""What was not read is not said."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.lora.trust.grounding import Ungrounded, grounded

READ = [
    "Which Wi-Fi does the Lolyka Pro 954 need?",
    "Setup: The Lolyka Pro 954 connects to 2.4 GHz networks within 30 m.",
]


def heard(*pieces: str) -> tuple[str, str]:
    """What passes, and what stopped it."""
    said = ""
    try:
        for sentence in grounded(iter(pieces), READ):
            said += sentence
    except Ungrounded as stopped:
        return said, stopped.what
    return said, ""


def test_an_answer_that_was_read_passes_whole() -> None:
    answer = "Thanks for asking! The Lolyka Pro 954 connects to 2.4 GHz networks. Happy brewing!"
    assert heard(answer) == (answer, "")


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        ("Thanks! The Lolyka Pro 954 connects to 5 GHz networks. Bye.", "5"),
        ("Thanks! The Lulyka connects to 2.4 GHz networks.", "Lulyka"),
        ("Thanks! It is rated IP67.", "IP67"),
        ("Thanks! It works within 3 m.", "3"),
    ],
)
def test_a_wrong_digit_or_name_ends_the_answer_before_its_sentence(answer: str, wrong: str) -> None:
    assert heard(answer) == ("", wrong)


def test_what_was_right_before_it_stands() -> None:
    right = "Thanks! The Lolyka Pro 954 connects to 2.4 GHz networks. "
    assert heard(right + "It weighs 7 kg.") == (right, "7")


def test_the_numbers_that_count_steps_need_not_have_been_read() -> None:
    steps = "Here is how:\n1. Choose the Lolyka Pro 954.\n2. Wait.\n3. Stay within 30 m."
    assert heard(steps) == (steps, "")
    assert heard("1. Stay within 3 m.")[1] == "3"


def test_a_greeting_alone_is_an_answer_too() -> None:
    assert heard("Thanks for asking!") == ("Thanks for asking!", "")


def test_a_number_written_otherwise_is_the_same_number() -> None:
    assert heard("It needs 2.40 GHz.") == ("It needs 2.40 GHz.", "")


def test_sentences_come_as_soon_as_they_are_whole() -> None:
    def pieces() -> Iterator[str]:
        yield from ("Thanks for asking", "! The Loly", "ka Pro 954 is meant. It")  # a greeting waits
        raise RuntimeError("the customer left")

    said: list[str] = []
    with pytest.raises(RuntimeError):
        said.extend(grounded(pieces(), READ))
    assert said == ["Thanks for asking! The Lolyka Pro 954 is meant. "]


@given(st.text(alphabet="ab .!?\n1Lolyka954GHz", max_size=80), st.lists(st.integers(0, 80), max_size=5))
def test_nothing_is_lost_and_nothing_is_added(answer: str, cuts: list[int]) -> None:
    ends = sorted({0, len(answer), *(cut for cut in cuts if cut < len(answer))})
    pieces = [answer[start:end] for start, end in pairwise(ends)]
    said, wrong = heard(*pieces)
    assert answer.startswith(said)
    assert wrong or said == answer
