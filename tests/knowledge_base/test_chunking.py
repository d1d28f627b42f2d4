"""A document becomes passages: small enough to be found, whole enough to be understood, and all of it."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_base.chunking import cut
from knowledge_base.embedding import embedder
from knowledge_base.passages import Block, BlockKind, Cut, Reading
from knowledge_base.readers import read

DEMO = Path(__file__).parents[2] / "demo" / "documents"


def words(text: str) -> int:
    """A tokenizer that counts words, each Japanese letter as one, and two tokens around every text."""
    return 2 + len(re.findall(r"[\u3040-\u9fff]|[A-Za-z0-9]+|[^\s\w]", text))


def letters(text: str) -> int:
    """A tokenizer to which white space costs as much as anything."""
    return len(text)


def reading(*blocks: Block, title: str = "Manual", language: str = "en") -> Reading:
    return Reading(title, "markdown", language, blocks)


def sentence(number: int, length: int = 10) -> str:
    return " ".join([f"S{number}", *(["word"] * (length - 2))]) + "."  # the point is a token


def paragraph(sentences: int, first: int = 0) -> str:
    return " ".join(sentence(number) for number in range(first, first + sentences))


def texts(cuts: Sequence[Cut]) -> list[str]:
    return [one.text for one in cuts]


def sized(cuts: Sequence[Cut]) -> list[int]:
    return [words(one.text) - 2 for one in cuts]


# -- by structure


def test_blocks_below_one_heading_are_put_together_until_there_is_enough():
    blocks = [Block(paragraph(3, at * 3), ("Care",)) for at in range(6)]
    cuts = cut(reading(*blocks), count=words)
    assert texts(cuts) == [
        "\n\n".join(block.text for block in blocks[:3]),
        "\n\n".join(b.text for b in blocks[3:]),
    ]
    assert [one.headings for one in cuts] == [("Care",), ("Care",)]


def test_blocks_below_different_headings_stay_apart():
    cuts = cut(reading(Block(paragraph(8), ("A",)), Block(paragraph(8, 8), ("B",))), count=words)
    assert [one.headings for one in cuts] == [("A",), ("B",)]


def test_tiny_sections_share_a_passage_below_their_common_heading():
    cuts = cut(
        reading(
            Block("It weighs 1 kg.", ("Facts", "Weight")),
            Block("It is white.", ("Facts", "Colour", "Body")),
            Block(paragraph(8), ("Care",)),
        ),
        count=words,
    )
    assert texts(cuts)[:2] == ["It weighs 1 kg.", "It is white."]  # not sisters: Body is one level deeper
    cuts = cut(
        reading(Block("It weighs 1 kg.", ("Facts", "Weight")), Block("It is white.", ("Facts", "Colour"))),
        count=words,
    )
    assert texts(cuts) == ["**Weight**\n\nIt weighs 1 kg.\n\n**Colour**\n\nIt is white."]
    assert cuts[0].context == "Manual › Facts"


def test_words_that_introduce_a_section_go_with_its_first_part():
    cuts = cut(
        reading(Block("Read this first.", ("Care",)), Block(paragraph(8), ("Care", "Daily"))), count=words
    )
    assert texts(cuts) == [f"Read this first.\n\n**Daily**\n\n{paragraph(8)}"]
    assert cuts[0].headings == ("Care",)


@pytest.mark.parametrize("kind", ["answer", "paragraph"])
def test_a_question_with_its_answer_stays_one_passage_alone(kind: BlockKind):
    blocks = [Block("Yes.", ("FAQ", f"Question {at}?"), kind=kind) for at in range(3)]
    assert texts(cut(reading(*blocks), count=words)) == ["Yes."] * 3


def test_the_question_stands_above_every_part_of_a_long_answer():
    cuts = cut(reading(Block(paragraph(40), ("How long?",), kind="answer")), count=words)
    assert len(cuts) == 3
    assert all(one.context == "Manual › How long?" for one in cuts)


def test_rows_of_a_sheet_stand_line_by_line():
    cuts = cut(reading(*(Block(f"Model: {at}; Price: {at}", kind="table") for at in range(3))), count=words)
    assert texts(cuts) == ["Model: 0; Price: 0\nModel: 1; Price: 1\nModel: 2; Price: 2"]


# -- tearing


def test_a_long_paragraph_is_torn_between_sentences_into_even_parts():
    cuts = cut(reading(Block(paragraph(25))), count=words)  # 250 tokens
    assert " ".join(texts(cuts)) == paragraph(25)
    assert sized(cuts) == [130, 120]


def test_japanese_is_torn_between_sentences_too():
    text = "水を入れてふたを閉めます。" * 30
    cuts = cut(reading(Block(text), language="ja"), count=words)
    assert "".join(texts(cuts)) == text
    assert all(one.text.endswith("。") for one in cuts)


def test_a_long_table_is_torn_between_rows_and_repeats_its_header():
    rows = [f"| K-{number} | {number} USD |" for number in range(60)]
    table = "\n".join(["| Model | Price |", "| --- | --- |", *rows])
    cuts = cut(reading(Block(table, kind="table")), count=words)
    assert all(one.text.startswith("| Model | Price |\n| --- | --- |\n| K-") for one in cuts)
    assert [line for one in cuts for line in one.text.split("\n")[2:]] == rows


def test_long_code_is_torn_between_lines_and_stays_code():
    lines = [f"set option {number}" for number in range(100)]
    cuts = cut(reading(Block("\n".join(["```", *lines, "```"]), kind="code")), count=words)
    assert len(cuts) > 1
    assert all(one.text.startswith("```\n") and one.text.endswith("\n```") for one in cuts)
    assert [line for one in cuts for line in one.text.split("\n")[1:-1]] == lines


def test_a_long_list_is_torn_between_its_items():
    items = [f"- item {number}\n   {sentence(number)} {sentence(number)}" for number in range(12)]
    cuts = cut(reading(Block("\n".join(items), kind="list")), count=words)
    assert len(cuts) > 1
    assert all(one.text.startswith("- item") for one in cuts)


def test_what_introduces_a_long_list_is_not_left_alone():
    items = "\n".join(f"- {sentence(number, 20)}" for number in range(10))
    cuts = cut(reading(Block("Do this:"), Block(items, kind="list")), count=words)
    assert cuts[0].text.startswith("Do this:\n\n- S0 word")
    assert max(sized(cuts)) <= 160


def test_a_sentence_without_end_is_torn_all_the_same():
    for monster in (
        "a" + "\u0301" * 9000,
        "word, " * 2000,
        "x" * 50_000,
        "あ" * 5000,
        "か\u3099" * 3000,
        "👩\u200d🔧" * 1000,
    ):
        cuts = cut(reading(Block(monster.strip())), count=words)
        assert len(cuts) > 1
        assert "".join(texts(cuts)).replace(" ", "") == monster.replace(" ", "")
        assert all(words(one.embedded) <= 256 for one in cuts)
        assert not [one for one in cuts if one.text[0] in "\u3099\u200d"]  # no accent without its letter


def test_a_long_text_is_counted_in_proportion_to_its_length():
    counted = 0

    def count(text: str) -> int:
        nonlocal counted
        counted += len(text)
        return words(text)

    text = paragraph(4000)
    cut(reading(Block(text), Block("x" * 200_000)), count=count)
    assert counted < 25 * (len(text) + 200_000)


# -- the breadcrumb


def test_the_breadcrumb_names_product_document_and_headings():
    assert cut(reading(Block("Wipe it.", ("Care", "Daily"))), count=words, product="Kettle")[0].context == (
        "Kettle › Manual › Care › Daily"
    )


def test_a_product_named_in_the_title_is_not_named_twice():
    kettle = reading(Block("Wipe it."), title="KETTLE manual")
    assert cut(kettle, count=words, product="Kettle")[0].context == "KETTLE manual"


def test_a_breadcrumb_too_long_loses_its_middle_and_the_text_loses_nothing():
    headings = tuple(" ".join([name] * 60) for name in ("one", "two", "three", "four"))
    (only,) = cut(reading(Block(paragraph(15), headings)), count=words, product="Kettle")
    assert only.text == paragraph(15)
    assert only.headings == headings
    assert only.context.startswith("Kettle › ")
    assert only.context.endswith("four")
    assert "…" in only.context
    assert only.tokens == words(only.embedded) <= 256


# -- what every passage keeps to


@pytest.mark.parametrize("path", sorted(DEMO.iterdir()), ids=lambda path: path.name)
def test_the_demo_is_read_and_cut_for_the_model_that_ships(path):
    count = embedder().count
    document = read(path, path.name)
    assert document.language == ("ja" if path.name.startswith("ja-") else "en")
    assert not document.notes
    cuts = cut(document, count=count, product="Ostrelle")
    assert all(one.sentences for one in cuts)
    assert max(count(one.embedded) for one in cuts) <= 256
    assert max(count(one.text) - count("") for one in cuts) <= 160
    said = "".join(texts(cuts))
    assert all(block.text in said for block in document.blocks if count(block.text) <= 160)


BLOCKS = st.builds(
    Block,
    text=st.one_of(
        st.text(st.sampled_from("abc de。、. \n|-`*1漢字かな"), min_size=1, max_size=600),
        st.lists(st.integers(1, 30), min_size=1, max_size=30).map(
            lambda lengths: " ".join(sentence(at, length + 1) for at, length in enumerate(lengths))
        ),
        st.integers(1, 40).map(
            lambda rows: "| a | b |\n| --- | --- |\n" + "\n".join(["| cell | cell |"] * rows)
        ),
        st.integers(1, 80).map(lambda lines: "```\n" + "\n".join(["some code"] * lines) + "\n```"),
    ).filter(str.strip),
    headings=st.lists(st.sampled_from(["A", "B", "Why?", "C " * 90]), max_size=3).map(tuple),
    page=st.none() | st.integers(1, 5),
    kind=st.sampled_from(["paragraph", "list", "table", "code", "answer"]),
)
COUNTS: list[Callable[[str], int]] = [words, letters]


@given(st.lists(BLOCKS, max_size=8), st.sampled_from(COUNTS), st.sampled_from(["", "Kettle"]))
def test_nothing_is_lost_nothing_is_too_long_and_the_order_is_kept(blocks, count, product):
    cuts = cut(reading(*blocks), count=count, product=product)
    said = iter(letter for one in cuts for letter in one.text if not letter.isspace())
    for block in blocks:
        for letter in block.text:
            assert letter.isspace() or letter in said, "a character of a block is in no passage"
    for position, one in enumerate(cuts):
        assert one.position == position
        assert one.text == one.text.strip("\n ")
        assert one.text
        assert one.tokens == count(one.embedded) <= 256
        assert count(one.text) - count("") <= 160
        assert all(0 <= start < end <= len(one.text) for start, end in one.sentences)


@given(st.lists(BLOCKS, max_size=5))
def test_the_same_document_is_always_cut_the_same(blocks):
    assert cut(reading(*blocks), count=words) == cut(reading(*blocks), count=words)


@pytest.mark.parametrize("limit", [8, 20, 64])
def test_an_embedder_with_a_small_limit_gets_small_passages(limit):
    cuts = cut(reading(Block(paragraph(30), ("Care " * 30,))), count=words, product="Kettle", limit=limit)
    assert all(one.tokens <= limit for one in cuts)
    assert " ".join(texts(cuts)) == paragraph(30)
