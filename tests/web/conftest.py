"""What the tests of web need beyond the people: strategies that behave as a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from bot.kotae import Kotae
from knowledge_base.passages import Passage
from strategies.base import Question, Strategy
from strategies.events import Citation, Event, Token

PASSAGE = Passage(
    id="p1",
    document_id="d1",
    title="Kettle guide",
    source="kettle.md",
    text="The kettle boils at 100 °C. It is <b>blue</b>.",
    headings=("Use", "Boiling"),
    page=3,
)


class Speaker:
    """A strategy made of a function from a question to events."""

    def __init__(self, speak: Callable[[Question], Iterator[Event]]) -> None:
        self.speak = speak
        self.closed = threading.Event()

    def warm_up(self) -> None:
        """Nothing to load."""

    def stream(self, question: Question) -> Iterator[Event]:
        try:
            yield from self.speak(question)
        finally:
            self.closed.set()


def cites(_question: Question) -> Iterator[Event]:
    """An answer with a source."""
    yield Token("It boils at 100 °C.")
    yield Citation(1, PASSAGE, "The kettle boils at 100 °C.")
    yield Token(" Enjoy.")


def never_ends(_question: Question) -> Iterator[Event]:
    """An answer that only its customer can end."""
    pause = threading.Event()
    while True:
        yield Token("and ")
        pause.wait(0.02)


@pytest.fixture
def speaks(
    kotae: Kotae, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[Question], Iterator[Event]]], Speaker]:
    """Let a function answer in place of the configured strategy."""

    def put(speak: Callable[[Question], Iterator[Event]]) -> Speaker:
        speaker = Speaker(speak)
        now: tuple[str, Strategy] = ("scripted", speaker)
        monkeypatch.setattr(kotae.switch, "current", lambda: now)
        return speaker

    return put
