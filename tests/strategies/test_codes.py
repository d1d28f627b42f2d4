"""Codes that are asked about, and those that are told."""

from __future__ import annotations

import pytest

from strategies.codes import codes, untold

SHOWN = frozenset({"e01", "e02", "e12", "os221", "sr4410b", "e1234"})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("My Duo shows E01!", {"e01"}),
        ("e-01 and E01 are one", {"e01"}),
        ("part SR-4410B, not OS-221", {"sr4410b", "os221"}),
        ("E31は何のエラーですか", {"e31"}),
        ("5 GHz, 2nd try, 13x13, a 1450 W kettle", set()),
        ("order 20260411-AB", set()),
    ],
)
def test_a_code_is_letters_and_a_number(text: str, found: set[str]) -> None:
    assert codes(text) == found


@pytest.mark.parametrize(
    ("question", "code"),
    [
        ("What does E04 mean?", "e04"),
        ("What does E02 mean?", ""),
        ("first E04, then E02", ""),
        ("My dishwasher shows F04", ""),  # of no family that is told
        ("Where is part OS-222?", ""),  # one of a kind is no family
        ("Where is my parcel?", ""),
    ],
)
def test_a_code_of_a_family_that_is_told_and_is_not_among_it(question: str, code: str) -> None:
    assert untold(question, SHOWN) == code
