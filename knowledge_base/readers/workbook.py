"""Excel workbooks: each visible sheet as questions with their answers, or row by row."""

import datetime as dt
import re
import warnings
from collections.abc import Iterator
from io import BytesIO
from typing import Any

from knowledge_base.errors import TooLarge
from knowledge_base.readers import packed, tables
from knowledge_base.readers.outline import Outline
from knowledge_base.readers.source import Source
from knowledge_base.readers.text import line

DEFAULT_NAME = re.compile(r"(?i)^(?:sheet|tabelle|シート)\s*\d*$")
CURRENCY = re.compile(r"\[\$([^\-\]]+)[^\]]*\]|([$€£¥￥])|\"(円|\$|€|£|¥)\"")
LITERAL = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')
WIDEST = 500  # columns


def read(source: Source) -> Outline:
    from openpyxl import load_workbook  # and with it much that only pictures need

    packed.check(source.data, source.name, source.limits)
    outline = Outline(named_by_heading=False)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # openpyxl tells of extensions it leaves aside; none of them holds text
        book = load_workbook(BytesIO(source.data), read_only=True, data_only=True, keep_links=False)
        try:
            outline.title = line(book.properties.title or "")
            for sheet in book.worksheets:
                if sheet.sheet_state == "visible":
                    tell(sheet, outline, source)
                else:
                    outline.note(f"The hidden sheet {sheet.title!r} was left out.")
        finally:
            book.close()
    return outline


def tell(sheet: Any, outline: Outline, source: Source) -> None:
    outline.close(1)
    if not DEFAULT_NAME.match(sheet.title):
        outline.heading(1, sheet.title)
    tables.tell(list(rows(sheet, source)), outline)


def rows(sheet: Any, source: Source) -> Iterator[list[str]]:
    """The rows that say something. What size a sheet declares is put aside: it may not have it."""
    sheet.reset_dimensions()
    characters = 0
    for number, cells in enumerate(sheet.iter_rows(max_col=WIDEST), start=1):
        row = [shown(cell.value, cell.number_format if cell.value is not None else "") for cell in cells]
        if number > source.limits.rows and any(row):
            raise TooLarge(
                f"{source.name!r} has more than {source.limits.rows:,} rows in {sheet.title!r}; split it."
            )
        characters += sum(map(len, row))  # one long text may stand in very many cells
        if characters > source.limits.characters:
            raise TooLarge(
                f"{source.name!r} holds more than {source.limits.characters:,} characters of text; split it."
            )
        if any(row):
            yield row


def shown(value: Any, form: str = "General") -> str:
    """A cell as its reader sees it: money with its currency, shares in percent, dates without midnight."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return number(value, LITERAL.sub("", form or ""), CURRENCY.search(form or ""))
        case dt.datetime():
            return (
                value.date().isoformat()
                if value.time() == dt.time()
                else value.isoformat(sep=" ", timespec="minutes")
            )
        case dt.date() | dt.time():
            return value.isoformat()
    return str(value)


def number(value: float, form: str, currency: re.Match[str] | None) -> str:
    decimals = len(found[1]) if (found := re.search(r"\.(0+)", form)) else 0
    if "%" in form:
        return f"{value * 100:.{decimals}f}%"
    if currency:
        sign = next(group for group in currency.groups() if group).strip()
        amount = f"{value:,.{decimals}f}"
        return f"{amount}{sign}" if sign == "円" else f"{sign}{amount}"
    if decimals or ("," in form and float(value).is_integer()):
        return f"{value:{',' if ',' in form else ''}.{decimals}f}"
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else f"{value:.12g}"
