"""How a model's stream begins: abstentions and thoughts never reach a customer."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.errors import NoAnswer
from strategies.llm.opening import NO_ANSWER, spoken


def split(text: str, cuts: list[int]) -> list[str]:
    edges = sorted({0, len(text), *(cut % (len(text) + 1) for cut in cuts)})
    return [text[start:end] for start, end in itertools.pairwise(edges)]


cuts = st.lists(st.integers(0, 40), max_size=12)


@pytest.mark.parametrize(
    "text", [NO_ANSWER, f" {NO_ANSWER}.", f"**{NO_ANSWER}**", f'"{NO_ANSWER}"', f"\n{NO_ANSWER} sorry"]
)
@given(cuts=cuts)
def test_an_abstention_is_heard_however_it_comes(text: str, cuts: list[int]) -> None:
    with pytest.raises(NoAnswer, match="found no answer"):
        list(spoken(split(text, cuts)))


@pytest.mark.parametrize("text", ["", " ", "\n**\n", "<think>hm, hm</think>", "<think>never ends"])
def test_saying_nothing_is_an_abstention(text: str) -> None:
    with pytest.raises(NoAnswer, match="wrote nothing"):
        list(spoken([text]))


@given(cuts=cuts)
def test_thoughts_are_dropped(cuts: list[int]) -> None:
    assert (
        "".join(spoken(split("<think>N or NO_ANSWER?</think>\n\nNo, it is not.", cuts))) == "No, it is not."
    )


@given(cuts=cuts)
def test_a_sign_in_the_middle_is_dropped_and_the_answer_kept(cuts: list[int]) -> None:
    assert "".join(spoken(split("I am not sure. NO_ANSWER", cuts))) == "I am not sure. "


@given(st.text(alphabet="NO_ANSWERabc <think>/\n*", max_size=30), cuts)
def test_everything_else_is_said_whole(text: str, cuts: list[int]) -> None:
    whole = f"a{text}"
    if NO_ANSWER not in whole:
        assert "".join(spoken(split(whole, cuts))) == whole


def test_a_plain_no_is_an_answer() -> None:
    assert list(spoken(["NO", ",", " it is not."])) == ["NO,", " it is not."]
