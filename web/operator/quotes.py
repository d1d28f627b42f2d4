"""What the console shows of the words that an answer rests on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class Quoting(Protocol):
    """A citation as it was streamed, or as it is kept."""

    @property
    def quote(self) -> str: ...


def quotes(citations: Iterable[Quoting]) -> list[str]:
    """Each quote once; one that stands inside another is read there."""
    told = list(dict.fromkeys(cited.quote.strip("| ") for cited in citations))
    return [quote for quote in told if not any(quote in other for other in told if other != quote)]
