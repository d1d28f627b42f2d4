"""A desk brings its pairs in whatever it has them in, and takes them away again."""

from __future__ import annotations

import io
import json
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as some

from knowledge_base.limits import Limits
from strategies.lora.pairs import BadPairs, Format, Pair, pair_of, read, read_lines, write


def file(*lines: Any) -> io.BytesIO:
    return io.BytesIO(
        "\n".join(
            one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in lines
        ).encode()
    )


@pytest.mark.parametrize(
    "line",
    [
        {"question": "How hot?", "answer": "95 °C."},
        {"prompt": "How hot?", "completion": "95 °C."},
        {"q": " How hot? ", "a": "95 °C.\n", "views": 17, "tags": None},
        {"質問": "How hot?", "回答": "95 °C."},
        {"instruction": "How hot?", "input": "", "output": "95 °C."},
        {"instruction": "How hot?", "output": "95 °C."},
        {"messages": [{"role": "user", "content": "How hot?"}, {"role": "assistant", "content": "95 °C."}]},
        {
            "messages": [
                {"role": "system", "content": "You are a kettle."},
                {"role": "user", "content": [{"type": "text", "text": "How hot?"}]},
                {"role": "assistant", "content": "95 °C.", "weight": 1},
            ]
        },
        {"conversations": [{"from": "human", "value": "How hot?"}, {"from": "gpt", "value": "95 °C."}]},
    ],
)
def test_a_line_is_read_in_the_form_it_is_written_in(line: dict[str, Any]) -> None:
    assert read(file(line), "pairs.jsonl") == [Pair("How hot?", "95 °C.")]


def test_a_file_may_mix_the_forms_and_have_empty_lines() -> None:
    pairs = read(
        file(
            {"question": "How hot?", "answer": "95 °C."},
            "",
            {"instruction": "Name the colours.", "input": "Kettle S", "output": "Red and blue."},
        ),
        "pairs.jsonl",
    )
    assert pairs[1] == Pair("Name the colours.\nKettle S", "Red and blue.")


def test_an_array_is_read_too_and_each_pair_knows_its_line() -> None:
    text = '[\n {"question": "A?", "answer": "a"},\n {"question": "B?", "answer": "b"}]'
    reading = read_lines(io.BytesIO(text.encode()), "alpaca.json")
    assert [pair.question for pair in reading.pairs] == ["A?", "B?"]
    assert reading.lines == (2, 3)


def test_the_labels_of_a_pair_come_with_it() -> None:
    labels = {"fact_id": "heat.s", "language": "en-US", "tags": "heat; kettle ", "split": "test"}
    told = Pair("How hot?", "95 °C.", "heat.s", "en", ("heat", "kettle"), "doc1", "held-out")
    beside = {"question": "How hot?", "answer": "95 °C.", **labels, "document": "doc1"}
    within = {"question": "How hot?", "answer": "95 °C.", "metadata": {**labels, "document_id": "doc1"}}
    assert read(file(beside, within), "pairs.jsonl") == [told, told]


def test_of_a_conversation_the_first_exchange_is_taken_and_the_admin_is_told() -> None:
    said = [("user", "How hot?"), ("assistant", "95 °C."), ("user", "And the S?"), ("assistant", "100 °C.")]
    line = {"messages": [{"role": role, "content": text} for role, text in said]}
    reading = read_lines(file(line), "chats.jsonl")
    assert reading.pairs == (Pair("How hot?", "95 °C."),)
    assert [str(note) for note in reading.notes] == ["line 1: the first of 2 exchanges was taken"]


