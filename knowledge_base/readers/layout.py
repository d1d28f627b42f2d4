"""The lines of PDF pages put together again: paragraphs, headings, lists and tables, without running lines.

A PDF knows where ink goes and nothing else. A heading is told by its size, a row of a table by standing side
by side.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from knowledge_base.readers.glyphs import MARKER, Segment
from knowledge_base.readers.outline import Outline
from knowledge_base.readers.tables import markdown_table
from knowledge_base.readers.text import joined

MARGIN = 0.12  # of the page's height, at the top and at the foot
OFTEN = 0.4  # of the pages: a line in a margin that stands on so many of them is a running head or foot
PAGE_NUMBER = re.compile(
    r"^\W*(?:page|p\.?)?\s*\d+\s*(?:(?:/|of|ページ中)\s*\d+)?\s*(?:ページ|頁)?\W*$", re.IGNORECASE
)
LONGEST_HEADING = 120
HEADING_SIZE = 1.12  # times the size of the running text
CELL_LINES = 8  # a cell of a table is not longer; a column of text is
ITEM = re.compile(rf"^(?:{MARKER})\s*(?=\S)")
ONLY_MARKER = re.compile(rf"^(?:{MARKER})$")
ENDED = re.compile(r"[.!?:;。！？：；」）)]\s*$")


@dataclass(frozen=True)
class Cell:
    """Lines that stand under each other."""

    lines: tuple[Segment, ...]

    @property
    def left(self) -> float:
        return min(part.left for part in self.lines)

    @property
    def right(self) -> float:
        return max(part.right for part in self.lines)

    @property
    def top(self) -> float:
        return self.lines[0].top

    @property
    def bottom(self) -> float:
        return self.lines[-1].bottom

    @property
    def text(self) -> str:
        return joined([part.text for part in self.lines])


Row = tuple[Cell, ...]


@dataclass(frozen=True)
class Style:
    """What is usual in this document: the size of its running text, the step from line to line."""

    body: float
    steps: dict[float, float]
    levels: dict[float, int]  # of headings, by size

    def follows(self, above: Segment, below: Segment) -> bool:
        """Whether a line continues the paragraph of the line above it."""
        step = above.baseline - below.baseline
        widest = (1.9 if above.size < HEADING_SIZE * self.body else 1.2) * above.size
        usual = min(self.steps.get(above.size, widest), widest)
        return abs(above.size - below.size) < 1 and 0 < step < 1.25 * usual


def tell(pages: Sequence[tuple[float, Sequence[Segment]]], outline: Outline) -> None:
    """Tell the outline all pages, each given by its height and what stands on it."""
    kept = [list(with_markers(without_furniture)) for without_furniture in without_running_lines(pages)]
    style = style_of([part for page in kept for part in page])
    paragraph: list[Segment] = []
    for page in kept:
        for rows in tables_and_text(rows_of(page, style)):
            if len(rows[0]) > 1:
                tell_paragraph(paragraph, style, outline)
                paragraph = []
                tell_table(rows, outline)
                continue
            for part in rows[0][0].lines:
                if paragraph and not continues(paragraph, part, style):
                    tell_paragraph(paragraph, style, outline)
                    paragraph = []
                paragraph.append(part)
    tell_paragraph(paragraph, style, outline)


# -- what the pages have in common


def without_running_lines(pages: Sequence[tuple[float, Sequence[Segment]]]) -> Iterator[list[Segment]]:
    """The pages without the lines that return on many of them, and without page numbers."""
    body = body_size([part for _, parts in pages for part in parts])
    returning = Counter(
        key for height, parts in pages for key in {running(part, height, body) for part in parts} if key
    )
    needed = max(2, OFTEN * len(pages))
    for height, parts in pages:
        keys = [(part, running(part, height, body)) for part in parts]
        yield [
            part
            for part, key in keys
            if not key or not (returning[key] >= needed or PAGE_NUMBER.match(part.text))
        ]


def running(part: Segment, height: float, body: float) -> tuple[str, float, int] | None:
    """What makes lines in the margins of two pages the same: words, size and place. None between the margins.

    Numbers count up in a running line; in a large one they tell one chapter's heading from the next.
    """
    if MARGIN * height < part.baseline < (1 - MARGIN) * height:
        return None
    large = part.size >= HEADING_SIZE * body
    return part.text if large else re.sub(r"\d+", "#", part.text), part.size, round(part.baseline / 4)


def body_size(parts: Sequence[Segment]) -> float:
    """The size in which most letters are set."""
    letters: Counter[float] = Counter()
    for part in parts:
        letters[part.size] += len(part.text)
    return letters.most_common(1)[0][0] if letters else 10.0


def style_of(parts: Sequence[Segment]) -> Style:
    body = body_size(parts)
    steps: dict[float, Counter[float]] = {}
    for above, below in pairwise(parts):
        step = above.baseline - below.baseline
        if above.size == below.size and above.page == below.page and 0 < step < 3 * above.size:
            steps.setdefault(above.size, Counter())[round(step * 2) / 2] += 1
    large = sorted({part.size for part in parts if part.size >= HEADING_SIZE * body}, reverse=True)
    return Style(
        body,
        {size: found.most_common(1)[0][0] for size, found in steps.items()},
        {size: min(level, 6) for level, size in enumerate(large, start=1)},
    )


# -- side by side: rows of tables


def with_markers(parts: Sequence[Segment]) -> Iterator[Segment]:
    """The segments with a bullet or number joined to the text it stands before."""
    waiting: Segment | None = None
    for part in parts:
        if waiting and abs(waiting.baseline - part.baseline) < part.size / 2 and part.left > waiting.left:
            part = waiting.joined(part)
        elif waiting:
            yield waiting
        waiting = part if ONLY_MARKER.match(part.text) else None
        if not waiting and part.text:
            yield part
    if waiting:
        yield waiting


def rows_of(parts: Sequence[Segment], style: Style) -> list[Row]:
    """Segments as rows of cells; running text is rows of one cell."""
    rows: list[Row] = []
    for part in parts:
        last = rows[-1] if rows else None
        if last is None:
            rows.append((Cell((part,)),))
        elif beside(last, part):
            rows[-1:] = with_cell(last, part)
        elif below(last, part, style):
            rows[-1] = (*last[:-1], Cell((*last[-1].lines, part)))
        else:
            rows.append((Cell((part,)),))
    return rows


def beside(row: Row, part: Segment) -> bool:
    """Whether a segment stands to the right of the row, on its height."""
    lines = row[-1].lines
    level = [one for one in lines if min(one.top, part.top) - max(one.bottom, part.bottom) > 0.3 * part.size]
    return bool(level) and len(lines) <= CELL_LINES and all(part.left > one.right - 1 for one in level)


def below(row: Row, part: Segment, style: Style) -> bool:
    """Whether a segment is the next line of the row's last cell."""
    cell = row[-1]
    under = part.left < cell.right and part.right > cell.left
    alone = all(part.left > other.right - 1 for other in row[:-1])
    return under and alone and style.follows(cell.lines[-1], part)


