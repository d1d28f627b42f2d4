"""Citations come from the passages, whatever a model writes."""

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.citing import MARKER, cite
from strategies.events import Answer, Citation, Decision, Event, Token, Usage, collect
from tests.strategies.passages import DESCALE, EVERYTHING, JAPANESE, SHIPPING, WARRANTY, passage


def cited(*pieces: str | Event, passages: tuple[object, ...] = EVERYTHING) -> Answer:
    events = [Token(piece) if isinstance(piece, str) else piece for piece in pieces if piece]
    return collect(cite(events, passages))  # type: ignore[arg-type]


def split(text: str, cuts: list[int]) -> list[str]:
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(edges)]


def test_a_sentence_without_a_marker_is_cited_by_what_it_says() -> None:
    answer = cited("The warranty lasts 24 months. ", "Use 15 g of citric acid.")
    assert [(each.number, each.passage.id) for each in answer.citations] == [(1, "warranty"), (2, "descale")]
    assert answer.text[: answer.citations[0].at] == "The warranty lasts 24 months."
    assert answer.citations[1].quote == "Use 15 g of citric acid in one litre of water."


def test_markers_never_reach_the_customer_however_they_are_split() -> None:
    answer = cited(
        "The warranty lasts 24 months [",
        "2",
        "]. Ship",
        "ping is free from 40 euros [1,",
        " 3]. Use 15 g 【1†a】.",
    )
    assert answer.text == "The warranty lasts 24 months. Shipping is free from 40 euros. Use 15 g."


def test_a_marker_that_points_at_the_wrong_passage_is_corrected() -> None:
    answer = cited("The warranty lasts 24 months from the day of purchase [1].")
    assert [each.passage for each in answer.citations] == [WARRANTY]


def test_a_marker_helps_where_the_words_alone_would_not_be_enough() -> None:
    loose = "Scale builds up quickly, so clean your kettle out with some mild acid"
    assert cited(f"{loose}.").citations == ()
    assert [each.passage for each in cited(f"{loose} [1].").citations] == [DESCALE]


def test_a_number_alone_on_its_line_is_no_sentence() -> None:
    text = "1.\nThe warranty lasts 24 months.\n-\n\n2."
    assert cited(text).text == text


@pytest.mark.parametrize("marker", ["[9]", "[1]", "【2】", "[0]", "[99]"])
def test_what_no_passage_says_is_not_cited(marker: str) -> None:
    answer = cited(f"Pluto is a dwarf planet {marker}.")
    assert answer.citations == ()
    assert answer.decisions[-1].what == "found evidence for 0 of 1 sentences"
    assert answer.decisions[-1].detail == {"unsupported": ["Pluto is a dwarf planet."]}


def test_a_number_that_no_passage_has_is_not_proved_by_the_words_around_it() -> None:
    assert cited("The warranty lasts 36 months from the purchase.").citations == ()


def test_a_passage_keeps_its_number() -> None:
    answer = cited(
        "The warranty lasts 24 months. Shipping is free from 40 euros. The warranty does not cover limescale."
    )
    assert [each.number for each in answer.citations] == [1, 2, 1]


def test_a_numbered_step_is_cited_behind_its_words() -> None:
    answer = cited("1", ".", " Use 15 g of citric acid.\n2. Parcels arrive within three working days.")
    assert [answer.text[: each.at] for each in answer.citations] == [
        "1. Use 15 g of citric acid.",
        "1. Use 15 g of citric acid.\n2. Parcels arrive within three working days.",
    ]


def test_japanese_sentences_are_cited_too() -> None:
    answer = cited("クエン酸は15gで", "す。保証は分かり", "ません。")
    assert [(each.passage, each.quote) for each in answer.citations] == [
        (JAPANESE, "クエン酸は15 g使います。")
    ]


def test_a_marker_behind_the_full_stop_belongs_to_the_sentence_before() -> None:
    answer = cited("Clean out the kettle with acid.", " [1]", " Shipping is free from 40 euros.")
    assert [each.passage for each in answer.citations] == [DESCALE, SHIPPING]
    assert answer.text == "Clean out the kettle with acid. Shipping is free from 40 euros."


@pytest.mark.parametrize(
    "text", ["Read `steps[1]` first.", "See [1](https://example.com).", "Press [Start] in 2024 [2024]."]
)
def test_what_is_no_marker_stays(text: str) -> None:
    assert cited(text).text == text


def test_citations_of_the_strategy_itself_are_kept_and_ours_are_not_added() -> None:
    answer = cited(
        "It lasts 24 months.",
        Citation(7, WARRANTY, "The warranty lasts 24 months"),
        " Shipping is free from 40 euros. [1]",
    )
    assert [(each.number, each.passage) for each in answer.citations] == [(1, WARRANTY)]
    assert answer.text == "It lasts 24 months. Shipping is free from 40 euros. [1]"
    assert answer.decisions == ()


def test_a_citation_of_something_that_was_not_found_is_dropped() -> None:
    foreign = passage("Something else entirely.", id="foreign")
    answer = cited(
        "A.", Citation(1, foreign, foreign.text), " B.", Citation(2, WARRANTY, "never said"), " C."
    )
    assert answer.citations == ()
    assert answer.text == "A. B. C."


def test_what_it_cost_and_why_pass_through() -> None:
    usage, decision = Usage(1, 2, 3), Decision("x", "y")
    answer = cited(usage, "Hello there.", decision, passages=())
    assert answer.usage == usage
    assert decision in answer.decisions


def test_nothing_is_held_back_longer_than_needed() -> None:
    """The customer reads as the model writes: only what may still be a marker waits."""
    heard: list[str] = []

    def model() -> Iterator[Event]:
        for piece in ["The", " kettle", " [Start", "] button", " is", " blue"]:
            yield Token(piece)
            heard.append("|")

    heard.extend(event.text for event in cite(model(), EVERYTHING) if isinstance(event, Token))
    assert "".join(heard) == "The| kettle| [Start|] button| is| blue|"


plain = st.text(alphabet=st.sampled_from("ab 1.,!?\n(-*`'\"あ。」漢カ[]【】"), max_size=60).filter(
    lambda text: not MARKER.search(text)
)


@given(plain, st.lists(st.integers(0, 60), max_size=12))
def test_text_without_markers_is_unchanged_however_it_is_split(text: str, cuts: list[int]) -> None:
    assert cited(*split(text, cuts)).text == text


SENTENCES = [
    "The warranty lasts 24 months",
    "Use 15 g of citric acid",
    "Shipping is free from 40 euros",
    "クエン酸は15 g使います。",
    "Nobody knows",
]
marked = st.lists(
    st.tuples(
        st.sampled_from(SENTENCES), st.sampled_from(["", " [1]", "[2]", " [1, 3]", "【4】", " [7]", "[3][1]"])
    ),
    max_size=6,
)


@given(marked, st.lists(st.integers(0, 400), max_size=20))
def test_whatever_a_model_writes_the_citations_are_in_order(
    said: list[tuple[str, str]], cuts: list[int]
) -> None:
    text = " ".join(f"{sentence}{marker}." for sentence, marker in said)
    answer = cited(*split(text, cuts))
    numbers = [each.number for each in answer.citations]
    assert sorted(set(numbers)) == list(range(1, len(set(numbers)) + 1))
    assert list(dict.fromkeys(numbers)) == sorted(set(numbers)), "numbered by first use"
    assert all(each.quote in each.passage.text and each.passage in EVERYTHING for each in answer.citations)
    assert not MARKER.search(answer.text)


@given(marked, st.lists(st.integers(0, 400), max_size=20))
def test_how_a_text_is_split_changes_nothing(said: list[tuple[str, str]], cuts: list[int]) -> None:
    text = " ".join(f"{sentence}{marker}." for sentence, marker in said)
    assert cited(*split(text, cuts)) == cited(text)
