"""The demo keeps its word: its files say what their sources say, and its questions can be judged."""

import csv
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import docx
import openpyxl
import pypdfium2
import pytest

from bot.evaluation.facts import proves
from demo import make_files
from demo.questions import DemoQuestion, questions

DEMO = Path(make_files.__file__).parent
MANUALS = {path.name: path for path in (DEMO / "documents").iterdir()}
TEST, CALIBRATION, OTHERS = questions("test"), questions("calibration"), questions("others")
ALL = TEST + CALIBRATION + OTHERS


# --- What a person reads in a file ----------------------------------------------------------------------


def words(path: Path) -> str:
    return READERS[path.suffix](path)


def pdf_words(path: Path) -> str:
    with pypdfium2.PdfDocument(path) as document:
        return "\n".join(page.get_textpage().get_text_range() for page in document)


def docx_words(path: Path) -> str:
    document = docx.Document(str(path))
    cells = (cell.text for table in document.tables for row in table.rows for cell in row.cells)
    return "\n".join([*(paragraph.text for paragraph in document.paragraphs), *cells])


def xlsx_words(path: Path) -> str:
    book = openpyxl.load_workbook(path)
    return "\n".join(str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row)


def html_words(path: Path) -> str:
    said: list[str] = []
    reader = HTMLParser()
    reader.handle_data = said.append  # type: ignore[method-assign]
    reader.feed(path.read_text(encoding="utf-8"))
    return "".join(said)


def plain_words(path: Path) -> str:
    return path.read_text(encoding="utf-8")


READERS = {
    ".pdf": pdf_words, ".docx": docx_words, ".xlsx": xlsx_words, ".html": html_words,
    ".md": plain_words, ".txt": plain_words, ".csv": plain_words,
}  # fmt: skip


def tight(text: str) -> str:
    """The text without its spaces and line breaks: a page breaks lines where it likes."""
    return "".join(text.split())


# --- The files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stem", [*make_files.PDF, *make_files.WORD])
def test_a_made_manual_holds_every_line_of_its_source(stem: str) -> None:
    (file,) = (path for name, path in MANUALS.items() if path.stem == stem)
    said = tight(words(file))

    for block in make_files.blocks((DEMO / "sources" / f"{stem}.md").read_text(encoding="utf-8")):
        for line in lines(block):
            assert tight(line) in said


def lines(block: make_files.Block) -> list[str]:
    match block:
        case make_files.Steps(_, steps):
            return [make_files.plain(step) for step in steps]
        case make_files.Grid(rows):
            return [make_files.plain(cell) for row in rows for cell in row]
        case _:
            return [make_files.plain(block.line)]


@pytest.mark.parametrize("stem", make_files.EXCEL)
def test_a_made_sheet_holds_every_pair_of_its_source(stem: str) -> None:
    pairs = json.loads((DEMO / "sources" / f"{stem}.json").read_text(encoding="utf-8"))

    sheet = openpyxl.load_workbook(MANUALS[f"{stem}.xlsx"]).worksheets[0]

    assert [list(row) for row in sheet.values] == [pairs["columns"], *pairs["rows"]]


def test_the_committed_files_are_those_the_sources_make(tmp_path: Path) -> None:
    for name, content in make_files.made():
        fresh = tmp_path / name
        fresh.write_bytes(content)
        assert words(MANUALS[name]) == words(fresh), f"{name} is stale: run python demo/make_files.py"


def test_making_the_files_twice_gives_the_same_bytes() -> None:
    assert dict(make_files.made()) == dict(make_files.made())


def test_each_numbered_list_of_a_word_manual_begins_at_one() -> None:
    document = docx.Document(str(MANUALS["descaling-and-cleaning.docx"]))
    numbered = [paragraph for paragraph in document.paragraphs if paragraph.style.name == "List Number"]

    numberings = Counter(paragraph._p.pPr.numPr.numId.val for paragraph in numbered)

    assert sorted(numberings.values()) == [4, 4, 4]  # three machines, four steps each


def test_a_manual_uses_only_what_the_makers_know() -> None:
    with pytest.raises(ValueError, match="blockquote_open"):
        list(make_files.blocks("> A quotation"))


def test_every_format_is_there_and_the_whole_is_small() -> None:
    assert {path.suffix for path in MANUALS.values()} == set(READERS)
    assert {path.suffix for name, path in MANUALS.items() if name.startswith("ja-")} == set(READERS)
    assert sum(path.stat().st_size for path in MANUALS.values()) < 2_000_000


