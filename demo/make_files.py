"""Makes the PDF, Word and Excel manuals of the demo from the readable text in sources/.

`python demo/make_files.py` writes documents/; the same sources and libraries give the same bytes. Markdown,
HTML, text and CSV manuals are written by hand in documents/ and are not touched.
"""

import argparse
import html
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from docx import Document
from docx.oxml.ns import qn
from markdown_it import MarkdownIt
from markdown_it.token import Token
from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from reportlab.lib.colors import HexColor
from reportlab.lib.enums import TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import ListFlowable, Paragraph, SimpleDocTemplate, Table, TableStyle

DEMO = Path(__file__).parent
WRITTEN = datetime(2026, 4, 1, 9, 0)  # the date inside every file: without it, no two runs would agree
PDF = ("duo-user-guide", "barista-user-guide", "spare-parts", "ja-one-torisetsu")
WORD = ("mill-guide", "descaling-and-cleaning", "warranty", "ja-warranty")
EXCEL = ("product-faq", "ja-product-faq")


# --- The blocks of a manual ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    text: str
    bold: bool = False
    italic: bool = False


Line = tuple[Run, ...]


@dataclass(frozen=True)
class Heading:
    level: int
    line: Line


@dataclass(frozen=True)
class Text:
    line: Line


@dataclass(frozen=True)
class Steps:
    numbered: bool
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Grid:
    rows: tuple[tuple[Line, ...], ...]  # the first one is the header


Block = Heading | Text | Steps | Grid


def blocks(markdown: str) -> Iterator[Block]:
    """The manual as blocks, in reading order; only what the manuals use."""
    tokens = MarkdownIt().enable("table").parse(markdown)
    position = 0
    while position < len(tokens):
        token = tokens[position]
        end = _closing(tokens, position)
        inside = tokens[position:end]
        match token.type:
            case "heading_open":
                yield Heading(int(token.tag[1]), _lines(inside)[0])
            case "paragraph_open":
                yield Text(_lines(inside)[0])
            case "ordered_list_open" | "bullet_list_open":
                yield Steps(token.tag == "ol", tuple(_lines(inside)))
            case "table_open":
                yield Grid(tuple(_rows(inside)))
            case other:
                raise ValueError(f"the manuals do not use {other!r}")
        position = end + 1


def _closing(tokens: list[Token], position: int) -> int:
    depth = 0
    for at in range(position, len(tokens)):
        depth += tokens[at].nesting
        if depth == 0:
            return at
    raise ValueError(f"{tokens[position].type!r} is never closed")


def _lines(tokens: list[Token]) -> list[Line]:
    return [_line(token) for token in tokens if token.type == "inline"]


def _line(token: Token) -> Line:
    runs, bold, italic = [], False, False
    for child in token.children or []:
        match child.type:
            case "strong_open" | "strong_close":
                bold = child.nesting == 1
            case "em_open" | "em_close":
                italic = child.nesting == 1
            case "softbreak":
                runs.append(Run(" "))
            case _ if child.content:
                runs.append(Run(child.content, bold, italic))
    return tuple(runs)


def _rows(tokens: list[Token]) -> Iterator[tuple[Line, ...]]:
    row: list[Line] = []
    for token in tokens:
        if token.type == "inline":
            row.append(_line(token))
        elif token.type == "tr_close":
            yield tuple(row)
            row = []


def plain(line: Line) -> str:
    return "".join(run.text for run in line)


# --- PDF -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Face:
    """The typeface of one language, and how its lines break."""

    regular: str
    bold: str
    wrap: str | None
    page: str

    @classmethod
    def of(cls, stem: str) -> "Face":
        if not stem.startswith("ja-"):
            return cls("Helvetica", "Helvetica-Bold", None, "Page {}")
        # Named and not embedded: every PDF viewer brings a Japanese face of its own, so the file stays small.
        pdfmetrics.registerFont(UnicodeCIDFont("HeiseiKakuGo-W5"))
        return cls("HeiseiKakuGo-W5", "HeiseiKakuGo-W5", "CJK", "{} ページ")


def pdf(manual: list[Block], face: Face) -> bytes:
    title = next(plain(block.line) for block in manual if isinstance(block, Heading))

    def margins(canvas: Canvas, document: SimpleDocTemplate) -> None:
        canvas.setFont(face.regular, 8)
        canvas.drawString(20 * mm, 285 * mm, title)
        canvas.drawRightString(190 * mm, 10 * mm, face.page.format(document.page))

    file = BytesIO()
    margin = {"leftMargin": 20 * mm, "rightMargin": 20 * mm, "topMargin": 20 * mm, "bottomMargin": 20 * mm}
    document = SimpleDocTemplate(file, pagesize=A4, title=title, author="Ostrelle", invariant=1, **margin)
    document.build(list(_flow(manual, face)), onFirstPage=margins, onLaterPages=margins)
    return file.getvalue()


def _flow(manual: list[Block], face: Face) -> Iterator[Any]:
    common = {"alignment": TA_LEFT, "wordWrap": face.wrap}
    body = ParagraphStyle("body", fontName=face.regular, fontSize=10, leading=15, spaceAfter=6, **common)
    heads = {
        level: ParagraphStyle(
            f"head{level}", fontName=face.bold, fontSize=size, leading=size * 1.3, keepWithNext=1,
            spaceBefore=10, spaceAfter=4, **common,
        )
        for level, size in ((1, 20), (2, 14), (3, 11))
    }  # fmt: skip
    for block in manual:
        match block:
            case Heading(level, line):
                yield Paragraph(_marked(line), heads[level])
            case Text(line):
                yield Paragraph(_marked(line), body)
            case Steps(numbered, lines):
                items = [Paragraph(_marked(line), body) for line in lines]
                yield ListFlowable(
                    items,
                    bulletType="1" if numbered else "bullet",
                    bulletFontSize=10,
                    bulletFormat="%s." if numbered else None,
                )
            case Grid(rows):
                yield _ruled(rows, body)


