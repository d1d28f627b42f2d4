"""The pages of a PDF as they are printed: a picture of each, with the lines of a passage marked.

A passage is text, and a page is lines with places. A line belongs to the passage when its letters and digits
stand in it; so a word that was divided at a line's end, a bullet or a cell of a table does not matter. Of
lines that stand in several places, those beside other lines of the passage are meant.
"""

from __future__ import annotations

import struct
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pypdfium2 as pdfium  # type: ignore[import-untyped]
from numpy.typing import NDArray

from knowledge_base.errors import NotFound
from knowledge_base.limits import Limits
from knowledge_base.readers.format import is_pdf
from knowledge_base.readers.glyphs import Segment, segments
from knowledge_base.readers.pdf import ONE_AT_A_TIME, opened
from knowledge_base.readers.source import Source

SIDE = 1400  # the most pixels of a picture, in either direction
WIDTH = 1000  # pixels that a page has where its height allows
MARK = np.array([1.0, 0.92, 0.45], np.float32)  # what is white becomes yellow, and ink stays ink
ROOM = 1.5  # points around a line
LETTERS = 4  # a line of fewer may stand anywhere
PART = 0.4  # of the passage's longest run of lines on the page; a shorter one stands there by chance

Pixels = NDArray[np.uint8]


def is_printed(name: str, file: Path) -> bool:
    """Whether the file has pages that can be shown."""
    with file.open("rb") as stream:
        return is_pdf(name, stream.read(1024))


def picture(file: Path, name: str, number: int, passage: str = "", limits: Limits | None = None) -> bytes:
    """A page as PNG, the passage's lines marked. NotFound without such a page, Unreadable for a bad file."""
    source = Source(name, file.read_bytes(), limits=limits or Limits())
    with ONE_AT_A_TIME:
        document = opened(source)
        try:
            if not 1 <= number <= len(document):
                raise NotFound(f"{name!r} has no page {number}")
            return png(drawn(document[number - 1], number, passage))
        finally:
            document.close()


def drawn(page: pdfium.PdfPage, number: int, passage: str) -> Pixels:
    width, height = page.get_size()
    bitmap = page.render(scale=min(WIDTH / width, SIDE / max(width, height)), rev_byteorder=True)
    place = bitmap.get_posconv(page)
    pixels: Pixels = bitmap.to_numpy()[:, :, :3].copy()
    for line in lines_of(passage, segments(page, number)):
        xs, ys = zip(
            place.to_bitmap(line.left - ROOM, line.bottom - ROOM),
            place.to_bitmap(line.right + ROOM, line.top + ROOM),
            strict=True,
        )
        box = np.s_[max(min(ys), 0) : max(*ys, 0), max(min(xs), 0) : max(*xs, 0)]
        pixels[box] = (pixels[box] * MARK).astype(np.uint8)
    return pixels


def lines_of(passage: str, page: Sequence[Segment]) -> list[Segment]:
    """The lines of the page that are the passage's."""
    whole = bare(passage)
    runs = [(sum(len(bare(line.text)) for line in run), run) for run in runs_in(whole, page)]
    longest = max((length for length, _ in runs), default=0)
    return [line for length, run in runs if length >= PART * longest for line in run]


def runs_in(whole: str, page: Sequence[Segment]) -> Iterator[list[Segment]]:
    """Lines that stand beside one another, on the page and in the passage."""
    run: list[Segment] = []
    for line in page:
        text = bare(line.text)
        if text and text in whole and (run or len(text) >= LETTERS):
            run.append(line)
        elif run and text:
            yield run
            run = []
    if run:
        yield run


def bare(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFKC", text).casefold() if letter.isalnum())


def png(pixels: Pixels) -> bytes:
    """https://www.w3.org/TR/png-3/: eight bits of red, green and blue, without a filter."""
    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, width * 3)], axis=1)
    parts = (
        (b"IHDR", struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows.tobytes(), 6)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )
