"""Says the question back: the smallest strategy there is, to copy when you write your own.

It is also what proves an installation: with `use = "echo"` the widget streams, the record is kept, and
nothing is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from strategies.base import Kit, Options, Question
from strategies.errors import NoAnswer
from strategies.events import Decision, Event, Token


class EchoOptions(Options):
    """What an operator may set."""

    before: str = Field(default="", description="Words to say before the question.")


class Echo:
    """Says the question back, word by word."""

    Options = EchoOptions

    def __init__(self, before: str = "", named: str = "echo") -> None:
        self._before = before
        self._named = named

    @classmethod
    def make(cls, options: EchoOptions, kit: Kit) -> Echo:
        return cls(options.before, kit.named)

    def warm_up(self) -> None:
        """Nothing to load."""

    def stream(self, question: Question) -> Iterator[Event]:
        words = f"{self._before} {question.text}".split()
        if not words:
            raise NoAnswer("the question is empty")
        yield Decision(by=self._named, what="said the question back")
        for position, word in enumerate(words):
            yield Token(word if position == 0 else f" {word}")
