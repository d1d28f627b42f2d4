"""Question sets in files: read line by line, refused with a reason, written so that they are read again."""

from __future__ import annotations

import io

import pytest

from bot.evaluation.files import BadQuestions, in_turns, read, read_question, write
from bot.evaluation.values import AskedQuestion, Part
from strategies.base import Turn

WHOLE = AskedQuestion(
    "t1",
    "How big is the tank?",
    "en",
    (Turn("customer", "Hi: there"), Turn("bot", "Hello;\nwhat is it?")),
    (("0.8 litres", "0.8 l"), ("two cups",)),
    (("1.2 litres",),),
    ("one.md", "two, part 2.pdf"),
    "It holds 0.8 litres.",
    True,
    ("number", "tank"),
    "held-out",
)


def read_text(text: str | bytes, name: str = "q.jsonl", part: Part = "open") -> list[AskedQuestion]:
    return read(io.BytesIO(text if isinstance(text, bytes) else text.encode()), name, part)


def faults(text: str, name: str = "q.jsonl") -> list[str]:
    with pytest.raises(BadQuestions) as refused:
        read_text(text, name)
    return list(map(str, refused.value.faults))


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_what_was_written_is_read_as_it_was(format: str) -> None:  # noqa: A002
    questions = [
        WHOLE,
        AskedQuestion("t2", "Will it rain?", answerable=False),
        AskedQuestion("t3", '=SUM("A1")', "en", facts=(("-5 °C",), ("a; b", "c | d"), ("[1]",))),
        AskedQuestion("t4", "水は何リットル\n入りますか。", "ja", facts=(("0.8リットル",),)),
    ]
    file = io.BytesIO()
    write(questions, file, format)  # type: ignore[arg-type]
    file.seek(0)
    assert read(file, f"q.{format}") == questions


def test_a_spreadsheet_runs_nothing_that_a_question_says() -> None:
    file = io.BytesIO()
    write([AskedQuestion("=1+1", "@cmd")], file, "csv")
    assert b"'=1+1,'@cmd" in file.getvalue()


def test_cells_are_typed_by_people() -> None:
    text = (
        "Question;Facts;Sources;Tags;Answerable;History;Part\n"
        'How big?;"0.8 litres | 0.8 l; two cups";"a.md";size, tank;yes;"customer: Hi\nbot: Hello";test\n'
        "Will it rain?;;;;no;;\n"
    )
    big, rain = read_text(text, "q.csv")
    assert big.facts == (("0.8 litres", "0.8 l"), ("two cups",))
    assert (big.sources, big.tags, big.part) == (("a.md",), ("size", "tank"), "held-out")
    assert big.history == (Turn("customer", "Hi"), Turn("bot", "Hello"))
    assert (rain.answerable, rain.part) == (False, "open")


def test_a_japanese_spreadsheet_is_read_with_its_own_columns_and_encoding() -> None:
    text = "質問,事実,出典,回答可能,区分\n保証は何年ですか。,2年|二年,保証.pdf,はい,検証用\n"
    [asked] = read_text(text.encode("cp932"), "q.csv")
    assert (asked.text, asked.facts, asked.sources) == (
        "保証は何年ですか。",
        (("2年", "二年"),),
        ("保証.pdf",),
    )
    assert asked.part == "held-out"


def test_a_question_without_an_id_has_the_same_each_time_and_another_after_another_history() -> None:
    line = '{"question": "How big?"}'
    follow_up = '{"question": "How big?", "history": [{"role": "user", "text": "The tank."}]}'
    [one], [again], [other] = read_text(line), read_text(line), read_text(follow_up)
    assert one.id == again.id != other.id


def test_what_names_no_part_is_of_the_part_asked_for() -> None:
    one, other = read_text('{"question": "a"}\n{"question": "b", "part": "open"}', part="held-out")
    assert (one.part, other.part) == ("held-out", "open")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("nothing", "it is no JSON"),
        ("[1", "it is no JSON"),
        ('"how"', "it is no JSON object with a question"),
        ("{}", "line 1: it has no question"),
        ('{"question": " "}', "line 1: the question: it is empty"),
        ('{"question": "a", "answerable": "maybe"}', "answerable is 'maybe': say 'yes' or 'no'"),
        ('{"question": "a", "part": "some"}', "the part 'some' is none: say 'open' or 'held-out'"),
        ('{"question": "a", "language": "the Queen\'s"}', "is no language: give a code"),
        ('{"question": "a", "facts": [[["b"]]]}', "the facts 1 1"),
        ('{"question": "a", "facts": ["b"], "answerable": false}', "it has facts, and is said to have no"),
        ('{"question": "a", "history": [{"role": "cat", "text": "miaow"}]}', "'cat' is nobody"),
        ('{"question": "a", "facts": "[broken"}', "it begins with '[' and is no JSON"),
        (f'{{"question": "a", "facts": ["{"x" * 201}"]}}', "more than 200 characters"),
        ('{"question": "a", "id": "1"}\n{"question": "b", "id": "1"}', "line 2: its id '1' stands in line 1"),
        ("", "'q.jsonl' holds no questions"),
    ],
)
def test_what_cannot_be_taken_is_told_by_its_line(line: str, sentence: str) -> None:
    assert sentence in faults(line)[0]


def test_all_faults_of_a_file_are_told_at_once() -> None:
    assert len(faults("{}\nnope\n" + '{"question": "fine"}\n' + "{}")) == 3


def test_a_table_names_its_columns() -> None:
    assert faults("a,b\n1,2", "q.csv") == ["the first line of 'q.csv' names no column 'question'"]


def test_a_row_that_a_comma_has_cut_loses_no_word_unseen() -> None:
    with pytest.raises(BadQuestions, match=r"line 3: it has 3 columns instead of 2 \(question, tags\)"):
        read_text("question,tags\nHow heavy?,weight\nHow long, in months?,warranty\n", "q.csv")
    assert len(read_text("question,tags\nHow heavy?,weight,\nHow long?,warranty,\n", "q.csv")) == 2


def test_a_file_that_is_no_text_is_refused() -> None:
    with pytest.raises(BadQuestions, match="is no text"):
        read_text(b"\x00\x01\x02\xff" * 200)


def test_a_history_is_typed_as_lines_and_read_as_turns() -> None:
    history = (Turn("customer", "Is it in?"), Turn("bot", "Yes."))
    assert read_question({"question": "When?", "history": in_turns(history)}).history == history
