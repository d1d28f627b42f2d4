"""Strategies for the tests of the bot: they say what they are told to, and count their warm-ups."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator

from bot.evaluation.helper import Said
from bot.kotae import Kotae
from bot.settings import Helper as Configured
from strategies.base import Question, Strategy
from strategies.errors import Misconfigured
from strategies.events import Event, Token


class Says:
    """Streams its events in order; an exception among them is raised in its place."""

    def __init__(self, *events: Event | Exception, warms: Exception | None = None) -> None:
        self.events = events
        self.warms = warms
        self.warmed = 0
        self.asked: list[Question] = []
        self.closed = threading.Event()

    def warm_up(self) -> None:
        self.warmed += 1
        if self.warms is not None:
            raise self.warms

    def stream(self, question: Question) -> Iterator[Event]:
        self.asked.append(question)
        try:
            for event in self.events:
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self.closed.set()


class Slow(Says):
    """Waits to be let through: when it is warmed, or before its second word."""

    def __init__(self, *words: str, warming: bool = False) -> None:
        super().__init__(*map(Token, words))
        self.warming = warming
        self.go = threading.Event()

    def warm_up(self) -> None:
        super().warm_up()
        if self.warming:
            assert self.go.wait(60)

    def stream(self, question: Question) -> Iterator[Event]:
        for number, event in enumerate(super().stream(question)):
            if number and not self.warming:
                assert self.go.wait(60)
            yield event


class Company:
    """What strategies.registry.Strategies offers, over strategies that are made already."""

    def __init__(self, **strategies: Strategy) -> None:
        self.strategies = strategies

    def names(self) -> list[str]:
        return list(self.strategies)

    def get(self, name: str) -> Strategy:
        try:
            return self.strategies[name]
        except KeyError:
            raise Misconfigured(f"there is no strategy {name!r}") from None


class Helping:
    """Helpers that know one model, which writes the same to whatever it is asked."""

    name = "wise-1"

    def __init__(self, *wordings: str) -> None:
        self.wordings = wordings
        self.configured = Configured(base_url="http://127.0.0.1:9/v1", model=self.name)

    def names(self) -> list[str]:
        return []

    def model(self, _strategy: str = "") -> str:
        return self.name

    def get(self, _strategy: str = "") -> Helping:
        return self

    def __call__(self, _messages: object) -> Said:
        return Said(json.dumps(self.wordings))


def suggested(kotae: Kotae, *wordings: str) -> None:
    """Wordings that wait for a person, as after a model was asked."""
    kotae.helpers = kotae.wordings._helpers = Helping(*wordings)  # type: ignore[assignment]
    job = kotae.wordings.begin(by="ada")
    kotae.jobs.run(job.id)
