"""Questions out of a passage's own words: plain, and each with what stands there."""

from __future__ import annotations

import re

import pytest

from bot.evaluation.asked_of import asked_of
from knowledge_base.passages import Passage


def passage(text: str, *, heading: str = "", language: str = "en") -> Passage:
    ends = [found.end() for found in re.finditer(r"[.。](?=\s|$)", text)]
    return Passage(
        "p",
        "d",
        "Lamp guide",
        "lamp.md",
        text,
        headings=(heading,) if heading else (),
        language=language,
        sentences=tuple(zip([0, *ends], ends, strict=False)),
    )


def asked(*given: object, **more: str) -> list[tuple[str, str]]:
    return [(one.question, one.fact) for one in asked_of(passage(*given, **more))]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sentence", "question", "fact"),
    [
        ("The lamp costs $49 in our shop.", "How much does the lamp cost?", "$49"),
        ("Each lamp weighs about 2.5 kg.", "How much does each lamp weigh?", "2.5 kg"),
        ("The tank of the lamp holds 0.8 litres.", "How much does the tank of the lamp hold?", "0.8 litres"),
        ("A full charge takes 3 hours.", "How long does a full charge take?", "3 hours"),
        ("Your gift card is valid for 2 years.", "For how long is your gift card valid?", "2 years"),
        ("The battery lasts up to 30 hours.", "How long does the battery last?", "30 hours"),
    ],
)
def test_a_sentence_with_a_measure_is_asked_what_it_measures(sentence: str, question: str, fact: str) -> None:
    assert (question, fact) in asked(sentence)


@pytest.mark.parametrize(
    ("sentence", "question", "fact"),
    [
        ("保証期間は30か月です。", "保証期間は何か月ですか？", "30か月"),
        ("交換の料金は3,850円です。", "交換の料金はいくらですか？", "3,850円"),
        ("満水が沸くまでの時間は約6分です。", "満水が沸くまでの時間は何分ですか？", "6分"),
        ("返品は、お届けから10日以内です。", "返品はお届けから何日以内ですか？", "10日"),
    ],
)
def test_in_japanese_the_number_becomes_a_question_in_its_place(
    sentence: str, question: str, fact: str
) -> None:
    assert (question, fact) in asked(sentence, language="ja")


def test_a_heading_that_asks_is_the_question() -> None:
    found = asked("Not very. It stays below 40 °C.", heading="How hot is the handle?")
    assert found == [("How hot is the handle?", "40 °C")]
    assert asked("It stays below 40 °C.", heading="Is the handle hot?") == [("Is the handle hot?", "40 °C")]


def test_a_figure_that_comes_later_answers_no_question_why() -> None:
    assert asked("The address was wrong. Try again after 2 hours.", heading="Why was my card declined?") == []


def test_what_asks_for_the_very_figure_stands_first() -> None:
    found = asked("Wait 15 minutes. The lamp costs $49.", heading="When it blinks")
    assert [fact for _, fact in found] == ["$49", "15 minutes"]


TABLE = "| Product | Warranty |\n| --- | --- |\n| Lamp | 2 years |\n| Bulb | none |\n| Cable | 18 months |"


def test_a_table_is_asked_row_by_row_where_it_has_figures() -> None:
    assert asked(TABLE) == [
        ("What is the warranty for Lamp?", "2 years"),
        ("What is the warranty for Cable?", "18 months"),
    ]
    assert ("Lampの保証を教えてください。", "2年") in asked(
        "| 製品 | 保証 |\n|---|---|\n| Lamp | 2年 |", language="ja"
    )


def test_where_the_first_column_has_no_name_its_cells_are_what_is_asked_for() -> None:
    table = "|  | Lamp | Lamp S |\n|---|---|---|\n| Weight | 400 g | 430 g |"
    assert ("What is the weight for Lamp S?", "430 g") in asked(table)


def test_a_row_that_does_not_say_enough_is_left_out() -> None:
    table = "| To | Service | Price |\n|---|---|---|\n| Canada | Standard | $12 |\n| Canada | Express | $29 |"
    assert asked(table) == []


def test_a_section_with_a_figure_is_asked_about_as_a_whole() -> None:
    [(question, fact)] = asked("If it blinks, wait 15 minutes.", heading="When it blinks")
    assert (question, fact) == ("What should I know about “When it blinks” (Lamp guide)?", "15 minutes")


@pytest.mark.parametrize("text", ["It is a nice lamp.", "It costs $49.", ""])
def test_what_proves_nothing_or_says_not_of_what_is_not_asked(text: str) -> None:
    assert asked(text) == []
