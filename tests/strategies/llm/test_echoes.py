"""Tags of the prompt that a small model repeats."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.llm.echoes import without_tags

ECHOED = '<passages>\n<passage number="1" from="Kettle › Price">\nIt costs 80 euros.\n</passage>\n</passages>'


def said(text: str, size: int) -> str:
    return "".join(without_tags(text[at : at + size] for at in range(0, len(text), size)))


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize(
    ("written", "read"),
    [
        (ECHOED, "\n\nIt costs 80 euros.\n\n"),
        ('It costs 80 euros <passage number="2">.', "It costs 80 euros."),
        ("Is 3 < 4? Yes, and 5 <pass.", "Is 3 < 4? Yes, and 5 <pass."),
        ("Press <p> or <passenger> and < ", "Press <p> or <passenger> and < "),
        ("It ends in <passage", "It ends in <passage"),
        ("<<passage>question>", "<question>"),
        ("two  blanks \t\nstay ", "two  blanks \t\nstay "),
    ],
)
def test_tags_of_ours_are_not_read_and_others_are(written: str, read: str, size: int) -> None:
    assert said(written, size) == read


@given(st.text(alphabet="<>/ pasequtionge1\n\"='"), st.integers(1, 9))
def test_however_it_comes_in_pieces_the_same_is_read(text: str, size: int) -> None:
    assert said(text, size) == said(text, 1)


@given(st.text(), st.integers(1, 9))
def test_nothing_else_is_lost(text: str, size: int) -> None:
    assert said(text.replace("<", ""), size) == text.replace("<", "")
