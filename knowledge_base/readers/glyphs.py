"""The lines of a PDF page with their place and size, as PDFium finds them."""

import ctypes
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pypdfium2 as pdfium  # type: ignore[import-untyped]
import pypdfium2.raw as raw  # type: ignore[import-untyped]

GAP = 1.0  # of the font's size: a wider space separates the cells of a table
TINY = 2.0  # points; nobody reads smaller letters
HYPHENS = {0x02: "-", 0xFFFE: "-"}  # how PDFium tells a hyphen at the end of a line
MARKER = r"[•·‣◦▪■□●○◆◇▶➤✓\-–—*]|\(?\d{1,3}[.)）．]|[①-⑳]|\(?[a-z][.)]"


@dataclass(frozen=True)
class Word:
    text: str
    left: float


@dataclass(frozen=True)
class Segment:
    """A run of text on one line, without a wide space in it. Points from the page's lower left corner."""

    words: tuple[Word, ...]
    right: float
    baseline: float
    size: float
    bold: bool = False
    page: int = 1

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)

    @property
    def left(self) -> float:
        return self.words[0].left

    @property
    def top(self) -> float:
        return self.baseline + 0.8 * self.size

    @property
    def bottom(self) -> float:
        return self.baseline - 0.2 * self.size

    def joined(self, other: "Segment") -> "Segment":
        """This segment with the next one of its line."""
        return replace(
            self, words=self.words + other.words, right=other.right, size=max(self.size, other.size)
        )


@dataclass(frozen=True)
class Glyph:
    letter: str
    left: float
    right: float
    baseline: float
    size: float
    bold: bool


def segments(page: pdfium.PdfPage, number: int) -> list[Segment]:
    """What stands on the page, in the order in which its author's program wrote it."""
    text = page.get_textpage()
    try:
        return list(cut(glyphs(text), number))
    finally:
        text.close()


def cut(letters: Iterator[Glyph | None], number: int) -> Iterator[Segment]:
    """Letters as segments: a new one at every line end and behind every wide space."""
    run: list[Glyph] = []
    for letter in letters:
        if run and (letter is None or apart(run[-1], letter)):
            yield segment(run, number)
            run = []
        if letter is not None:
            run.append(letter)
    if run:
        yield segment(run, number)


def apart(one: Glyph, other: Glyph) -> bool:
    return (
        other.left - one.right > GAP * max(one.size, other.size)
        or abs(one.baseline - other.baseline) > one.size
    )


def segment(run: list[Glyph], number: int) -> Segment:
    sizes = sorted(glyph.size for glyph in run)
    return Segment(
        words=tuple(words(run)),
        right=run[-1].right,
        baseline=run[0].baseline,
        size=round(sizes[len(sizes) // 2] * 2) / 2,
        bold=sum(glyph.bold for glyph in run) * 2 > len(run),
        page=number,
    )


def words(run: list[Glyph]) -> Iterator[Word]:
    letters, left = "", run[0].left
    for glyph in run:
        if letters.endswith(" "):
            yield Word(letters.strip(), left)
            letters, left = "", glyph.left
        letters += glyph.letter
    yield Word(letters.strip(), left)


def glyphs(text: pdfium.PdfTextPage) -> Iterator[Glyph | None]:
    """Every letter with its place; None where a line ends. A space belongs to the letter before it."""
    box, matrix, flags = raw.FS_RECTF(), raw.FS_MATRIX(), ctypes.c_int()
    x, y, name = ctypes.c_double(), ctypes.c_double(), ctypes.create_string_buffer(128)
    before: Glyph | None = None
    size, bold = 0.0, False
    for index in range(text.count_chars()):
        code = raw.FPDFText_GetUnicode(text, index)
        if code in (10, 13):
            if before:
                yield before
                yield None
            before = None
            continue
        letter = HYPHENS.get(code) or chr(code)
        if raw.FPDFText_IsGenerated(text, index) == 1 or letter.isspace():
            before = before and replace(before, letter=before.letter.rstrip() + " ")
            continue
        if before is None or before.letter.endswith(" "):  # sizes and fonts change between words
            raw.FPDFText_GetMatrix(text, index, matrix)
            size = raw.FPDFText_GetFontSize(text, index) * math.hypot(matrix.c, matrix.d)
            raw.FPDFText_GetFontInfo(text, index, name, len(name), flags)
            bold = b"bold" in name.value.lower() or b"-W7" in name.value or b"-W6" in name.value
        raw.FPDFText_GetLooseCharBox(text, index, box)
        raw.FPDFText_GetCharOrigin(text, index, x, y)
        if before:
            yield before
            before = None
        if size >= TINY:
            before = Glyph(letter, box.left, box.right, y.value, size, bold)
    if before:
        yield before
