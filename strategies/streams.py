"""A strategy's stream as a generator: whoever wraps it can close it, whatever kind of iterator it is."""

from __future__ import annotations

from collections.abc import Generator

from strategies.base import Question, Strategy
from strategies.events import Event

Stream = Generator[Event, None, None]


def stream_of(strategy: Strategy, question: Question) -> Stream:
    """The events of one answer. Closing it reaches the strategy."""
    yield from strategy.stream(question)
