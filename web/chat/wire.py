"""A turn as the customer's page receives it: what is theirs to know, and nothing of how it was made.

Each event carries its place in the answer as its id, `characters.citations.notices` told until then. A place
means the same while the answer is written and in the record, so whoever lost the connection goes on behind
what they have, from whichever of the two there is.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from bot.conversations.record import Message, Shown
from bot.conversations.turn import Ended, Failed, Handoff, Started, TurnEvent
from bot.conversations.writings import Partial
from strategies.events import Citation, Cited, Token
from web import sse

AWAITED_SECONDS = 120
AWAITED_EVERY = 0.3  # how often what another process writes is looked at


class Place(NamedTuple):
    """How much of an answer was told."""

    characters: int = 0
    citations: int = 0
    notices: int = 0

    def __str__(self) -> str:
        return ".".join(map(str, self))

    @classmethod
    def read(cls, text: str) -> Place | None:
        """A Last-Event-ID; None for one that is none of ours."""
        parts = text.split(".")
        whole = len(parts) == 3 and all(re.fullmatch("[0-9]{1,9}", part) for part in parts)
        return cls(*map(int, parts)) if whole else None


@dataclass(frozen=True)
class Sent:
    """An event on the wire."""

    name: str
    place: Place
    text: str

    def news_to(self, reader: Place | None) -> bool:
        """Whether somebody who read until there lacks it. The end is told to everybody who asks."""
        return reader is None or self.place > reader or self.name == "end"


@dataclass
class Telling:
    """Makes the events of one answer, in their order."""

    message_id: str = ""
    text: str = ""
    citations: list[dict[str, Any]] = field(default_factory=list)
    place: Place = field(default_factory=Place)

    @classmethod
    def behind(cls, place: Place | None, answer: Partial) -> Telling:
        """What was told until a place in an answer; without one nothing was, not even that it begins."""
        if place is None:
            return cls()
        cited = [dict(shown) for shown in answer.citations[: place.citations]]
        return cls(answer.message_id, answer.text[: place.characters], cited, place)

    def tell(self, event: TurnEvent) -> Sent | None:
        """What the customer gets for an event of the turn; usage and decisions are the operator's."""
        match event:
            case Started():
                return self.start(event.message_id)
            case Token():
                return self.token(event.text)
            case Citation():
                cited = Cited(event.number, event.passage, event.quote, len(self.text))
                return self.citation(source(Shown.of(cited)))
            case Handoff():
                return self.notice("handoff", {"reason": event.reason, "text": event.text})
            case Failed():
                return self.notice("error", {"text": event.text, "retry": event.retry})
            case Ended():
                return self.end(event.abstained, event.partial)
        return None

    def start(self, message_id: str) -> Sent:
        self.message_id = message_id
        return self._sent("start", {"message": message_id})

    def token(self, text: str) -> Sent:
        self.text += text
        self.place = self.place._replace(characters=len(self.text))
        return self._sent("token", {"text": text})

    def citation(self, shown: dict[str, Any]) -> Sent:
        self.citations.append(shown)
        self.place = self.place._replace(citations=len(self.citations))
        return self._sent("citation", shown)

    def notice(self, name: str, data: dict[str, Any]) -> Sent:
        self.place = self.place._replace(notices=self.place.notices + 1)
        return self._sent(name, data)

    def end(self, abstained: bool, partial: bool) -> Sent:
        """Also of an answer that was cut short: the whole is what was told until then."""
        whole = {"message": self.message_id, "text": self.text, "citations": self.citations}
        return self._sent("end", {**whole, "abstained": abstained, "partial": partial})

    def _sent(self, name: str, data: dict[str, Any]) -> Sent:
        return Sent(name, self.place, sse.frame(name, data, str(self.place)))


def kept(message: Message, after: Place | None = None) -> Iterator[str]:
    """An answer out of the record, behind the place its reader has come to."""
    whole = Partial(message.id, message.text, [source(shown) for shown in message.citations])
    telling = Telling.behind(after, whole)
    yield from _told(telling, whole)
    if message.notice and not telling.place.notices:
        yield _noticed(telling, message).text
    yield telling.end(message.abstained, message.partial).text


def awaited(
    look: Callable[[], Message | None],
    so_far: Callable[[], Partial],
    after: Place | None,
    wait: Callable[[float], None] = time.sleep,
    goes_on: Callable[[], bool] = lambda: True,
) -> Iterator[str]:
    """An answer that another process writes: what that one tells of it, until it is in the record, or until
    nobody writes it any longer.

    `so_far` is empty where nothing is told; then it comes in one piece, as it does after a while.
    """
    telling: Telling | None = None
    for n in range(round(AWAITED_SECONDS / AWAITED_EVERY)):
        partial = so_far()
        message = None if telling and partial.message_id else look()
        if message is not None:
            yield from kept(message, telling.place if telling else after)
            return
        if partial.message_id:
            telling = telling or Telling.behind(after, partial)
            yield from _told(telling, partial)
        if n % round(sse.KEEP_ALIVE_SECONDS / AWAITED_EVERY) == 0:
            if not goes_on() and look() is None:
                return
            yield sse.KEEP_ALIVE
        wait(AWAITED_EVERY)


def _told(telling: Telling, answer: Partial) -> Iterator[str]:
    """What its reader lacks of an answer, whole or not."""
    if not telling.message_id:
        yield telling.start(answer.message_id).text
    for shown in answer.citations[len(telling.citations) :]:
        if between := answer.text[len(telling.text) : shown["at"]]:
            yield telling.token(between).text
        yield telling.citation(dict(shown)).text
    if rest := answer.text[len(telling.text) :]:
        yield telling.token(rest).text


def _noticed(telling: Telling, message: Message) -> Sent:
    if message.handoff:
        return telling.notice("handoff", {"reason": message.handoff, "text": message.notice})
    again = not message.error.startswith("Misconfigured")
    return telling.notice("error", {"text": message.notice, "retry": again})


def source(shown: Shown) -> dict[str, Any]:
    """A citation for the page."""
    return {
        "number": shown.number,
        "document": shown.document,
        "source": shown.source,
        "page": shown.page,
        "headings": list(shown.headings),
        "quote": shown.quote,
        "text": shown.text,
        "at": shown.at,
    }
