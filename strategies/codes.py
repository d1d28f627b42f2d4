"""Codes: what a display shows, part numbers. "E04" and "E05" differ in a digit and mean two things, which no
embedder hears, and whoever has read of E04 has read nothing of E05.

A code is up to four letters and a number, written together or with a hyphen. Codes of the same letters and as
many digits are a family: a text that has three of one names them one by one, and a code of that family which
stands nowhere is not told of. An order number, of which a text may have one for an example, is no such case.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

CODE = re.compile(r"(?<![A-Za-z0-9])([A-Za-z]{1,4})-?(\d{1,6})([A-Za-z]?)(?![A-Za-z0-9])")
FAMILY = 3  # codes that are told of one by one


@lru_cache(maxsize=20_000)
def codes(text: str) -> frozenset[str]:
    """Those that a text has, each in one way of writing: E-04 is e04."""
    return frozenset("".join(parts).lower() for parts in CODE.findall(text))


def family(code: str) -> str:
    return re.sub(r"\d", "#", code)


def untold(question: str, told: Iterable[str]) -> str:
    """A code that is asked about and not among those that are told, though others of its family are; `""`
    where there is none, or another one that is asked about is told.
    """
    if not (asked := codes(question)):
        return ""
    there = frozenset(told)
    families = Counter(map(family, there))
    unknown = (code for code in asked if families[family(code)] >= FAMILY)
    return "" if asked & there else min(unknown, default="")
