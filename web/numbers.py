"""Whole numbers as people and their browsers send them: for `request.args.get(name, type=whole)`."""

from __future__ import annotations

LARGEST = 2**31 - 1  # that any database keeps in a column


def whole(text: str) -> int:
    """The number. Raises ValueError for what is none, or one that nothing here can be."""
    number = int(text)
    if abs(number) > LARGEST:
        raise ValueError(f"{text!r} is beyond {LARGEST}")
    return number
