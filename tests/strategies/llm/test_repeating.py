"""What is said again and again is heard once; whatever else is said is said as it comes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.llm.repeating import Once


def heard(text: str, size: int = 3) -> tuple[list[str], str]:
    once = Once()
    pieces = list(once.words(text[at : at + size] for at in range(0, len(text), size)))
    return pieces, once.again


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
@pytest.mark.parametrize(
    ("before", "circle"),
    [
        ("", "The answer is: "),
        ("It is hot. ", "The display is not heating, but the kettle is. "),
        ("", "The kettle is hot, "),
        ("Well. ", "It lasts 24 months.\n"),
        ("", "一つめの文です。二つめの文です。"),
        ("はい。", "ケトルが熱いです、"),
        ("", "One of them. Two of them. Three of them! "),
    ],
)
def test_what_comes_three_times_in_a_row_is_heard_once(before: str, circle: str, size: int) -> None:
    pieces, again = heard(before + circle * 40, size)
    assert "".join(pieces).rstrip() == (before + circle).rstrip()
    assert "".join(again.split()) == "".join(circle.split())


@pytest.mark.parametrize(
    "text",
    [
        "Yes. Yes. Yes.",
        "1. Press OK.\n2. Press OK.\n3. Press OK.\n4. Press OK.",
        "Hold it down. Hold it down. Then let go.",
        "| Part | Price |\n|---|---|\n| Lid | $4 |\n| Jar | $4 |\n| Cup | $4 |",
        "It holds 1.7 litres, 1.7 litres, or 1.7 litres.",
        "ふたを閉めます。ふたを閉めます。それから押します。",
        "No end",
        "",
    ],
)
def test_what_may_be_meant_is_heard_whole(text: str) -> None:
    pieces, again = heard(text)
    assert ("".join(pieces), again) == (text, "")


def test_a_sentence_is_held_back_only_while_it_may_be_the_one_before() -> None:
    pieces, _ = heard("The lamp is red. The lid is blue. The mill is old.", 4)
    assert pieces == [
        "The ", "lamp", " is ", "red.", " The lid", " is ", "blue", ".", " The mi", "ll i", "s ol", "d."
    ]  # fmt: skip


@given(st.text(alphabet="ab.,:。\n ", max_size=80), st.integers(1, 5))
def test_nothing_is_lost_unless_it_was_said_three_times(text: str, size: int) -> None:
    pieces, again = heard(text, size)
    told = "".join(pieces)
    assert text.startswith(told)
    assert told == text or again
