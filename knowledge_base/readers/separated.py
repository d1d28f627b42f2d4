"""CSV and its relatives: which character separates, and what to do where quotation marks are wrong."""

import csv
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from knowledge_base.errors import TooLarge, Unreadable
from knowledge_base.readers import tables
from knowledge_base.readers.outline import Outline
from knowledge_base.readers.source import Source

SEPARATORS = ",\t;|"
LONGEST_CELL = 50  # lines; a quotation mark left open must not swallow the rest of the file
NAMED = 5  # broken rows that a note names one by one
SHOWN = 200  # characters of a row that are shown of one with too many cells
ABOVE = 10  # rows in which a header is looked for: a title or a note may stand above it

Row = tuple[int, list[str], bool]


def read(source: Source) -> Outline:
    outline = Outline(named_by_heading=False)
    lines = source.text.splitlines(keepends=True)
    separator = separator_of(lines) or ","
    rows: list[Row] = []
    for row in parse(lines, separator):
        rows.append(row)
        if len(rows) > source.limits.rows:
            raise TooLarge(
                f"{source.name!r} has more than {source.limits.rows:,} rows; split it into several files."
            )
    broken = [number for number, _cells, sound in rows if not sound]
    if len(broken) * 2 > len(rows):
        raise Unreadable(
            f"{source.name!r} has broken quotation marks in most of its rows; save it again as CSV."
        )
    if broken:
        some = named(broken)
        outline.note(
            f"Broken quotation marks in line {some}: read as they stand; please check."
            if len(broken) == 1
            else f"Broken quotation marks in lines {some}: read as they stand; please check."
        )
    if wide := cut_lines(rows, separator):
        some = named(wide)
        outline.note(
            f"More cells than columns in line {some}: read as they stand; please check."
            if len(wide) == 1
            else f"More cells than columns in lines {some}: read as they stand; please check."
        )
    tables.tell([cells for _number, cells, _sound in rows], outline)
    return outline


def named(lines: Sequence[int]) -> str:
    """Some of the lines, in words."""
    more = f" and {len(lines) - NAMED} more" if len(lines) > NAMED else ""
    return ", ".join(map(str, lines[:NAMED])) + more


def cut_lines(rows: Sequence[Row], separator: str) -> list[int]:
    """The lines of a sheet of questions that have more cells than its header names."""
    sheet = [(number, cells) for number, cells, sound in rows if sound and any(map(str.strip, cells))]
    places = [place for place, (_number, cells) in enumerate(sheet[:ABOVE]) if tables.columns_of(cells)]
    if not places:
        return []
    (_line, header), *below = sheet[places[0] :]
    usual = usual_width([header, *(cells for _number, cells in below)])
    return [number for number, cells in below if too_wide(header, cells, usual, separator)]


def parse(lines: Sequence[str], separator: str) -> Iterator[Row]:
    """Each row with the number of its first line, and whether its quoting was sound."""
    at = 0
    while at < len(lines):
        row, used = row_at(lines, at, separator)
        if row is None:
            row = [
                cell.strip().strip('"').replace('""', '"')
                for cell in lines[at].rstrip("\r\n").split(separator)
            ]
            yield at + 1, row, False
        elif row:
            yield at + 1, row, True
        at += used


def row_at(lines: Sequence[str], at: int, separator: str) -> tuple[list[str] | None, int]:
    """The row that begins in line `at`, and how many lines it takes; None when its quoting is broken."""
    for used in range(1, min(LONGEST_CELL, len(lines) - at) + 1):
        if used > 1 and '"' not in lines[at + used - 1]:
            continue  # the open quotation cannot end here
        try:
            return next(csv.reader(lines[at : at + used], delimiter=separator, strict=True), []), used
        except csv.Error as error:
            if "unexpected end" not in str(error):
                break
    return None, 1


def usual_width(rows: Sequence[Sequence[str]]) -> int:
    """How many cells most rows have: a spreadsheet may end each with separators of its own."""
    return max(Counter(map(len, rows)).items(), key=lambda each: (each[1], -each[0]), default=(0, 0))[0]


def too_wide(header: Sequence[str], row: Sequence[str], usual: int, separator: str) -> str:
    """Why a row with more cells than the header names cannot be taken, in a sentence; "" for any other row.

    A separator outside quotation marks cuts a cell in two, and all behind it stands below another's name.
    """
    names = [cell.strip() for cell in header if cell.strip()]
    last = max((place for place, cell in enumerate(header) if cell.strip()), default=-1)
    if not any(cell.strip() for cell in row[last + 1 :]) and len(row) <= max(len(header), usual):
        return ""
    cells = " | ".join(" ".join(cell.split()) for cell in row)
    read = cells if len(cells) <= SHOWN else f"{cells[:SHOWN]}…"
    return (
        f"it has {len(row)} columns instead of {last + 1} ({', '.join(names)}): {read} "
        f'– a cell with the separator in it is written "…{separator}…"'
    )


def cut(header: Sequence[str], row: Sequence[str]) -> Sequence[str]:
    """The columns whose cell begins with a space, as what follows a comma in a sentence does."""
    places = range(1, min(len(header), len(row)))
    return [header[place] for place in places if row[place].startswith(" ") and row[place].strip()]


def separator_of(lines: Sequence[str]) -> str:
    """The separator that shows columns of questions and answers, or cuts the rows most evenly, or ""."""
    best, most = "", 0.0
    for separator in SEPARATORS:
        rows = [row for _, row, _ in parse(lines[:60], separator)]
        widths = [len(row) for row in rows if any(cell.strip() for cell in row)]
        if any(tables.columns_of(row) for row in rows[:3]):
            return separator
        if not widths or (common := max(set(widths), key=widths.count)) < 2:
            continue
        evenness = widths.count(common) / len(widths) * min(common, 4)
        if evenness > most:
            best, most = separator, evenness
    return best


def rather_than_json(name: str, text: str) -> bool:
    """Whether a file of entries is rows and columns: by its name, else by how it begins."""
    if name.lower().endswith((".json", ".jsonl")):
        return False
    return name.lower().endswith((".csv", ".tsv")) or text.lstrip()[:1] not in ("{", "[")


def looks_so(text: str, *, named: bool) -> bool:
    """Whether a text is rows and columns. Prose that happens to have commas must not pass unless so named."""
    lines = text[:50_000].splitlines(keepends=True)[:60]
    separator = separator_of(lines)
    if named or not separator:
        return named
    rows = [row for _, row, _ in parse(lines, separator)]
    if any(tables.columns_of(row) for row in rows[:3]):
        return separator != "|"
    even = len({len(row) for row in rows if row}) == 1
    spaced = sum(bool(re.match(r" \S", cell)) for row in rows for cell in row[1:])
    return (
        even
        and len(rows) > 2
        and len(rows[0]) > 2
        and separator != "|"
        and tables.is_header(rows[0])
        and not spaced
    )