def with_cell(row: Row, part: Segment) -> list[Row]:
    """The row with a further cell. Lines above the one it stands beside were a paragraph, not the row's."""
    if len(row) == 1:
        lines = row[0].lines
        level = [
            place for place, one in enumerate(lines) if abs(one.baseline - part.baseline) < 0.3 * part.size
        ]
        if level and level[0] > 0:
            return [(Cell(lines[: level[0]]),), (Cell(lines[level[0] :]), Cell((part,)))]
    return [(*row, Cell((part,)))]


def tables_and_text(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Neighbouring rows of several cells together, all else row by row; one such row alone is a wide line."""
    for wide, run in groupby(rows, key=lambda row: len(row) > 1):
        group = list(run)
        if wide and len(group) > 1:
            yield group
        elif wide:
            yield [(Cell((one_line(group[0]),)),)]
        else:
            yield from ([row] for row in group)


def one_line(row: Row) -> Segment:
    first, *rest = [part for cell in row for part in cell.lines]
    for part in rest:
        first = first.joined(part)
    return first


def tell_table(rows: Sequence[Row], outline: Outline) -> None:
    """Rows as a Markdown table."""
    columns = [cell.left for cell in max(rows, key=len)]
    table = [
        [cell.text for cell in row] if len(row) == len(columns) else placed(row, columns) for row in rows
    ]
    outline.add(markdown_table(table), "table", page=rows[0][0].lines[0].page)


def placed(row: Row, columns: Sequence[float]) -> list[str]:
    """The texts of a row with fewer cells than the table has columns, each below the nearest column.

    A cell that reaches over several columns is two whose space was narrow: its words are shared out.
    """
    texts = [""] * len(columns)
    for cell in row:
        if sum(cell.left - 1 <= column <= cell.right for column in columns) > 1:
            for word in (word for part in cell.lines for word in part.words):
                place = max(
                    (at for at, column in enumerate(columns) if column <= word.left + cell.lines[0].size / 2),
                    default=0,
                )
                texts[place] += f" {word.text}"
        else:
            place = min(range(len(columns)), key=lambda at: abs(columns[at] - cell.left))
            texts[place] += f" {cell.text}"
    return texts


# -- under each other: paragraphs


def continues(paragraph: Sequence[Segment], part: Segment, style: Style) -> bool:
    """Whether a line belongs to the paragraph: as its next line, also in a list, also on the next page."""
    last = paragraph[-1]
    if last.page != part.page:
        unfinished = not ENDED.search(last.text) and last.size == part.size == style.body
        return unfinished and not ITEM.match(part.text) and not part.text[:1].isupper()
    if ITEM.match(part.text):
        return (
            bool(ITEM.match(paragraph[0].text))
            and abs(last.size - part.size) < 1
            and last.baseline > part.baseline
        )
    return style.follows(last, part) and (last.bold == part.bold or bool(ITEM.match(paragraph[0].text)))


def tell_paragraph(lines: Sequence[Segment], style: Style, outline: Outline) -> None:
    if not lines:
        return
    first = lines[0]
    if level := heading_level(lines, style):
        outline.heading(level, joined([part.text for part in lines]), page=first.page)
    elif ITEM.match(first.text):
        outline.add("\n".join(items(lines)), "list", page=first.page)
    else:
        outline.add(joined([part.text for part in lines]), page=first.page)


def items(lines: Sequence[Segment]) -> Iterator[str]:
    """The items of a list, each on one line."""
    item: list[str] = []
    for part in lines:
        if ITEM.match(part.text) and item:
            yield joined(item)
            item = []
        item.append(re.sub(r"^[•·‣◦▪■□●○◆◇▶➤✓–—]\s*", "- ", part.text))
    yield joined(item)


def heading_level(lines: Sequence[Segment], style: Style) -> int:
    """The level of a heading, which is larger than the running text or one bold line; 0 for anything else."""
    text = joined([part.text for part in lines])
    if len(text) > LONGEST_HEADING or not any(letter.isalpha() for letter in text):
        return 0
    if lines[0].size in style.levels:
        return style.levels[lines[0].size]
    bold = len(lines) == 1 and lines[0].bold and lines[0].size >= style.body and not ITEM.match(text)
    return min(len(style.levels) + 1, 6) if bold and not re.search(r"[.,;:。、：]$", text) else 0