@pytest.mark.parametrize("name", ["order-faq.csv", "ja-order-faq.csv"])
def test_the_pairs_of_a_csv_have_two_filled_columns(name: str) -> None:
    with MANUALS[name].open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))

    assert len(rows) > 10
    assert all(len(row) == 2 and all(row) for row in rows)


# --- The questions ---------------------------------------------------------------------------------------


def test_every_fact_is_in_every_manual_its_question_names() -> None:
    said = {name: words(path) for name, path in MANUALS.items()}

    missing = [
        (question.id, source, fact)
        for question in ALL
        for source in question.sources
        for fact in question.facts
        if not proves(said[source], [fact])
    ]

    assert missing == []


def test_a_question_and_its_manual_are_of_one_language() -> None:
    for question in ALL:
        assert {source.startswith("ja-") for source in question.sources} <= {question.language == "ja"}


def test_only_answerable_questions_have_facts_and_manuals() -> None:
    for question in ALL:
        assert bool(question.facts) == bool(question.sources) == question.answerable, question.id
        assert all(alternative.strip() for fact in question.facts for alternative in fact)


def test_a_question_without_an_answer_says_why() -> None:
    for question in ALL:
        assert len({"near-miss", "off-topic"} & set(question.tags)) == (not question.answerable), question.id


def test_a_follow_up_comes_after_an_answer_of_the_bot() -> None:
    for question in ALL:
        assert bool(question.history) == ("follow-up" in question.tags), question.id
        assert [turn.role for turn in question.history] in ([], ["customer", "bot"])


def test_the_history_of_a_follow_up_does_not_give_its_answer_away() -> None:
    for question in ALL:
        said = " ".join(turn.text for turn in question.history)
        assert not question.facts or not proves(said, question.facts), question.id


def test_no_question_stands_twice() -> None:
    assert max(Counter(question.id for question in ALL).values()) == 1
    assert max(Counter(question.question for question in ALL).values()) == 1


def test_no_other_question_shares_a_fact_with_the_test() -> None:
    assert told(TEST) & told(CALIBRATION + OTHERS) == set()


def told(rows: list[DemoQuestion]) -> set[tuple[str, str]]:
    return {
        (source, alternative)
        for question in rows
        for source in question.sources
        for fact in question.facts
        for alternative in fact
    }


def test_the_test_questions_are_of_the_kinds_the_figures_speak_of() -> None:
    tags = Counter(tag for question in TEST for tag in question.tags)
    answerable = [question for question in TEST if question.answerable]

    assert tags["near-miss"] == tags["off-topic"] == 15
    assert tags["follow-up"] == 20
    assert tags["paraphrase"] >= len(answerable) // 3
    assert {question.language for question in answerable} == {"en", "ja"}


def test_the_readme_counts_as_the_files_do() -> None:
    readme = (DEMO / "README.md").read_text(encoding="utf-8")

    assert f"{len(TEST)} questions that published" in readme
    assert f"{sum(question.answerable for question in TEST)} can be answered" in readme
    assert f"{len(CALIBRATION)} other questions" in readme
    assert f"{len(OTHERS)} more" in readme
    assert f"{sum('near-miss' in question.tags for question in OTHERS)} near misses" in readme
    assert f"the {len(MANUALS)} manuals" in readme


def test_every_manual_is_asked_about() -> None:
    assert {source for question in TEST for source in question.sources} == set(MANUALS)


# --- The shop page ---------------------------------------------------------------------------------------


def test_the_shop_asks_the_prices_the_manuals_tell() -> None:
    shop = json.loads((DEMO / "shop.json").read_text(encoding="utf-8"))
    said = {
        language: " ".join(
            words(path) for name, path in MANUALS.items() if name.startswith("ja-") == (language == "ja")
        )
        for language in ("en", "ja")
    }

    for product in shop["products"]:
        for language in ("en", "ja"):
            short = product["name"][language].split(maxsplit=1)[1]
            price = re.escape(product["price"][language])
            assert re.search(rf"{price}(?![\d,])", said[language]), product["id"]
            assert short in said[language]


def test_the_shop_suggests_four_questions_in_each_language_none_of_them_measured() -> None:
    starters = json.loads((DEMO / "shop.json").read_text(encoding="utf-8"))["starters"]

    assert {language: len(set(asked)) for language, asked in starters.items()} == {"en": 4, "ja": 4}
    assert {question for asked in starters.values() for question in asked}.isdisjoint(
        question.question for question in ALL
    )
