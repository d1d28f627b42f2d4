"""A strategy that says what a test tells it to, at the pace the test tells it to.

It is found as any stranger's strategy is, by the entry point of an installed package; `installed` writes one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from knowledge_base.passages import Passage
from strategies.base import Kit, Question
from strategies.base import Options as NoOptions
from strategies.events import Citation, Event, Token

PATIENCE = 60  # seconds a held answer waits for its test

Line = Event | Exception | threading.Event | str
"""Something said (a text letter by letter), something that goes wrong, or a wait until the test goes on."""


class Stage:
    """What the next answers are. Used up one by one; without any left the answer is the question."""

    def __init__(self) -> None:
        self.scripts: list[tuple[Line, ...]] = []
        self.asked: list[Question] = []
        self._pauses: list[threading.Event] = []

    def says(self, *lines: Line) -> None:
        self.scripts.append(lines)
        self._pauses += [line for line in lines if isinstance(line, threading.Event)]

    def clear(self) -> None:
        """Nothing more is to be said, and nobody waits any longer."""
        while self._pauses:
            self._pauses.pop().set()
        self.scripts.clear()
        self.asked.clear()


STAGE = Stage()


class Actor:
    """The strategy."""

    Options: ClassVar[type[NoOptions]] = NoOptions

    @classmethod
    def make(cls, options: NoOptions, kit: Kit) -> Actor:
        return cls()

    def warm_up(self) -> None:
        """Nothing to load."""

    def stream(self, question: Question) -> Iterator[Event]:
        STAGE.asked.append(question)
        for line in STAGE.scripts.pop(0) if STAGE.scripts else (question.text,):
            match line:
                case Exception():
                    raise line
                case threading.Event():
                    assert line.wait(PATIENCE), "the test never went on"
                case str():
                    yield from map(Token, line)
                case _:
                    yield line


def cites(
    text: str,
    quote: str,
    *,
    number: int = 1,
    title: str = "Aroma One guide",
    headings: tuple[str, ...] = (),
    page: int | None = None,
) -> Citation:
    """A citation of a passage that is made up on the spot."""
    passage = Passage(f"p{number}", f"d{number}", title, "guide.pdf", text, headings=headings, page=page)
    return Citation(number, passage, quote)


def installed(folder: Path) -> Path:
    """A folder that, once on the path, provides the kind `actor`."""
    about = folder / "kotae_stage-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: kotae-stage\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[kotae.strategies]\nactor = tests.browser.stage:Actor\n")
    return folder
