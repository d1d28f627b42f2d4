"""Rows of Markdown tables: which head stands above which cell, and how a row reads as a sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence

ROW = re.compile(r"\s*\|(.*)\|\s*$")
RULE = re.compile(r"[\s|:-]+$")


def is_row(text: str) -> bool:
    """Whether it begins with a row of a table."""
    return bool(ROW.match(text.strip().partition("\n")[0]))


def column_heads(text: str, end: int) -> list[str]:
    """The heads of the table that the row text[:end] ends with lies in; empty when the text does not show
    them.
    """
    before = text[:end].splitlines()
    for place in range(len(before) - 1, 0, -1):
        if ROW.match(before[place]) and RULE.match(before[place]):
            return cells(before[place - 1])
        if not ROW.match(before[place]) and place < len(before) - 1:
            break
    return []


def row_as_words(line: str, heads: Sequence[str]) -> str:
    """`| Barista | 3 years |` under Product and Warranty becomes "Barista – Warranty: 3 years"."""
    if not ROW.match(line):
        return line.strip()
    if RULE.match(line):
        return ""
    first, *rest = cells(line)
    heads_of_rest = [*heads[1:], *[""] * len(rest)]
    pairs = zip(heads_of_rest, rest, strict=False)
    named = [f"{head}: {cell}" if head else cell for head, cell in pairs if cell]
    return f"- {first} – {'; '.join(named)}" if named else f"- {first}"


def read_out(text: str, start: int, end: int) -> str:
    """text[start:end] as it is read: rows of a table with their column heads, the rest as it stands."""
    lines = text[start:end].strip().splitlines()
    if not any(map(is_row, lines)):
        return text[start:end].strip()
    heads = column_heads(text, end)
    return "\n".join(spoken for line in lines if (spoken := row_as_words(line, heads)))


def cells(line: str) -> list[str]:
    """The cells of a Markdown table row."""
    found = ROW.match(line)
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", found[1])] if found else [line.strip()]
