"""The lines of a passage are found on its printed page."""

from __future__ import annotations

from pathlib import Path

import pypdfium2 as pdfium
import pytest

from knowledge_base.errors import NotFound, Unreadable
from knowledge_base.printed import drawn, lines_of, picture
from knowledge_base.readers.glyphs import Segment, segments
from tests.knowledge_base.files import pdf

PAGE = [
    "Cleaning the kettle",
    "• Descale the kettle once a month with",
    "citric acid, and rinse it with clear wa-",
    "ter twice.",
    "The warranty",
    "It lasts 24 months.",
    "twice.",
]
PASSAGE = "Descale the kettle once a month with citric acid, and rinse it with clear water twice."


def printed() -> bytes:
    return pdf([("BodyText", line) for line in PAGE])


@pytest.fixture
def page() -> list[Segment]:
    document = pdfium.PdfDocument(printed())
    try:
        return segments(document[0], 1)
    finally:
        document.close()


def test_lines_are_found_also_where_a_word_is_divided(page: list[Segment]) -> None:
    assert [line.text for line in lines_of(PASSAGE, page)] == PAGE[1:4]


def test_a_passage_that_is_not_on_the_page_marks_nothing(page: list[Segment]) -> None:
    assert lines_of("返品は30日以内です。", page) == lines_of("", page) == []


def test_marked_lines_are_yellow_and_ink_stays_ink() -> None:
    document = pdfium.PdfDocument(printed())
    plain, marked = drawn(document[0], 1, ""), drawn(document[0], 1, PASSAGE)
    document.close()
    changed = (plain != marked).any(axis=2)
    assert 0 < changed.mean() < 0.2
    assert plain.shape == marked.shape
    assert (marked[changed][:, 2] < plain[changed][:, 2]).all()  # less blue: yellow


def test_a_broken_file_and_a_page_that_is_not_there_are_told(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.pdf", tmp_path / "bad.pdf"
    good.write_bytes(printed())
    bad.write_bytes(b"%PDF-1.7 cut off")
    assert picture(good, "good.pdf", 1).startswith(b"\x89PNG")
    with pytest.raises(NotFound):
        picture(good, "good.pdf", 2)
    with pytest.raises(Unreadable):
        picture(bad, "bad.pdf", 1)
