"""What a customer is told instead of an answer, before anything is streamed.

* Refused        the sentence in `.text` is the operator's own, for the customer; `.retry` says whether trying again may help
  - Nothing      the question holds no text
  - TooLong      it is longer than this installation reads
  - TooMany      this conversation, or everyone behind this address, asks faster than allowed
  - Busy         the answer before this one is still being written
  - Unkept       the store does not take the question just now
"""

from __future__ import annotations


class Refused(Exception):
    """The root. `text` may be shown to the customer as it is."""

    retry = True

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Nothing(Refused):
    """The question is empty once cleaned."""

    retry = False


class TooLong(Refused):
    """The question exceeds `limits.question_characters`."""

    retry = False


class TooMany(Refused):
    """More questions a minute than `limits` allow."""


class Busy(Refused):
    """One turn at a time in a conversation."""


class Unkept(Refused):
    """The database is locked or its disk is full."""
