"""Documents made on the spot: what an admin uploads, sound, damaged and hostile."""

import io
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import docx
import openpyxl
from reportlab.lib import pdfencrypt
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle, getSampleStyleSheet
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, PageBreak, Paragraph, SimpleDocTemplate, Table

from knowledge_base.limits import Limits
from knowledge_base.passages import Reading
from knowledge_base.readers import read

NEXT_PAGE = "next page"


def read_bytes(folder: Path, data: bytes, name: str, limits: Limits | None = None) -> Reading:
    """What the readers make of these bytes; the file on disk bears no name of theirs, as in the library."""
    path = folder / "content"
    path.write_bytes(data)
    return read(path, name, limits)


def text_of(reading: Reading) -> str:
    return "\n".join(block.text for block in reading.blocks)


def pdf(
    parts: Iterable[tuple[str, Any] | str],
    *,
    running: tuple[str, str] = ("", ""),
    password: str = "",
    japanese: bool = False,
    title: str = "",
) -> bytes:
    """A PDF of ("Title" | "Heading1" | "Heading2" | "BodyText", text), ("Table", rows) and NEXT_PAGE."""
    styles = getSampleStyleSheet()
    if japanese:
        pdfmetrics.registerFont(UnicodeCIDFont("HeiseiMin-W3"))
        for style in styles.byName.values():
            if isinstance(style, ParagraphStyle):
                style.fontName, style.wordWrap = "HeiseiMin-W3", "CJK"
    story: list[Flowable] = []
    for part in parts:
        if isinstance(part, str):
            story.append(PageBreak())
        elif part[0] == "Table":
            story.append(Table(part[1]))
        else:
            story.append(Paragraph(part[1], styles[part[0]]))

    def margins(canvas: Canvas, document: SimpleDocTemplate) -> None:
        canvas.setFont("Helvetica", 8)
        canvas.drawString(60, 815, running[0])
        canvas.drawCentredString(300, 25, running[1].format(page=document.page))

    written = io.BytesIO()
    encrypt = pdfencrypt.StandardEncryption(password, canPrint=0) if password else None
    document = SimpleDocTemplate(written, pagesize=A4, title=title, encrypt=encrypt)
    document.build(story, onFirstPage=margins, onLaterPages=margins)
    return written.getvalue()


def scan(pages: int = 2) -> bytes:
    """A PDF whose pages are pictures only."""
    written = io.BytesIO()
    canvas = Canvas(written, pagesize=A4)
    for _ in range(pages):
        canvas.rect(50, 50, 400, 600, fill=1)
        canvas.showPage()
    canvas.save()
    return written.getvalue()


def word(parts: Iterable[tuple[str, Any]]) -> bytes:
    """A Word document of (style, text), ("Table", rows) and ("Hidden", text)."""
    document = docx.Document()
    for style, content in parts:
        if style == "Table":
            table = document.add_table(rows=0, cols=len(content[0]))
            for row in content:
                for cell, text in zip(table.add_row().cells, row, strict=True):
                    cell.text = text
        elif style == "Hidden":
            document.add_paragraph("").add_run(content).font.hidden = True
        else:
            document.add_paragraph(content, style=style)
    written = io.BytesIO()
    document.save(written)
    return written.getvalue()


def workbook(
    sheets: Mapping[str, Sequence[Sequence[Any]]], *, formats: Mapping[str, str] | None = None
) -> bytes:
    """An Excel workbook; `formats` are number formats by cell of the first sheet."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    for cell, form in (formats or {}).items():
        book.worksheets[0][cell].number_format = form
    written = io.BytesIO()
    book.save(written)
    return written.getvalue()


def with_member(archive: bytes, name: str, content: bytes) -> bytes:
    """The archive with one member replaced or added."""
    written = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as old,
        zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for member in old.namelist():
            if member != name:
                new.writestr(member, old.read(member))
        new.writestr(name, content)
    return written.getvalue()


def with_false_size(archive: bytes, name: str, size: int) -> bytes:
    """The archive claiming that one member unpacks to `size`, in its directory and before the member."""
    at_member = archive.index(b"PK\x03\x04", 0)
    data = bytearray(archive)
    encoded = name.encode()
    while at_member >= 0:
        if data[at_member + 30 : at_member + 30 + len(encoded)] == encoded:
            data[at_member + 22 : at_member + 26] = size.to_bytes(4, "little")
        at_member = data.find(b"PK\x03\x04", at_member + 4)
    at_entry = data.find(b"PK\x01\x02")
    while at_entry >= 0:
        if data[at_entry + 46 : at_entry + 46 + len(encoded)] == encoded:
            data[at_entry + 24 : at_entry + 28] = size.to_bytes(4, "little")
        at_entry = data.find(b"PK\x01\x02", at_entry + 4)
    return bytes(data)
