"""What the console shows of the words that an answer rests on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from web.markdown import said


class Quoting(Protocol):
    """A citation as it was streamed, or as it is kept."""

    @property
    def quote(self) -> str: ...


def quotes(citations: Iterable[Quoting]) -> list[str]:
    """Each quote once, as it reads; one that stands inside another is read there."""
    told = list(dict.fromkeys(as_it_reads(cited.quote) for cited in citations))
    return [quote for quote in told if not any(quote in other for other in told if other != quote)]


def as_it_reads(quote: str) -> str:
    """Without the marks of Markdown; the cells of a table's row beside each other."""
    row = quote.strip()
    cells = row.strip("| ").split(" | ") if row.startswith("|") or row.endswith("|") else [row]
    return " · ".join(filter(None, map(said, cells)))
