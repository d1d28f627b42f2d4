"""A follow-up is searched for together with what it leans on; a question that stands alone is left alone."""

import pytest

from strategies.base import Question, Turn
from strategies.followups import standalone


def asked(*turns: str) -> str:
    """What is searched for when the last of these follows the others; customer and bot take turns."""
    history = tuple(Turn("customer" if at % 2 == 0 else "bot", text) for at, text in enumerate(turns[:-1]))
    return standalone(Question(turns[-1], history)).query


FIRST = ("How do I clean the steel kettle?", "Wipe it with a damp cloth.")
FIRST_JA = ("白いケトルはいくらですか。", "99ドルです。")


@pytest.mark.parametrize(
    "follow_up",
    [
        "And in white?",
        "What about the mug?",
        "Is it dishwasher safe?",
        "how often should I do that",
        "why?",
        "ok and how long will that take",
        "Does the other one need it too?",
        "which of those is cheaper?",
    ],
)
def test_a_follow_up_is_searched_with_the_question_it_leans_on(follow_up: str) -> None:
    assert asked(*FIRST, follow_up) == f"{FIRST[0]}\n{follow_up}"


@pytest.mark.parametrize(
    "follow_up",
    ["黒は？", "では、送料は？", "それは保証されますか。", "ほかの色はありますか。", "じゃあマグの場合は？"],
)
def test_a_japanese_follow_up_too(follow_up: str) -> None:
    assert asked(*FIRST_JA, follow_up) == f"{FIRST_JA[0]}\n{follow_up}"


@pytest.mark.parametrize(
    "question",
    [
        "What does error E4 on the coffee machine mean?",
        "Is it possible to return an opened coffee grinder after 30 days?",
        "Where can I buy paper filters for the travel press in Canada?",
        "コーヒーミルの保証期間を教えてください",
    ],
)
def test_a_question_that_stands_alone_is_searched_as_it_is(question: str) -> None:
    assert asked(*FIRST, question) == question


def test_a_chain_of_follow_ups_reaches_back_to_what_it_is_about() -> None:
    chain = ("How much is the steel kettle?", "99 euros.", "And in white?", "89 euros.", "And the lid?")
    assert asked(*chain) == "How much is the steel kettle?\nAnd in white?\nAnd the lid?"


def test_a_first_question_has_nothing_to_lean_on() -> None:
    assert asked("And in white?") == "And in white?"


def test_only_what_the_customer_said_is_searched_for() -> None:
    history = (Turn("bot", "Welcome!"), Turn("operator", "Hello, this is Ana."))
    assert standalone(Question("What about it?", history)).query == "What about it?"
