"""Pairs in files: JSON lines as the tools of the trade write them, and CSV as a spreadsheet does.

chat        {"messages": [{"role": "user", "content": …}, {"role": "assistant", "content": …}]}    OpenAI
alpaca      {"instruction": …, "input": …, "output": …}
sharegpt    {"conversations": [{"from": "human", "value": …}, {"from": "gpt", "value": …}]}
plain       {"question": …, "answer": …}
csv         a header that names a question and an answer, in English or Japanese, in any encoding we know

Every line is told apart by itself, so a file may mix them; an array of such objects is read, too. Beside
them stand the labels of a pair (fact, language, tags, document, split), or in an object "metadata".

Of a conversation with several exchanges the first is taken: what follows leans on what was said before.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, BinaryIO, Literal, Self, get_args

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from knowledge_base.limits import Limits
from knowledge_base.readers import separated, tables
from knowledge_base.readers.text import clean, decode, line, strictly, words
from strategies.lora.pairs.values import BadPairs, Fault, Pair, Part

Format = Literal["openai", "alpaca", "sharegpt", "plain", "csv"]
FORMATS: tuple[str, ...] = get_args(Format)

QUESTION_CHARACTERS = 2000
ANSWER_CHARACTERS = 8000
LINES = separated.LONGEST_CELL  # of question and answer together: a row of CSV has no more
TAGS = 20
LABEL_CHARACTERS = 200
DEFAULTS = Limits()

LANGUAGES = {"english": "en", "英語": "en", "japanese": "ja", "日本語": "ja", "jp": "ja", "und": ""}
PARTS: Mapping[str, Part] = {
    "": "",
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("held-out", "heldout", "test", "validation", "valid", "val", "dev", "eval"), "held-out"),
}
ASKS = words("user human customer")
ANSWERS = words("assistant gpt chatgpt bot model agent")
LABEL_COLUMNS = {
    "fact": words("fact factid ファクト 事実"),
    "language": words("language lang 言語"),
    "tags": words("tags tag labels label タグ") | tables.SECTIONS,
    "document": words("document documentid 文書"),
    "split": words("split part 分割"),
}
FORMULA = re.compile(r"'*[=+\-@]")  # a spreadsheet would run such a cell


@dataclass(frozen=True)
class Reading:
    """A file, read: each pair with the line it begins on, and what could not be taken."""

    pairs: tuple[Pair, ...]
    lines: tuple[int, ...]
    faults: tuple[Fault, ...] = ()
    notes: tuple[Fault, ...] = ()  # what to look at in lines that were taken


# ---- reading ----


def read(stream: BinaryIO, name: str) -> list[Pair]:
    """The pairs of a file. BadPairs tells every faulty line with its number."""
    reading = read_lines(stream, name)
    if reading.faults:
        raise BadPairs(reading.faults)
    return list(reading.pairs)


def read_lines(stream: BinaryIO, name: str, limits: Limits = DEFAULTS) -> Reading:
    """The pairs of a file with their lines, and its faults beside them.

    BadPairs when the file as a whole cannot be read.
    """
    text = _text(stream, name, limits)
    table = separated.rather_than_json(name, text)
    pairs: list[Pair] = []
    lines: list[int] = []
    faults: list[Fault] = []
    notes: list[Fault] = []
    for number, entry, remarks in _rows(text, name) if table else _entries(text):
        if len(pairs) + len(faults) >= limits.rows:
            raise BadPairs([Fault(0, f"{name!r} has more than {limits.rows:,} pairs: split it into several")])
        try:
            form = _form(entry)
            pairs.append(form.pair())
            lines.append(number)
        except BadPairs as fault:
            faults += [Fault(number, one.sentence) for one in fault.faults]
        else:
            notes += [Fault(number, note) for note in (*remarks, *form.notes())]
    if not pairs and not faults:
        faults.append(Fault(0, f"{name!r} holds no pairs"))
    return Reading(tuple(pairs), tuple(lines), tuple(faults), tuple(notes))


def pair_of(entry: Any) -> Pair:
    """One pair out of the values of one line, in any of the forms. BadPairs says what is wrong with it."""
    return _form(entry).pair()


def _text(stream: BinaryIO, name: str, limits: Limits) -> str:
    data = stream.read(limits.upload_bytes + 1)
    if len(data) > limits.upload_bytes:
        raise BadPairs([Fault(0, f"{name!r} has more than {limits.upload_bytes:,} bytes: split it")])
    json_is_utf8 = data.lstrip()[:1] in (b"{", b"[")
    text = (strictly(data, "utf-8") if json_is_utf8 else None) or decode(data)
    if text is None:
        raise BadPairs([Fault(0, f"{name!r} is no text: JSON lines and CSV are read")])
    return text


Line = tuple[int, Any, Sequence[str]]
"""Its number, what it holds or the BadPairs that it is, and what to look at before it is taken."""


def _entries(text: str) -> Iterator[Line]:
    """What the lines of a file of JSON hold. A line that is no JSON gives its BadPairs."""
    if text.lstrip().startswith("["):
        yield from _array(text)
        return
    for number, written in enumerate(text.split("\n"), start=1):
        if written.strip():
            yield number, _json(written), ()


def _array(text: str) -> Iterator[Line]:
    """The entries of one array, as Alpaca and ShareGPT are often handed around."""
    whole = _json(text)
    if isinstance(whole, BadPairs):
        yield 0, whole, ()
        return
    at, decoder = text.index("[") + 1, json.JSONDecoder()
    for entry in whole:
        at = re.compile(r"[\s,]*").match(text, at).end()  # type: ignore[union-attr]  # it matches nothing, too
        yield text.count("\n", 0, at) + 1, entry, ()
        at = decoder.raw_decode(text, at)[1]


def _json(written: str) -> Any:
    try:
        return json.loads(written)
    except RecursionError:
        return BadPairs([Fault(0, "it is nested too deeply")])
    except json.JSONDecodeError as fault:
        return BadPairs([Fault(0, f"it is no JSON: {fault.msg} at column {fault.colno}")])
    except ValueError:
        return BadPairs([Fault(0, "it is no JSON: a number is too long")])


def _rows(text: str, name: str) -> Iterator[Line]:
    """The pairs that the rows of a table hold; a row may hold one for each language."""
    written = text.splitlines(keepends=True)
    separator = separated.separator_of(written) or ","
    rows = [one for one in separated.parse(written, separator) if any(cell.strip() for cell in one[1])]
    for place, (_number, header, _sound) in enumerate(rows[: separated.ABOVE]):
        if columns := tables.columns_of(header):
            yield from _below(header, columns, rows[place + 1 :], separator)
            return
    header_fault = f"no line of {name!r} names its columns: begin with a line 'question,answer'"
    yield 0, BadPairs([Fault(0, header_fault)]), ()


BROKEN = 'its quotation marks are broken: a cell with one inside is written "…""…"'


def _below(
    header: Sequence[str],
    columns: tables.Columns,
    rows: Sequence[separated.Row],
    separator: str,
) -> Iterator[Line]:
    sheet = [header, *(row for _number, row, _sound in rows)]
    usual = separated.usual_width(sheet)
    spaced = sum(bool(separated.cut(header, row)) for row in sheet)
    by_accident = spaced * 2 <= len(sheet)  # where most rows have it, it is how the desk writes
    for number, row, sound in rows:
        fault = separated.too_wide(header, row, usual, separator) if sound else BROKEN
        if fault:
            yield number, BadPairs([Fault(0, fault)]), ()
            continue
        remarks = [_remark(name) for name in separated.cut(header, row) if by_accident]
        for pair in columns.pairs:
            yield number, _cells(header, row, pair), remarks
            remarks = []


def _remark(column: str) -> str:
    return (
        f"what stands below {column!r} begins with a space: if a comma has cut the cell before it, "
        "write that cell in quotation marks"
    )


def _cells(header: Sequence[str], row: Sequence[str], pair: tables.Pair) -> dict[str, Any]:
    names = [tables.name_of(cell) for cell in header]
    entry: dict[str, Any] = {"language": names[pair.question][1]}
    for label, known in LABEL_COLUMNS.items():
        places = [place for place, (column, _) in enumerate(names) if column in known]
        if said := ";".join(filter(None, (_unguarded(tables.cell_of(row, place)) for place in places))):
            entry[label] = said
    entry["question"] = _unguarded(tables.cell_of(row, pair.question))
    entry["answer"] = _unguarded(tables.cell_of(row, pair.answer))
    return entry


# ---- the forms ----


def _nothing(value: Any) -> Any:
    return "" if value is None else value


def _list(value: Any) -> Any:
    return re.split("[;,、]", value) if isinstance(value, str) else _nothing(value) or ()


Text = Annotated[str, BeforeValidator(_nothing)]
Label = Annotated[str, BeforeValidator(_nothing)]


class Form(BaseModel):
    """One line. Columns that we do not know are left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True, coerce_numbers_to_str=True)

    fact: Label = Field(default="", validation_alias=AliasChoices("fact", "fact_id"))
    language: Label = ""
    tags: Annotated[tuple[str, ...], BeforeValidator(_list)] = ()
    document: Label = Field(default="", validation_alias=AliasChoices("document", "document_id"))
    split: Label = ""

    @model_validator(mode="before")
    @classmethod
    def _labels(cls, values: Any) -> Any:
        beside = values.get("metadata")
        return {**beside, **values} if isinstance(beside, Mapping) else values

    @field_validator("fact", "document", "language", "split")
    @classmethod
    def _one_line(cls, value: str) -> str:
        value = line(value)
        if len(value) > LABEL_CHARACTERS:
            raise ValueError(f"it has {len(value):,} characters, more than {LABEL_CHARACTERS}")
        return value

    @field_validator("language")
    @classmethod
    def _code(cls, value: str) -> str:
        code = LANGUAGES.get(value.lower(), re.split("[-_]", value.lower())[0])
        if code and not re.fullmatch("[a-z]{2,3}", code):
            raise ValueError(f"{value!r} is no language: give a code such as 'en' or 'ja'")
        return code

    @field_validator("split")
    @classmethod
    def _part(cls, value: str) -> str:
        part = PARTS.get(value.lower().replace("_", "-").replace(" ", "-"))
        if part is None:
            raise ValueError(f"{value!r} is no part: say 'train', 'held-out', or leave it empty")
        return part

    @field_validator("tags")
    @classmethod
    def _names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        tags = tuple(dict.fromkeys(filter(None, (line(tag) for one in value for tag in _list(one)))))
        if len(tags) > TAGS:
            raise ValueError(f"there are {len(tags)}, more than {TAGS}")
        if any(len(tag) > LABEL_CHARACTERS for tag in tags):
            raise ValueError(f"one has more than {LABEL_CHARACTERS} characters")
        return tags

    def exchange(self) -> tuple[str, str]:
        """The question and the answer as they stand in the line."""
        raise NotImplementedError

    def notes(self) -> list[str]:
        """What of the line was not taken."""
        return []

    def pair(self) -> Pair:
        question, answer = (clean(text).strip() for text in self.exchange())
        if faults := list(_misfits(question, answer)):
            raise BadPairs([Fault(0, sentence) for sentence in faults])
        part = PARTS[self.split]
        return Pair(question, answer, self.fact, self.language, self.tags, self.document, part)


def _misfits(question: str, answer: str) -> Iterator[str]:
    for what, text, most in (
        ("question", question, QUESTION_CHARACTERS),
        ("answer", answer, ANSWER_CHARACTERS),
    ):
        if not text:
            yield f"the {what} is empty"
        if len(text) > most:
            yield f"the {what} has {len(text):,} characters, more than {most:,}"
    if (lines := question.count("\n") + answer.count("\n") + 2) > LINES:
        yield f"question and answer have {lines} lines, more than {LINES}"


class Plain(Form):
    question: Text = Field(validation_alias=AliasChoices("question", "q", "prompt", "query", "質問"))
    answer: Text = Field(validation_alias=AliasChoices("answer", "a", "completion", "response", "回答"))

    def exchange(self) -> tuple[str, str]:
        return self.question, self.answer


class Alpaca(Form):
    instruction: Text
    input: Text = ""
    output: Text

    def exchange(self) -> tuple[str, str]:
        return "\n".join(filter(None, (self.instruction, self.input))), self.output


class Said(BaseModel):
    """One turn of a conversation; OpenAI may give its content in pieces."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    role: str = Field(validation_alias=AliasChoices("role", "from"))
    content: str = Field(validation_alias=AliasChoices("content", "value"))

    @field_validator("content", mode="before")
    @classmethod
    def _whole(cls, value: Any) -> Any:
        if isinstance(value, list):
            return "\n".join(str(part.get("text", "")) for part in value if isinstance(part, Mapping))
        return _nothing(value)


class Conversation(Form):
    said: tuple[Said, ...] = Field(validation_alias=AliasChoices("messages", "conversations"))

    @model_validator(mode="after")
    def _has_an_exchange(self) -> Self:
        if not self._exchanges():
            raise ValueError("it has no question of a user that an assistant answers")
        return self

    def exchange(self) -> tuple[str, str]:
        return self._exchanges()[0]

    def notes(self) -> list[str]:
        more = len(self._exchanges()) - 1
        return [f"the first of {more + 1} exchanges was taken"] if more else []

    def _exchanges(self) -> list[tuple[str, str]]:
        spoken = [one for one in self.said if one.role.lower() in ASKS | ANSWERS]
        return [
            (asked.content, answered.content)
            for asked, answered in pairwise(spoken)
            if asked.role.lower() in ASKS and answered.role.lower() in ANSWERS
        ]


def _form(entry: Any) -> Form:
    """The line as the form that its names show. BadPairs with a sentence for each thing wrong."""
    if isinstance(entry, BadPairs):
        raise entry
    if not isinstance(entry, Mapping):
        raise BadPairs([Fault(0, "it is no JSON object with a question and an answer")])
    try:
        return _kind(entry).model_validate(entry)
    except ValidationError as fault:
        raise BadPairs([Fault(0, _sentence(one)) for one in fault.errors()]) from None


def _kind(entry: Mapping[str, Any]) -> type[Form]:
    if "messages" in entry or "conversations" in entry:
        return Conversation
    return Alpaca if "instruction" in entry else Plain


def _sentence(error: Any) -> str:
    """What pydantic found, as a person would say it."""
    where = " ".join(str(part + 1) if isinstance(part, int) else part for part in error["loc"])
    match error["type"]:
        case "missing":
            return f"it has no {where}"
        case "value_error":
            said = str(error["ctx"]["error"])
            return f"the {where}: {said}" if where else said
        case _:
            return f"the {where} must be text" if "string" in error["type"] else f"{where}: {error['msg']}"


# ---- writing ----


def write(pairs: Iterable[Pair], stream: BinaryIO, format: Format) -> None:  # noqa: A002
    """The pairs as a file that `read` gives back as they are."""
    if format == "csv":
        stream.write(_table(pairs).encode("utf-8-sig"))  # with the mark, Excel reads Japanese
        return
    for pair in pairs:
        stream.write(json.dumps(_entry(pair, format), ensure_ascii=False).encode() + b"\n")


def _entry(pair: Pair, format: Format) -> dict[str, Any]:  # noqa: A002
    labels = {name: value for name, value in _labels(pair).items() if value}
    match format:
        case "openai":
            spoken = [("user", pair.question), ("assistant", pair.answer)]
            entry = {"messages": [{"role": role, "content": text} for role, text in spoken]}
        case "sharegpt":
            spoken = [("human", pair.question), ("gpt", pair.answer)]
            entry = {"conversations": [{"from": role, "value": text} for role, text in spoken]}
        case "alpaca":
            return {"instruction": pair.question, "input": "", "output": pair.answer, **labels}
        case _:
            return {"question": pair.question, "answer": pair.answer, **labels}
    return {**entry, "metadata": labels} if labels else entry


def _labels(pair: Pair) -> dict[str, Any]:
    return {
        "fact": pair.fact,
        "language": pair.language,
        "tags": list(pair.tags),
        "document": pair.document,
        "split": pair.split,
    }


def _table(pairs: Iterable[Pair]) -> str:
    written = io.StringIO()
    sheet = csv.writer(written)
    sheet.writerow(["question", "answer", *_labels(Pair("", ""))])
    for pair in pairs:
        labels = {**_labels(pair), "tags": ";".join(pair.tags)}
        sheet.writerow([_guarded(cell) for cell in (pair.question, pair.answer, *labels.values())])
    return written.getvalue()


def _guarded(cell: str) -> str:
    """A cell that a spreadsheet takes for text, also where it looks like a formula."""
    return f"'{cell}" if FORMULA.match(cell) else cell


def _unguarded(cell: str) -> str:
    cell = cell.strip()
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell
