"""Customers who are upset, and those who only say that something is broken."""

from __future__ import annotations

import pytest

from benchmarks.upset import figures, sentences
from bot.handoff import upset
from bot.handoff.rules import Rules
from bot.settings import Handoff


def test_a_plain_complaint_about_a_product_is_no_anger_and_anger_is_found() -> None:
    for language in figures("ours", sentences()):
        assert language.mistaken == 0
        assert language.calm > 40
        assert language.found / language.angry > 0.9


def test_it_says_by_which_words() -> None:
    assert upset.found("I’m FED UP with it", "en") == "FED UP"
    assert upset.found("もうﾑｶつく。うんざりです", "ja") == "うんざり, ムカつ"


@pytest.mark.parametrize(
    "text",
    [
        "The display says 'unacceptable water hardness'",
        "画面に「ふざけないで」と出ます。",
        "It is not ridiculous to ask, I hope?",
        "This is the second time I descale it.",  # half a sign
        "E4 E7 ERROR",
    ],
)
def test_what_a_display_says_and_half_a_sign_are_none(text: str) -> None:
    assert upset.found(text, "en") == upset.found(text, "ja") == ""


def test_two_halves_make_a_whole() -> None:
    assert upset.found("This is the second time I ask, and nobody answers.", "en")


def test_the_rule_is_off_until_somebody_switches_a_language_on() -> None:
    english_anger, japanese_anger = "This is ridiculous!", "ふざけないでください。"

    def never(_text: str) -> list[float]:
        raise AssertionError

    off, english = Rules(Handoff(), never), Rules(Handoff(upset=("en",)), never)
    assert off.why(english_anger, "en") is off.why(japanese_anger, "ja") is None
    assert english.why(english_anger, "en") == ("upset", "ridiculous")
    assert english.why(japanese_anger, "ja") is None