def test_every_bad_line_is_named_at_once_with_what_is_wrong() -> None:
    bad = file(
        {"question": "How hot?", "answer": "95 °C."},
        {"question": "How hot?"},
        "{no json",
        {"question": " ", "answer": "\u200b"},
        ["How hot?", "95 °C."],
        {"messages": [{"role": "user", "content": "Anybody there?"}]},
        {"question": "x" * 2001, "answer": "y"},
        {"question": ["no", "text"], "answer": "y"},
        {"question": "?", "answer": "y", "split": "sometimes"},
        {"question": "?", "answer": "y", "language": "Klingon!"},
        "[" * 100_000,
        {"question": "How?", "answer": "Like\nthis\n" * 40},
    )
    with pytest.raises(BadPairs) as told:
        read(bad, "pairs.jsonl")
    assert [str(fault) for fault in told.value.faults] == [
        "line 2: it has no answer",
        "line 3: it is no JSON: Expecting property name enclosed in double quotes at column 2",
        "line 4: the question is empty",
        "line 4: the answer is empty",
        "line 5: it is no JSON object with a question and an answer",
        "line 6: it has no question of a user that an assistant answers",
        "line 7: the question has 2,001 characters, more than 2,000",
        "line 8: the question must be text",
        "line 9: the split: 'sometimes' is no part: say 'train', 'held-out', or leave it empty",
        "line 10: the language: 'Klingon!' is no language: give a code such as 'en' or 'ja'",
        "line 11: it is nested too deeply",
        "line 12: question and answer have 81 lines, more than 50",
    ]
    assert str(told.value).endswith("and 2 more")


def test_who_asks_for_it_gets_the_good_lines_of_a_bad_file() -> None:
    reading = read_lines(
        file({"question": "How hot?"}, {"question": "How hot?", "answer": "95 °C."}), "x.jsonl"
    )
    assert (len(reading.pairs), reading.lines, len(reading.faults)) == (1, (2,), 1)


@pytest.mark.parametrize("content", [b"", b"\n \n", b"question,answer\n"])
def test_a_file_without_pairs_says_so(content: bytes) -> None:
    with pytest.raises(BadPairs, match=r"'empty.\w+' holds no pairs|names its columns"):
        read(io.BytesIO(content), "empty.csv" if content.startswith(b"q") else "empty.jsonl")


@pytest.mark.parametrize(
    ("limits", "told"),
    [(Limits(rows=2), "more than 2 pairs"), (Limits(upload_bytes=50), "more than 50 bytes")],
)
def test_a_file_that_is_too_large_is_refused_before_it_fills_the_memory(limits: Limits, told: str) -> None:
    pairs = [{"question": f"{number}?", "answer": "Yes."} for number in range(3)]
    with pytest.raises(BadPairs, match=told):
        read_lines(file(*pairs), "large.jsonl", limits)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(BadPairs, match="is no text"):
        read(io.BytesIO(bytes(range(256)) * 40), "pairs.jsonl")


# ---- tables ----


def test_a_spreadsheet_from_excel_in_japan_is_read() -> None:
    sheet = "質問,回答,カテゴリ\r\n容量は？,1.7リットルです。,ケトル\r\n".encode("cp932")
    assert read(io.BytesIO(sheet), "faq.csv") == [Pair("容量は？", "1.7リットルです。", tags=("ケトル",))]


def test_a_table_may_have_a_title_above_and_a_language_for_each_column() -> None:
    sheet = file(
        "Our FAQ;;;",
        "Question (EN);Answer (EN);Question (JA);Answer (JA)",
        '"How hot; really?";95 °C.;何度？;95度です。',
    )
    assert read(sheet, "faq.csv") == [
        Pair("How hot; really?", "95 °C.", language="en"),
        Pair("何度？", "95度です。", language="ja"),
    ]


def test_a_table_without_a_header_says_how_to_begin() -> None:
    with pytest.raises(BadPairs, match="begin with a line 'question,answer'"):
        read(file("How hot?,95 °C.", "How large?,1.7 litres."), "faq.csv")


def test_a_row_with_broken_quotation_marks_or_nothing_in_it_is_named() -> None:
    sheet = file("question,answer", 'How "hot"?,"95" °C.', "How large?,", "", "How heavy?,1 kg")
    reading = read_lines(sheet, "faq.csv")
    assert reading.pairs == (Pair("How heavy?", "1 kg"),)
    assert [fault.line for fault in reading.faults] == [2, 3]
    assert "quotation marks" in str(reading.faults[0])


def test_a_row_that_a_comma_has_cut_is_named_with_what_was_read_and_what_is_expected() -> None:
    sheet = file("question,answer", "How long, in months?,24", '"How long, in years?",2', "How hot?,95 °C.")
    reading = read_lines(sheet, "faq.csv")
    assert [str(fault) for fault in reading.faults] == [
        "line 2: it has 3 columns instead of 2 (question, answer): How long | in months? | 24 "
        '– a cell with the separator in it is written "…,…"'
    ]
    assert [pair.question for pair in reading.pairs] == ["How long, in years?", "How hot?"]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("question,answer,fact,language", "How long, in months?,24,,"),  # what is too much is empty
        ("question,answer,", "How long, in months?,24"),  # … stands below no name
        ("question,answer,tags", "How long, in months?,24,warranty"),
        ("question;answer", "How long; in months?;24"),
    ],
)
def test_no_word_of_a_row_that_was_cut_is_lost_without_a_fault(header: str, row: str) -> None:
    reading = read_lines(file(header, row), "faq.csv")
    assert ([fault.line for fault in reading.faults], reading.pairs) == ([2], ())
    assert "How long | in months? | 24" in str(reading.faults[0])


def test_a_table_may_end_every_row_with_separators_of_its_own() -> None:
    sheet = file("Our FAQ,,", "question,answer,,", "How hot?,95 °C.,,", "How heavy?,1 kg,,")
    assert len(read(sheet, "excel.csv")) == 2
    assert len(read(file("question,answer", "How hot?,95 °C.,", "How heavy?,1 kg,"), "typed.csv")) == 2


def test_a_cut_row_that_fits_because_a_label_is_missing_is_to_be_looked_at() -> None:
    sheet = ["question,answer,tags", "Is it loud?,No, it is quiet.", "How hot?,95 °C.,heat"]
    (note,) = read_lines(file(*sheet), "faq.csv").notes
    assert str(note).startswith("line 2: what stands below 'tags' begins with a space: if a comma has cut")
    assert read_lines(file(sheet[0], "Is it loud?, No, noise", "How hot?, 95 °C, heat"), "x.csv").notes == ()


def test_a_spreadsheet_runs_nothing_of_what_customers_wrote() -> None:
    pair = Pair('=HYPERLINK("https://x.example")', "-1 is no setting.", tags=("+1",))
    written = io.BytesIO()
    write([pair], written, "csv")
    assert b"'=HYPERLINK" in written.getvalue()
    assert read(io.BytesIO(written.getvalue()), "pairs.csv") == [pair]


# ---- there and back ----

PLAIN = some.text(max_size=60)
LINE = some.text(
    some.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters=";,、"), max_size=12
)


@some.composite
def pairs(draw: some.DrawFn) -> Pair:
    """Any pair that can be kept."""
    try:
        return pair_of(
            {
                "question": draw(PLAIN),
                "answer": draw(PLAIN),
                "fact": draw(LINE),
                "language": draw(some.sampled_from(["", "en", "ja"])),
                "tags": draw(some.lists(LINE, max_size=3)),
                "document": draw(LINE),
                "split": draw(some.sampled_from(["", "train", "held-out"])),
            }
        )
    except BadPairs:
        return Pair("How hot?", "95 °C.")


@pytest.mark.parametrize("form", get_args(Format))
@given(kept=some.lists(pairs(), min_size=1, max_size=5))
def test_what_is_exported_is_read_again_as_it_was(form: Format, kept: list[Pair]) -> None:
    written = io.BytesIO()
    write(kept, written, form)
    assert read(io.BytesIO(written.getvalue()), "pairs.csv" if form == "csv" else "pairs.jsonl") == kept


@given(some.binary(max_size=200), some.sampled_from(["x.csv", "x.jsonl", "x"]))
def test_whatever_the_bytes_there_are_pairs_or_a_sentence(content: bytes, name: str) -> None:
    try:
        found = read(io.BytesIO(content), name)
    except BadPairs as told:
        found = list(told.faults)  # type: ignore[arg-type]
    assert found
