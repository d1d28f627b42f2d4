"""A turn: a question becomes a stream of events, and the record keeps what was streamed.

    Started ─▶ Token | Citation | Usage | Decision … ─▶ [Handoff | Failed] ─▶ Ended

Whatever happens in a strategy, the customer reads the operator's words and the record holds the details.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Literal
from uuid import uuid4

from bot.conversations.question import storable
from bot.conversations.record import Record
from knowledge_base.errors import KnowledgeError
from strategies.base import Question, Strategy
from strategies.errors import Misconfigured, NoAnswer, StrategyError, Unavailable
from strategies.events import Answer, Citation, Decision, Event, Token, Usage, collect

log = logging.getLogger(__name__)

ERROR_CHARACTERS = 2000


@dataclass(frozen=True)
class Started:
    """The first event: the answer has an id and somebody who speaks."""

    message_id: str
    strategy: str
    type: Literal["started"] = "started"


@dataclass(frozen=True)
class Handoff:
    """A person is offered; `text` is the operator's words, sent by code and never by a model."""

    reason: str
    text: str
    type: Literal["handoff"] = "handoff"


@dataclass(frozen=True)
class Failed:
    """No answer, or the rest of it is missing. `text` is what the customer may read."""

    text: str
    retry: bool
    type: Literal["failed"] = "failed"


@dataclass(frozen=True)
class Ended:
    """The last event, unless the customer left. `answer` is the fold of what was streamed, and what was kept.

    `error` is for operators and never sent to a customer.
    """

    message_id: str
    answer: Answer
    abstained: bool
    partial: bool
    ms_first: float | None
    ms: float
    strategy: str
    error: str = ""
    type: Literal["ended"] = "ended"


TurnEvent = Started | Token | Citation | Usage | Decision | Handoff | Failed | Ended
Keep = Callable[[Record], None]
Say = Callable[[str, str], str]  # which sentence, in which language


class Empty(Unavailable):
    """The strategy ended without a word."""


class Reply(Iterator[TurnEvent]):
    """A turn that has begun. Closing it, or dropping it unread, keeps what was said until then."""

    def __init__(self, events: Generator[TurnEvent]) -> None:
        self._events = events
        self._ahead = [next(events)]  # a generator that never ran would never keep anything

    def __next__(self) -> TurnEvent:
        return self._ahead.pop() if self._ahead else next(self._events)

    def close(self) -> None:
        """The customer left."""
        self._events.close()


class Said:
    """What has been streamed so far, and when."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begun = clock()
        self._events: list[Event] = []
        self.ms_first: float | None = None

    def pass_on(self, event: Event) -> Event:
        """Remember the event as it goes out."""
        if isinstance(event, Token):
            event = Token(storable(event.text))
            if self.ms_first is None:
                self.ms_first = self.ms
        self._events.append(event)
        return event

    @property
    def ms(self) -> float:
        return (self._clock() - self._begun) * 1000

    @property
    def answer(self) -> Answer:
        return collect(self._events)

    @property
    def nothing(self) -> bool:
        return not any(isinstance(event, Token) and event.text.strip() for event in self._events)


def reply(
    speaker: tuple[str, Strategy],
    question: Question,
    *,
    say: Say,
    keep: Keep,
    offers: Callable[[], bool] = lambda: True,
    offer_for: str = "",
    index_version: str = "",
    seconds: float = float("inf"),
    clock: Callable[[], float] = time.monotonic,
) -> Generator[TurnEvent]:
    """One answer as a stream. `keep` is called once, also when the customer leaves part way through.

    `offers` is asked whether a person is offered, when there is no answer; `offer_for` is why one is offered
    whatever the answer.
    """
    name, strategy = speaker
    said = Said(clock)
    # What the record says should the customer leave now.
    record = Record(
        uuid4().hex, Answer(), question.language, name, index_version, partial=True, error="the customer left"
    )
    try:
        yield Started(record.message_id, name)
        try:
            with closing(within(seconds, strategy.stream(question), clock)) as events:
                for event in events:
                    yield said.pass_on(event)
            if said.nothing:
                raise Empty(f"strategy {name!r} returned no text")
            record = replace(record, partial=False, error="")
            if offer_for:
                offered = Handoff(offer_for, say("handoff", question.language))
                record = replace(record, handoff=offered.reason, notice=offered.text)
                yield offered
        except Exception as fault:
            if isinstance(fault, NoAnswer) and said.nothing:
                offered_for = offer_for or ("no_answer" if _asked(offers) else "")
                offer = Handoff(offered_for, say("handoff", question.language)) if offered_for else None
                record = _abstained(record, fault, offer)
                for event in (*fault.events, Token(say("no_answer", question.language))):
                    yield said.pass_on(event)
                if offer:
                    yield offer
            else:
                failed = _failed(fault, question.language, say)
                record = _broken(record, fault, failed, nothing=said.nothing)
                yield failed
    finally:
        record = replace(record, answer=said.answer, ms_first=said.ms_first, ms=said.ms)
        _keep(keep, record)
    yield Ended(
        message_id=record.message_id,
        answer=record.answer,
        abstained=record.abstained,
        partial=record.partial,
        ms_first=record.ms_first,
        ms=record.ms,
        strategy=name,
        error=record.error,
    )


def within(seconds: float, events: Iterator[Event], clock: Callable[[], float]) -> Generator[Event]:
    """The events until the time is over, looking at the clock between two of them.

    A strategy that waits for a server before its next event has a time limit of its own for that.
    """
    end = clock() + seconds
    late = False
    try:
        for event in events:
            if late:  # the one before came late, and was not the last
                raise Unavailable(f"the answer took longer than {seconds:g} s")
            yield event
            late = clock() > end
    finally:
        if isinstance(events, Generator):
            events.close()


def _asked(offers: Callable[[], bool]) -> bool:
    """A database that does not answer now shall not keep a customer from a person."""
    try:
        return offers()
    except KnowledgeError as fault:
        log.warning("a person is offered, for what was answered before is not known: %s", fault)
        return True


def _abstained(record: Record, why: NoAnswer, offer: Handoff | None) -> Record:
    log.debug("message %s: %r abstains: %s", record.message_id, record.strategy, why)
    record = replace(record, abstained=True, partial=False, error="")
    return replace(record, handoff=offer.reason, notice=offer.text) if offer else record


def _failed(fault: Exception, language: str, say: Say) -> Failed:
    """What the customer reads: never our insides."""
    sentence = "empty" if isinstance(fault, Empty) else "failed"
    return Failed(say(sentence, language), retry=not isinstance(fault, Misconfigured))


def _broken(record: Record, fault: Exception, failed: Failed, *, nothing: bool) -> Record:
    """Log the fault, and put it into the record."""
    unforeseen = not isinstance(fault, StrategyError | KnowledgeError)
    log.error(
        "message %s: strategy %r failed: %s", record.message_id, record.strategy, fault, exc_info=unforeseen
    )
    error = storable(f"{type(fault).__name__}: {fault}")[:ERROR_CHARACTERS]
    return replace(record, partial=not nothing, error=error, notice=failed.text)


def _keep(keep: Keep, record: Record) -> None:
    """Keep the record. The customer has read the answer: a store that fails now is told in the log."""
    try:
        keep(record)
    except Exception:
        log.exception(
            "message %s: an answer of %r could not be kept; its customer has read it",
            record.message_id,
            record.strategy,
        )
