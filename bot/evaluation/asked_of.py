"""Questions that a passage answers, found in its own words: no model is asked.

    a question as a heading ─▶ that question          a row of a table ─▶ what stands in its column
    a sentence with a measure ─▶ what it measures     a section with one ─▶ what there is to know about it

What proves a right answer is a number with its unit, a code or a cell of the table, taken from the passage
as it stands there. The questions are plain, and a person mends them: these are drafts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from knowledge_base.passages import Passage

LONGEST = 160  # characters of a question
SHORT = 60  # … of a cell or a subject
MEASURE = (
    r"[$¥€£]\s?\d+(?:,\d+)*(?:\.\d+)?"
    r"|\d+(?:,\d+)*(?:\.\d+)?(?:\s?[–-]\s?\d+(?:,\d+)*(?:\.\d+)?)?\s?"
    r"(?:%|°[CF]|℃|percent|milli(?:litres?|liters?|metres?|meters?)|centi(?:metres?|meters?)"
    r"|lit(?:re|er)s?|met(?:re|er)s?|kilograms?|grams?|seconds?|minutes?|hours?|days?|working days?|weeks?"
    r"|months?|years?|watts?|volts?|degrees?|dollars?|euros?|cups?|ml|mm|cm|kg|km|GHz|MHz|GB|MB|W|V|l|g|m)(?![A-Za-z])"
)
MEASURED = re.compile(rf"(?<![\w.,])(?:{MEASURE})")
CODE = re.compile(r"(?<![\w-])[A-Z]{1,4}-?\d[\w-]*")
HOW_MANY = re.compile(
    r"\b(?:how (?:much|many|long|often|big|heavy|hot|far|fast|soon)|what (?:size|price|temperature)|costs?)\b"
    r"|いくら|いくつ|何[^か]|どのくらい|どれくらい|いつまで",
    re.IGNORECASE,
)
ASKS = re.compile(r"^[^\n]{6,}[?？]$")
RULE = re.compile(r"^\s*\|?[\s:|-]+\|?\s*$")
LINE = re.compile(r"^(?:[-*]\s+)?(?P<key>[^:：|\n]{2,40})[:：]\s*(?P<value>[^\n]{1,30})$")
STEP = re.compile(r"^\s*(?:\d{1,2}[.)]|[-*])\s+")
VALUES = ("value", "値", "内容", "仕様")
BOLD = re.compile(r"\*\*(.+?)\*\*")

UNCLEAR = re.compile(r"^(?:It|This)$|\b(?:and|is|are|was|comes?|arrives?|which|that)\b")
MORE_OR_LESS = r"(?:only |about |up to |at least |at most |around |a |an )*"
SUBJECT = r"(?P<subject>(?:The|A|An|Your|Our|Each|Every|It|This)\b[^,;:()]{0,60}?)"
ENGLISH: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (
        re.compile(rf"^{SUBJECT}\s+{verb}\s+{MORE_OR_LESS}(?P<fact>{MEASURE})"),
        asks,
    )
    for verb, asks in (
        ("costs?", "How much does {subject} cost?"),
        ("weighs?", "How much does {subject} weigh?"),
        ("holds?", "How much does {subject} hold?"),
        (
            "(?:takes?|needs?)(?= .*(?:second|minute|hour|day|week|month|year))",
            "How long does {subject} take?",
        ),
        ("lasts?", "How long does {subject} last?"),
        ("draws?", "How much does {subject} draw?"),
        (
            "(?:is|are) (?:valid|kept|stored|open|covered|under warranty) for",
            "For how long {be} {subject} {state}?",
        ),
        ("(?:is|are)", "What {be} {subject}?"),
    )
)
COUNTED = re.compile(
    r"(?P<number>[\d０-９][\d０-９,.，．]*)\s?(?P<unit>円|年間?|[かヶカ]月間?|週間|日間?|時間|分間?|秒間?|ミリリットル|リットル"
    r"|キログラム|キロ|グラム|センチ|ミリ|メートル|ワット|ボルト|杯|回|個|枚|台|人|度|℃|%|％|ml|mm|cm|kg|GHz|W|V|g|L)"
)
JAPANESE = re.compile(
    r"^(?P<subject>[^、。？?]{1,40}?)は、?(?P<before>[^、。？?\d]{0,20}?)(?:約|およそ)?"
    rf"{COUNTED.pattern}(?P<after>以内|以上|以下|まで|ほど|程度)?(?P<end>です|になります|かかります|入ります)。?$"
)
HOW_MUCH = {"円": "いくら"}


@dataclass(frozen=True)
class Asked:
    """A question, what proves a right answer, and the words that it was taken from."""

    question: str
    fact: str
    words: str
    precise: bool = True  # it asks for the very figure, and not for what there is to know


def asked_of(passage: Passage) -> Iterator[Asked]:
    """What can be asked of a passage, the best first; nothing of one that holds no number, code or table."""
    found: dict[str, Asked] = {}
    every = (
        *of_its_heading(passage),
        *of_its_tables(passage),
        *of_its_sentences(passage),
        *of_it(passage),
    )
    for asked in sorted(every, key=lambda one: not one.precise):
        if len(asked.question) <= LONGEST and asked.fact not in asked.question:
            found.setdefault(asked.fact, asked)
    yield from found.values()


# ---- a heading that asks ----


def of_its_heading(passage: Passage) -> Iterator[Asked]:
    """The question that stands above the passage. What does not ask for a figure is hardly answered by one
    that comes later than in the first sentence.
    """
    heading = passage.headings[-1] if passage.headings else ""
    if not ASKS.match(heading):
        return
    precise = bool(HOW_MANY.search(heading))
    for sentence in islice(sentences(passage), None if precise else 1):
        if (fact := figure(sentence)) and fact not in heading:
            yield Asked(heading, fact, sentence, precise)
            return


# ---- tables ----


def of_its_tables(passage: Passage) -> Iterator[Asked]:
    """The rows of each table, and lines such as `Weight: 2.4 kg`."""
    rows: list[str] = []
    for line in (*passage.text.split("\n"), ""):
        if line.lstrip().startswith("|"):
            rows.append(line)
            continue
        yield from of_rows(passage, rows)
        rows = []
        found = LINE.match(BOLD.sub(r"\1", line.strip()))
        value = found["value"].strip(" .。") if found else ""
        if found and telling(found["key"]) and proving(value):
            yield Asked(of_what(passage, found["key"].strip(), passage.title), value, line.strip())


def of_rows(passage: Passage, rows: Sequence[str]) -> Iterator[Asked]:
    """What stands in a row's cells. Where the first column has no name, the rows are what can be known, and
    the columns of what. A row whose first cell stands in others, too, does not say enough.
    """
    table = [cells(row) for row in rows if not RULE.match(row)]
    if len(table) < 2:
        return
    head, named = table[0], Counter(row[0] for row in table[1:])
    for line, row in zip([row for row in rows if not RULE.match(row)][1:], table[1:], strict=True):
        for column, cell in zip(head[1:], row[1:], strict=False):
            if named[row[0]] == 1 and telling(row[0]) and telling(column) and proving(cell):
                what, about = of_whom(passage, head[0], column, row[0])
                yield Asked(of_what(passage, what, about), one_measure(cell), line.strip())


def of_whom(passage: Passage, first: str, column: str, row: str) -> tuple[str, str]:
    """What a cell tells, and of whom. In a list of values the rows are what is told, and the document is of
    whom.
    """
    if column.casefold() in VALUES:
        return row, passage.title
    return (column, row) if first else (row, column)


def of_what(passage: Passage, what: str, about: str) -> str:
    if passage.language == "ja":
        return f"{about}の{what}を教えてください。"
    return f"What is the {lowered(what)} for {about}?"


def proving(cell: str) -> bool:
    """A figure, and no sentences."""
    return len(cell) <= SHORT and bool(re.search(r"\d", cell)) and not re.search(r"[.!?]\s|[。！？]", cell)


def one_measure(cell: str) -> str:
    """The cell's number with its unit, where it has no other."""
    found = MEASURED.findall(cell)
    return found[0].strip() if len(found) == 1 and len(re.findall(r"\d+", cell)) == 1 else cell


def cells(line: str) -> list[str]:
    return [BOLD.sub(r"\1", cell.strip()) for cell in line.strip().strip("|").split("|")]


def telling(cell: str) -> bool:
    return 1 < len(cell) <= SHORT


# ---- sentences ----


def of_its_sentences(passage: Passage) -> Iterator[Asked]:
    for sentence in sentences(passage):
        asked = in_japanese(sentence) if passage.language == "ja" else in_english(sentence)
        if asked is not None:
            yield asked


def in_english(sentence: str) -> Asked | None:
    for pattern, form in ENGLISH:
        if (found := pattern.match(sentence)) is not None:
            subject = found["subject"].strip()
            if UNCLEAR.search(subject):
                return None
            be = "are" if re.search(r"\sare\s", found[0]) else "is"
            state = re.search(r"(valid|kept|stored|open|covered|under warranty)", found[0])
            told = form.format(subject=lowered(subject), be=be, state=state[1] if state else "")
            return Asked(told, found["fact"].strip(), sentence)
    return None


def in_japanese(sentence: str) -> Asked | None:
    """The number becomes a question in its own place."""
    if (found := JAPANESE.match(sentence)) is None:
        return None
    unit = found["unit"]
    how = HOW_MUCH.get(unit, f"何{unit}")
    question = f"{found['subject']}は{found['before']}{how}{found['after'] or ''}{found['end']}か？"
    return Asked(question, found["number"] + unit, sentence)


# ---- what is left ----


def of_it(passage: Passage) -> Iterator[Asked]:
    """What there is to know about the section, where a sentence of it has a figure."""
    heading = passage.headings[-1] if passage.headings else ""
    if not heading or ASKS.match(heading):
        return
    for sentence in sentences(passage):
        if fact := figure(sentence):
            if passage.language == "ja":
                asks = f"「{passage.title}」の「{heading}」について教えてください。"
            else:
                asks = f"What should I know about “{heading}” ({passage.title})?"
            yield Asked(asks, fact, sentence, precise=False)
            return


def sentences(passage: Passage) -> Iterator[str]:
    """The sentences in prose, without the marks of lists."""
    for start, end in passage.sentences:
        sentence = BOLD.sub(r"\1", STEP.sub("", passage.text[start:end].strip()))
        if sentence and "|" not in sentence and "\n" not in sentence:
            yield sentence


def figure(sentence: str) -> str:
    """The first number with a unit, or code."""
    found = MEASURED.search(sentence) or COUNTED.search(sentence) or CODE.search(sentence)
    return found[0].strip() if found else ""


def lowered(text: str) -> str:
    """Without the capital of a sentence's beginning; a name keeps its own."""
    word = text.split(" ", 1)[0]
    return text[:1].lower() + text[1:] if word[1:].islower() or len(word) == 1 else text
