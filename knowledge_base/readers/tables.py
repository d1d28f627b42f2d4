"""Rows and columns as text: Markdown tables, and sheets of questions with their answers."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from knowledge_base.readers.outline import Outline
from knowledge_base.readers.text import clean, line, words

Row = Sequence[str]

QUESTIONS = words(
    """question questions q query inquiry faq prompt 質問 質問文 質問内容 ご質問 お客様の質問
    よくある質問 よくあるご質問 問い 問 お問い合わせ お問い合わせ内容 問い合わせ 問合せ"""
)
ANSWERS = words(
    """answer answers a response reply solution resolution 回答 回答文 回答内容 ご回答 答え 答 返答
    応答 返信 対応 解決方法"""
)
SECTIONS = words(
    """category section topic product theme group カテゴリ カテゴリー 分類 区分 大分類 種別 製品
    商品 製品名 商品名 テーマ トピック"""
)
BOOKKEEPING = words(  # columns about the row, not about the product
    """id no number # nr 番号 date created createdat updated updatedat lastupdated author status
    更新日 作成日 登録日 更新者 作成者 状態 language lang 言語"""
)
WIDEST = 100  # columns that short rows are filled up to
LONGEST_NAME = 80  # characters of a column's name
LONGEST_HEADING = 300  # characters; a longer question stands in the text


@dataclass(frozen=True)
class Pair:
    """The columns of a question and its answer, by position."""

    question: int
    answer: int


@dataclass(frozen=True)
class Columns:
    """What the columns of a sheet of questions mean."""

    pairs: tuple[Pair, ...]
    sections: tuple[int, ...]
    others: tuple[int, ...]


def markdown_table(rows: Sequence[Row], *, headed: bool = True) -> str:
    """The rows as a Markdown table; without `headed` the header row, which Markdown demands, is empty."""
    if not rows:
        return ""
    width = min(max(len(row) for row in rows), WIDEST)
    lines = [markdown_row(row, width) for row in rows]
    if not headed:
        lines.insert(0, markdown_row((), width))
    lines.insert(1, "|" + " --- |" * width)
    return "\n".join(lines)


def markdown_row(row: Row, width: int) -> str:
    cells = [line(cell).replace("|", "\\|") for cell in row] + [""] * (width - len(row))
    return "| " + " | ".join(cells) + " |"


def tell(rows: Iterable[Row], outline: Outline) -> None:
    """Tell the outline a sheet: its questions and answers where it has such columns, otherwise row by row."""
    filled = ([clean(cell).strip() for cell in row] for row in rows)
    sheet = [row for row in filled if any(row)]
    for place, row in enumerate(sheet[:10]):  # a title or a note may stand above the header
        if columns := columns_of(row):
            for above in sheet[:place]:
                outline.add("; ".join(cell for cell in above if cell))
            tell_pairs(row, columns, sheet[place + 1 :], outline)
            return
    tell_rows(sheet, outline)


def columns_of(header: Row) -> Columns | None:
    """What a header row says of its columns, or None when it does not name a question and an answer."""
    names = [name_of(cell) for cell in header]
    questions, answers = columns_named(names, QUESTIONS), columns_named(names, ANSWERS)
    pairs = tuple(Pair(place, answers[variant]) for variant, place in questions.items() if variant in answers)
    if not pairs and len(questions) == len(answers) == 1:
        pairs = (Pair(*questions.values(), *answers.values()),)
    if not pairs:
        return None
    spoken = {place for pair in pairs for place in (pair.question, pair.answer)}
    sections = tuple(place for place, (name, _) in enumerate(names) if name in SECTIONS)
    others = tuple(
        place
        for place, (name, _) in enumerate(names)
        if name not in BOOKKEEPING and place not in spoken and place not in sections
    )
    return Columns(pairs, sections, others)


def name_of(cell: str) -> tuple[str, str]:
    """A header as (name, variant): `Question (EN)` and `question_en` are both ("question", "en")."""
    if len(cell) > LONGEST_NAME:
        return "", ""
    plain = unicodedata.normalize("NFKC", cell).casefold()
    found = re.match(
        r"^[\W_]*(.*?)(?:[\s_\-(\[]+(en|ja|jp|english|japanese|英語|日本語|\d)[)\]]?)?[\W_]*$",
        plain,
        re.DOTALL,
    )
    name, variant = (found[1], found[2] or "") if found else (plain, "")
    return re.sub(r"[\W_]+", "", name) or plain.strip(), variant


def columns_named(names: Sequence[tuple[str, str]], known: frozenset[str]) -> dict[str, int]:
    """The columns with one of these names, by variant; the first of each counts."""
    found: dict[str, int] = {}
    for place, (name, variant) in enumerate(names):
        if name in known:
            found.setdefault(variant, place)
    return found


def tell_pairs(header: Row, columns: Columns, rows: Iterable[Row], outline: Outline) -> None:
    """Each question is a heading with its answer below it; further columns stand below the answer."""
    level = len(columns.sections) + 2
    for row in rows:
        for depth, place in enumerate(columns.sections, start=2):
            outline.close(depth)
            outline.heading(depth, cell_of(row, place))
        beyond = filter(None, map(line, row[len(header) :]))  # a separator has cut a cell: no word is lost
        more = [*named_values(header, row, columns.others), *beyond]
        for pair in columns.pairs:
            outline.close(level)
            question, answer = cell_of(row, pair.question), cell_of(row, pair.answer)
            if len(question) <= LONGEST_HEADING:
                outline.heading(level, question)
                question = ""
            outline.add(
                "\n".join(part for part in (question, answer, *more) if part),
                "answer" if answer else "paragraph",
            )


def tell_rows(sheet: Sequence[Row], outline: Outline) -> None:
    """Each row is a line that says what its values are, so that it can be read, found and quoted alone."""
    header: Row = sheet[0] if len(sheet) > 1 and is_header(sheet[0]) else ()
    for row in sheet[1:] if header else sheet:
        outline.add("; ".join(named_values(header, row, range(len(row)))), "table")


def is_header(row: Row) -> bool:
    """A header names at least two columns, each differently, with something that is no number."""
    names = [cell for cell in row if cell]
    return (
        len(names) > 1
        and len(set(names)) == len(names)
        and max(map(len, names)) <= LONGEST_NAME
        and not any(re.fullmatch(r"[\d\W]+", name) for name in names)
    )


def named_values(header: Row, row: Row, places: Iterable[int]) -> Iterator[str]:
    for place in places:
        value, name = line(cell_of(row, place)), line(cell_of(header, place)).rstrip(":：")
        if value:
            yield f"{name}: {value}" if 0 < len(name) <= LONGEST_NAME else value


def cell_of(row: Row, place: int) -> str:
    return row[place] if place < len(row) else ""
