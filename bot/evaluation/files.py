"""Question sets in files: JSON lines, and CSV as a spreadsheet writes it.

    {"id": "t1", "question": "How big is the tank?", "facts": [["0.8 litres", "0.8 l"]]}

    id,question,facts,wrong,sources,reference,answerable,tags,language,history,part
    t1,How big is the tank?,0.8 litres|0.8 l,1.2 litres,one.md,,,number,en,,held-out

In a cell, `;` stands between facts and `|` between the wordings of one; of a history each line is a turn,
`customer: …` or `bot: …`. Only the question is needed. One without an answer says `"answerable": false`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Annotated, Any, BinaryIO, Literal, cast, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator

from bot.conversations.question import clean
from bot.evaluation.values import AskedQuestion, Fact, Part
from knowledge_base.readers import separated
from knowledge_base.readers.text import decode, line
from strategies.base import Turn
from strategies.lora.pairs.values import BadLines, Fault

Format = Literal["jsonl", "csv"]
FORMATS: tuple[str, ...] = get_args(Format)

QUESTIONS = 5000  # of one set
QUESTION_CHARACTERS = 2000
REFERENCE_CHARACTERS = 8000
LABEL_CHARACTERS = 200
LABELS = 30  # facts, wordings of one, sources, tags
TURNS = 30

PARTS: Mapping[str, Part] = {
    **dict.fromkeys(("open", "calibration", "train", "training", "学習可"), "open"),
    **dict.fromkeys(("held-out", "heldout", "held out", "test", "検証用"), "held-out"),
}
ROLES = {"user": "customer", "assistant": "bot", "お客様": "customer", "顧客": "customer", "ボット": "bot"}
COLUMNS = {
    "質問": "question",
    "質問文": "question",
    "text": "question",
    "事実": "facts",
    "誤り": "wrong",
    "出典": "sources",
    "source": "sources",
    "回答例": "reference",
    "answer": "reference",
    "回答可能": "answerable",
    "タグ": "tags",
    "tag": "tags",
    "言語": "language",
    "履歴": "history",
    "区分": "part",
    "split": "part",
}
NO = ("no", "false", "0", "n", "いいえ", "否", "×")
YES = ("yes", "true", "1", "y", "はい", "可", "○", "")
FORMULA = re.compile(r"'*[=+\-@]")  # a spreadsheet would run such a cell


class BadQuestions(BadLines):
    """What was given holds no questions, or lines that are none."""


# ---- reading ----


def read(stream: BinaryIO, name: str, part: Part = "open") -> list[AskedQuestion]:
    """The questions of a file, in its order; those that name no part are of `part`. Raises BadQuestions."""
    text = decode(stream.read())
    if text is None:
        raise BadQuestions([Fault(0, f"{name!r} is no text: JSON lines and CSV are read")])
    table = separated.rather_than_json(name, text)
    found: dict[str, AskedQuestion] = {}
    lines: dict[str, int] = {}
    faults: list[Fault] = []
    for number, entry in _rows(text, name) if table else _entries(text):
        try:
            question = read_question(entry, part)
        except BadQuestions as bad:
            faults += [Fault(number, fault.sentence) for fault in bad.faults]
            continue
        if question.id in found:
            faults.append(
                Fault(number, f"its id {question.id!r} stands in line {lines[question.id]} already")
            )
        found[question.id], lines[question.id] = question, number
    if not found and not faults:
        faults.append(Fault(0, f"{name!r} holds no questions"))
    if len(found) > QUESTIONS:
        faults.append(Fault(0, f"{name!r} holds {len(found):,} questions; a set has at most {QUESTIONS:,}"))
    if faults:
        raise BadQuestions(faults)
    return list(found.values())


def read_question(entry: Any, part: Part = "open") -> AskedQuestion:
    """One question out of the values of a line, a form, or a row that was kept. Raises BadQuestions."""
    if isinstance(entry, BadQuestions):
        raise entry
    if not isinstance(entry, Mapping):
        raise BadQuestions([Fault(0, "it is no JSON object with a question")])
    try:
        read = Entry.model_validate(entry)
    except ValidationError as wrong:
        raise BadQuestions([Fault(0, _sentence(one)) for one in wrong.errors()]) from None
    if not read.answerable and read.facts:
        raise BadQuestions([Fault(0, "it has facts, and is said to have no answer")])
    return replace(read.asked(), part=read.part or part)


def as_entry(question: AskedQuestion) -> dict[str, Any]:
    """The question as JSON holds it; `read_question` gives it back as it was."""
    entry = {"id": question.id, "question": question.text, **asdict(question)}
    del entry["text"]
    return entry


def _entries(text: str) -> Iterator[tuple[int, Any]]:
    if text.lstrip().startswith("["):
        whole = _json(text)
        entries = [whole] if isinstance(whole, BadQuestions) else whole
        yield from enumerate(entries, start=1)
        return
    for number, written in enumerate(text.split("\n"), start=1):
        if written.strip():
            yield number, _json(written)


def _json(written: str) -> Any:
    try:
        return json.loads(written)
    except json.JSONDecodeError as fault:
        return BadQuestions([Fault(0, f"it is no JSON: {fault.msg} at column {fault.colno}")])
    except (ValueError, RecursionError) as fault:
        return BadQuestions([Fault(0, f"it is no JSON: {fault}")])


def _rows(text: str, name: str) -> Iterator[tuple[int, Any]]:
    """The rows of a table by the names in its first line."""
    first = text.lstrip("\n").split("\n", 1)[0]
    separator = "\t" if "\t" in first else ";" if "," not in first else ","
    rows = csv.reader(io.StringIO(text), delimiter=separator)
    header: list[str] = []
    names: list[str] = []
    below: list[tuple[int, list[str]]] = []
    try:
        header = next(rows, [])
        names = [COLUMNS.get(head, head) for head in (line(cell).lower() for cell in header)]
        if "question" not in names:
            fault = f"the first line of {name!r} names no column 'question'"
            yield 0, BadQuestions([Fault(0, fault)])
            return
        below.extend((rows.line_num, row) for row in rows if any(row))
    except csv.Error as fault:
        yield (
            rows.line_num,
            BadQuestions([Fault(0, f"its quotation marks or separators are broken ({fault})")]),
        )
    usual = separated.usual_width([header, *(row for _number, row in below)])
    for number, row in below:
        if wide := separated.too_wide(header, row, usual, separator):
            yield number, BadQuestions([Fault(0, wide)])
        else:
            yield number, dict(zip(names, map(_unguarded, row), strict=False))


# ---- one question ----


def _facts(value: Any) -> Any:
    """Facts out of a cell, of a list of texts, or of a list of lists."""
    value = _split(value, r"[;；\n]")
    if not isinstance(value, list | tuple):
        return value or ()
    return [_wordings(fact) for fact in value if fact]


def _wordings(fact: Any) -> Any:
    found = re.split(r"[|｜]", fact) if isinstance(fact, str) else fact
    if not isinstance(found, list | tuple) or not all(isinstance(one, str) for one in found):
        return found
    return [word for word in map(line, found) if word]


def _files(value: Any) -> Any:
    return _lines(_split(value, r"[;；\n]"))


def _tags(value: Any) -> Any:
    return _lines(_split(value, r"[;；,、\n]"))


def _lines(value: Any) -> Any:
    if not isinstance(value, list | tuple):
        return value or ()
    return [line(one) if isinstance(one, str) else one for one in value if one and str(one).strip()]


def _turns(value: Any) -> Any:
    """Earlier turns: objects with a role and a text, or lines such as "customer: …"."""
    said = _split(value, r"\n")
    if isinstance(value, str) and said and isinstance(said[0], str):
        spoken = (re.split(r"[:：]", one, maxsplit=1) for one in said if one.strip())
        return [{"role": one[0].strip(), "text": one[-1].strip()} for one in spoken]
    return said or ()


def _split(value: Any, separators: str) -> Any:
    """A cell in its parts; one that cannot be told apart so is written as JSON."""
    if not isinstance(value, str):
        return value
    if not value.strip().startswith("["):
        return re.split(separators, value) if value.strip() else ()
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as fault:
        raise ValueError(f"it begins with '[' and is no JSON ({fault})") from fault


def _answerable(value: Any) -> Any:
    said = str(value).strip().lower() if value is not None else ""
    return False if said in NO else True if said in YES else value


Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]
Files = Annotated[tuple[str, ...], BeforeValidator(_files), Field(max_length=LABELS)]
Tags = Annotated[tuple[str, ...], BeforeValidator(_tags), Field(max_length=LABELS)]
Facts = Annotated[
    tuple[Annotated[tuple[str, ...], Field(min_length=1, max_length=LABELS)], ...],
    BeforeValidator(_facts),
    Field(max_length=LABELS),
]


class Said(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    role: str
    text: str = Field(max_length=REFERENCE_CHARACTERS)

    @field_validator("role")
    @classmethod
    def _known(cls, value: str) -> str:
        role = ROLES.get(value.lower(), value.lower())
        if role not in ("customer", "bot", "operator"):
            raise ValueError(f"{value!r} is nobody: a turn is the 'customer's or the 'bot's")
        return role


class Entry(BaseModel):
    """One line. Columns that we do not know are left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)

    id: Text = Field("", max_length=LABEL_CHARACTERS)
    question: Text = Field(max_length=QUESTION_CHARACTERS)
    language: Text = Field("", pattern=r"^([A-Za-z]{2,3}([-_][A-Za-z0-9]+)?)?$")
    history: Annotated[tuple[Said, ...], BeforeValidator(_turns), Field(max_length=TURNS)] = ()
    facts: Facts = ()
    wrong: Facts = ()
    sources: Files = ()
    reference: Text = Field("", max_length=REFERENCE_CHARACTERS)
    answerable: Annotated[bool, BeforeValidator(_answerable)] = True
    tags: Tags = ()
    part: Literal["open", "held-out", ""] = ""

    @field_validator("part", mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        return PARTS.get(str(value or "").strip().lower(), value or "")

    @field_validator("facts", "wrong")
    @classmethod
    def _short(cls, value: tuple[Fact, ...]) -> tuple[Fact, ...]:
        if any(len(wording) > LABEL_CHARACTERS for fact in value for wording in fact):
            raise ValueError(f"one has more than {LABEL_CHARACTERS} characters; give what proves it, no more")
        return value

    @field_validator("question")
    @classmethod
    def _asks(cls, value: str) -> str:
        if not (value := clean(value)):
            raise ValueError("it is empty")
        return value

    def asked(self) -> AskedQuestion:
        history = tuple(Turn(cast(Any, said.role), clean(said.text)) for said in self.history)
        return AskedQuestion(
            id=line(self.id) or named(self.question, history),
            text=self.question,
            language=re.split("[-_]", self.language.lower())[0],
            history=history,
            facts=self.facts,
            wrong=self.wrong,
            sources=self.sources,
            reference=clean(self.reference),
            answerable=self.answerable,
            tags=tuple(dict.fromkeys(self.tags)),
        )


def named(text: str, history: Sequence[Turn] = ()) -> str:
    """An id for a question that has none: the same question has the same."""
    said = json.dumps([text, *(turn.text for turn in history)])
    return "q-" + hashlib.sha256(said.encode()).hexdigest()[:10]


def _sentence(error: Any) -> str:
    """What pydantic found, as a person would say it."""
    where = " ".join(str(part + 1) if isinstance(part, int) else part for part in error["loc"])
    match error["type"]:
        case "missing":
            return f"it has no {where}"
        case "value_error":
            return f"the {where}: {error['ctx']['error']}"
        case "literal_error" if where == "part":
            return f"the part {error['input']!r} is none: say 'open' or 'held-out'"
        case "bool_parsing" | "bool_type":
            return f"{where} is {error['input']!r}: say 'yes' or 'no'"
        case "string_pattern_mismatch":
            return f"{error['input']!r} is no {where}: give a code such as 'en' or 'ja'"
        case _:
            said = error["msg"]
            return f"the {where}: {said[:1].lower()}{said[1:]}"


# ---- writing ----


def write(questions: Iterable[AskedQuestion], stream: BinaryIO, format: Format) -> None:  # noqa: A002
    """The questions as a file that `read` gives back as they are."""
    if format == "csv":
        stream.write(_table(questions).encode("utf-8-sig"))  # with the mark, Excel reads Japanese
        return
    for question in questions:
        entry = {name: value for name, value in as_entry(question).items() if value not in ("", ())}
        stream.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")


def _table(questions: Iterable[AskedQuestion]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, tuple(Entry.model_fields), lineterminator="\n")
    table.writeheader()
    for question in questions:
        table.writerow({name: _guarded(cell) for name, cell in _cells(question).items()})
    return text.getvalue()


def _cells(question: AskedQuestion) -> dict[str, str]:
    entry = as_entry(question)
    entry["facts"], entry["wrong"] = in_words(question.facts), in_words(question.wrong)
    entry["history"] = _array(question.history and entry["history"])
    entry["answerable"] = "yes" if question.answerable else "no"
    entry["sources"], entry["tags"] = in_list(question.sources), in_list(question.tags)
    return entry


def in_words(facts: Sequence[Fact]) -> str:
    """Facts as a cell holds them, and as somebody types them."""
    if any(re.search(r"[;；|｜]|^\[", wording) for fact in facts for wording in fact):
        return _array(facts)
    return "; ".join(" | ".join(fact) for fact in facts)


def in_list(names: Sequence[str]) -> str:
    if any(re.search(r"[;；,、]|^\[", name) for name in names):
        return _array(names)
    return "; ".join(names)


def in_turns(history: Sequence[Turn]) -> str:
    """A history as somebody types it: a line for each turn."""
    return "\n".join(f"{turn.role}: {' '.join(turn.text.split())}" for turn in history)


def _array(values: Sequence[Any]) -> str:
    return json.dumps(values, ensure_ascii=False) if values else ""


def _guarded(cell: str) -> str:
    return f"'{cell}" if FORMULA.match(cell) else cell


def _unguarded(cell: str) -> str:
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell
