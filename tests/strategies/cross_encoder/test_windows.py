"""How question and text are put before the cross-encoder."""

from __future__ import annotations

from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from knowledge_base.embedding import minilm_tokenizer
from strategies.cross_encoder.windows import LONGEST, Rows, Text, marks, text_of
from tests.strategies.passages import WARRANTY, passage

NUMBERS = minilm_tokenizer(marks_are_text=True)
SEP = marks(NUMBERS)[1]
ROWS = Rows(NUMBERS)


def read(ids: tuple[int, ...], span: tuple[int, int]) -> str:
    return str(NUMBERS.decode(list(ids[slice(*span)])))


def test_each_sentence_lies_where_its_span_says() -> None:
    made = ROWS.window("How long?", Text("Kettle › Warranty", ("It lasts two years.", "Keep the bill.")))
    assert [read(made.ids, span) for span in made.spans] == ["it lasts two years.", "keep the bill."]
    assert list(made.ids).count(SEP) == 3


def test_a_separator_that_a_customer_types_is_text() -> None:
    made = ROWS.window("Is it [SEP] new?", Text("", ("Yes, it is [SEP] [CLS] new.",)))
    assert list(made.ids).count(SEP) == 3


def test_sentences_are_looked_up_once_until_they_are_forgotten() -> None:
    class Counting:
        token_to_id = NUMBERS.token_to_id

        def __init__(self) -> None:
            self.seen: list[str] = []

        def encode(self, text: str, **options: bool) -> Any:
            self.seen.append(text)
            return NUMBERS.encode(text, **options)

    numbers = Counting()
    rows, text = Rows(cast("Any", numbers)), Text("Kettle", ("It lasts two years.",))
    made = [rows.window(asked, text) for asked in ("How long?", "How wide?")]
    assert numbers.seen == ["How long?", "Kettle", "It lasts two years.", "How wide?"]
    assert made == [ROWS.window(asked, text) for asked in ("How long?", "How wide?")]
    rows.forget()
    rows.window("How wide?", text)
    assert numbers.seen[4:] == ["How wide?", "Kettle", "It lasts two years."]


def test_a_question_mark_tells_nothing() -> None:
    text = Text("", ("It lasts two years.",))
    assert len({ROWS.window(asked, text) for asked in ("How long", "How long?", "How long ...?!")}) == 1


def test_a_sentence_that_does_not_fit_is_left_out_whole_and_the_next_may_fit() -> None:
    made = ROWS.window("How long?", Text("", ("A short one.", "long " * 300, "Another short one.")))
    assert made.spans[1] == (0, 0)
    assert read(made.ids, made.spans[2]) == "another short one."


def test_the_nearest_headings_are_kept() -> None:
    made = ROWS.window("How long?", Text("far " * 60 + "near", ("It lasts.",)))
    assert "near" in NUMBERS.decode(list(made.ids))
    assert NUMBERS.decode(list(made.ids)).count("far") < 60


def test_a_row_of_a_table_is_read_with_its_column_heads() -> None:
    table = passage(
        "| Product | Warranty |\n| --- | --- |\n| Kettle | 2 years |", id="table", title="Warranty"
    )
    assert any("Warranty: 2 years" in sentence for sentence in text_of(table).sentences)


def test_a_passage_stands_below_its_headings_none_of_them_twice() -> None:
    assert text_of(WARRANTY).headings.split(" › ") == list(
        dict.fromkeys([WARRANTY.title, *WARRANTY.headings])
    )


@given(st.text(max_size=400), st.text(max_size=200), st.lists(st.text(max_size=300), max_size=12))
def test_whatever_is_written_fits(question: str, headings: str, sentences: list[str]) -> None:
    made = ROWS.window(question, Text(headings, tuple(sentences)))
    assert len(made.ids) <= LONGEST
    assert len(made.spans) == len(sentences)
    assert all(start < end < len(made.ids) or (start, end) == (0, 0) for start, end in made.spans)
