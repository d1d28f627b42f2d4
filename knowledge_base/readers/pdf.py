"""PDF files, read by PDFium: the text a reader sees, page by page, with headings told by their size."""

import re
import threading
from collections.abc import Sequence

import pypdfium2 as pdfium  # type: ignore[import-untyped]
import pypdfium2.raw as raw  # type: ignore[import-untyped]

from knowledge_base.errors import TooLarge, Unreadable
from knowledge_base.readers import layout
from knowledge_base.readers.glyphs import Segment, segments
from knowledge_base.readers.outline import Outline
from knowledge_base.readers.source import Source
from knowledge_base.readers.text import line

ONE_AT_A_TIME = threading.Lock()  # PDFium is not thread-safe, not even for two documents
NAMED = 10  # pages without text that a note names one by one
NO_TITLE = re.compile(
    r"(?i)^\W*(?:untitled|anonymous|microsoft word.*|.*\.(?:docx?|pdf|indd|html?|pptx?)|文書\s*\d*)?\W*$"
)


def read(source: Source) -> Outline:
    outline = Outline()
    with ONE_AT_A_TIME:
        document = opened(source)
        try:
            if len(document) > source.limits.pages:
                raise TooLarge(
                    f"{source.name!r} has {len(document):,} pages, more than the {source.limits.pages:,} "
                    "that are accepted; split it."
                )
            title = line(document.get_metadata_dict().get("Title", ""))
            pages = pages_of(document, source)
        finally:
            document.close()
    outline.title = "" if NO_TITLE.match(title) else title
    note_empty_pages(pages, outline, source)
    layout.tell(pages, outline)
    return outline


def opened(source: Source) -> pdfium.PdfDocument:
    """The document, or a sentence on why it does not open."""
    try:
        return pdfium.PdfDocument(source.data)
    except pdfium.PdfiumError as error:
        if error.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            raise Unreadable(
                f"{source.name!r} is protected with a password; upload a copy without one."
            ) from error
        raise Unreadable(
            f"{source.name!r} is damaged or was cut off: it begins like a PDF but cannot be opened."
        ) from error


def pages_of(document: pdfium.PdfDocument, source: Source) -> list[tuple[float, list[Segment]]]:
    """The height of each page and what stands on it."""
    pages: list[tuple[float, list[Segment]]] = []
    characters = 0
    for number in range(1, len(document) + 1):
        page = document[number - 1]
        try:
            found = segments(page, number)
            pages.append((page.get_height(), found))
        finally:
            page.close()
        characters += sum(len(part.text) for part in found)
        if characters > source.limits.characters:
            raise TooLarge(
                f"{source.name!r} holds more than {source.limits.characters:,} characters of text; split it."
            )
    return pages


def note_empty_pages(
    pages: Sequence[tuple[float, Sequence[Segment]]], outline: Outline, source: Source
) -> None:
    """Say which pages hold no text; a document of such pages alone is a scan."""
    empty = [
        number
        for number, (_, parts) in enumerate(pages, start=1)
        if not any(part.text.strip() for part in parts)
    ]
    if len(empty) == len(pages):
        raise Unreadable(
            f"{source.name!r} holds no text: its pages are pictures, as a scanner makes them. "
            "Run text recognition (OCR) on it and upload the result."
        )
    if empty:
        some = ", ".join(map(str, empty[:NAMED])) + (" and others" if len(empty) > NAMED else "")
        outline.note(f"No text on page {some}: pictures are not read.")
