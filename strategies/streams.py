"""A strategy's stream as a generator: whoever wraps it can close it, whatever kind of iterator it is, and an
engine of the knowledge base that fails in it is a failure like those of strategies.
"""

from __future__ import annotations

from collections.abc import Generator

from knowledge_base import errors
from strategies.base import Question, Strategy
from strategies.errors import Misconfigured, Unavailable
from strategies.events import Event

Stream = Generator[Event, None, None]


def stream_of(strategy: Strategy, question: Question) -> Stream:
    """The events of one answer. Closing it reaches the strategy."""
    try:
        yield from strategy.stream(question)
    except errors.Unavailable as error:
        raise Unavailable(str(error)) from error
    except errors.Misconfigured as error:
        raise Misconfigured(str(error)) from error
