"""Rows as CSV that a spreadsheet opens without running any of it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Final

MARK: Final = "\ufeff"  # with it, Excel reads Japanese
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")  # how one begins


def csv_lines(rows: Iterable[Iterable[object]]) -> Iterator[str]:
    """Line by line. A text that a spreadsheet would take for a formula gets an apostrophe before it."""
    line = StringIO()
    line.write(MARK)
    writer = csv.writer(line)
    for row in rows:
        writer.writerow([_guarded(value) for value in row])
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def _guarded(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