def _ruled(rows: tuple[tuple[Line, ...], ...], body: Any) -> Any:
    cells = [[Paragraph(_marked(line), body) for line in row] for row in rows]
    look = [
        ("GRID", (0, 0), (-1, -1), 0.5, HexColor("#b8a99a")),
        ("BACKGROUND", (0, 0), (-1, 0), HexColor("#f3ece4")),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ]
    return Table(cells, repeatRows=1, style=TableStyle(look), spaceBefore=4, spaceAfter=10)


def _marked(line: Line) -> str:
    """The line in reportlab's own small markup."""
    marked = ""
    for run in line:
        text = html.escape(run.text, quote=False)
        text = f"<b>{text}</b>" if run.bold else text
        marked += f"<i>{text}</i>" if run.italic else text
    return marked


# --- Word ------------------------------------------------------------------------------------------------


def word(manual: list[Block]) -> bytes:
    document = Document()
    document.core_properties.author = "Ostrelle"
    document.core_properties.created = document.core_properties.modified = WRITTEN
    document.styles["Normal"].font.name = "Calibri"
    document.styles["Normal"].element.rPr.rFonts.set(qn("w:eastAsia"), "Yu Gothic")
    for block in manual:
        match block:
            case Heading(level, line):
                document.add_heading(plain(line), level)
            case Text(line):
                _say(document.add_paragraph(), line)
            case Steps(numbered, lines):
                _list(document, numbered, lines)
            case Grid(rows):
                _table(document, rows)
    file = BytesIO()
    document.save(file)
    return _settled(file.getvalue())


def _say(paragraph: Any, line: Line) -> None:
    for run in line:
        said = paragraph.add_run(run.text)
        said.bold, said.italic = run.bold or None, run.italic or None


def _list(document: Any, numbered: bool, lines: tuple[Line, ...]) -> None:
    style = document.styles["List Number" if numbered else "List Bullet"]
    own = _fresh_numbering(document, style) if numbered else None
    for line in lines:
        paragraph = document.add_paragraph(style=style)
        if own is not None:
            paragraph._p.get_or_add_pPr().get_or_add_numPr().get_or_add_numId().val = own
        _say(paragraph, line)


def _fresh_numbering(document: Any, style: Any) -> int:
    """Word would go on counting from the list before: each list gets a numbering that begins at one."""
    numbering = document.part.numbering_part.element
    shape = numbering.num_having_numId(style.element.pPr.numPr.numId.val).abstractNumId.val
    fresh = numbering.add_num(shape)
    fresh.add_lvlOverride(0).add_startOverride(1)
    return int(fresh.numId)


def _table(document: Any, rows: tuple[tuple[Line, ...], ...]) -> None:
    table = document.add_table(len(rows), len(rows[0]), style="Table Grid")
    for row, lines in zip(table.rows, rows, strict=True):
        for cell, line in zip(row.cells, lines, strict=True):
            _say(cell.paragraphs[0], line)
    for cell in table.rows[0].cells:
        for run in cell.paragraphs[0].runs:
            run.bold = True
    document.add_paragraph()  # tables that touch become one in Word


# --- Excel -----------------------------------------------------------------------------------------------


def excel(pairs: dict[str, Any]) -> bytes:
    book = Workbook()
    book.properties.creator, book.properties.created = "Ostrelle", WRITTEN
    sheet = book.worksheets[0]
    sheet.title = pairs["sheet"]
    for row in (pairs["columns"], *pairs["rows"]):
        sheet.append(row)
    for letter, width in zip("ABC", (45, 90, 20), strict=True):
        sheet.column_dimensions[letter].width = width
        for cell in sheet[letter]:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
            cell.font = Font(bold=cell.row == 1)
    sheet.freeze_panes = "A2"
    file = BytesIO()
    book.save(file)
    return _settled(file.getvalue())


def _settled(office: bytes) -> bytes:
    """The same archive with the time of writing taken out of its entries and properties."""
    file = BytesIO()
    with (
        zipfile.ZipFile(BytesIO(office)) as made,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as settled,
    ):
        for name in made.namelist():
            content = made.read(name)
            if name == "docProps/core.xml":
                content = re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>2026-04-01T09:00:00Z", content)
            settled.writestr(zipfile.ZipInfo(name, WRITTEN.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


# --- All of it -------------------------------------------------------------------------------------------


def made() -> Iterator[tuple[str, bytes]]:
    """Every file that is made, by its name."""
    for stem in PDF:
        yield f"{stem}.pdf", pdf(_manual(stem), Face.of(stem))
    for stem in WORD:
        yield f"{stem}.docx", word(_manual(stem))
    for stem in EXCEL:
        pairs = json.loads((DEMO / "sources" / f"{stem}.json").read_text(encoding="utf-8"))
        yield f"{stem}.xlsx", excel(pairs)


def _manual(stem: str) -> list[Block]:
    return list(blocks((DEMO / "sources" / f"{stem}.md").read_text(encoding="utf-8")))


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the PDF, Word and Excel manuals of the demo.")
    parser.add_argument("--into", type=Path, default=DEMO / "documents", help="the folder to write to")
    into = parser.parse_args().into
    into.mkdir(parents=True, exist_ok=True)
    for name, content in made():
        (into / name).write_bytes(content)
        print(f"{name}  {len(content):,} bytes")


if __name__ == "__main__":
    main()
