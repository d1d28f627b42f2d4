"""Shadow runs: another strategy answers the same question, is recorded, and nobody but operators reads it.

A customer never waits for one. It begins when their answer has ended, in a thread of its own, one at a time;
and it pauses between two events while any customer is being answered. When too many wait, the newest are
left out.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.conversations.record import Record, Shown
from bot.conversations.turn import reply
from bot.store import reading, writing
from bot.store.tables import MessageRow, ShadowRow
from knowledge_base.database import now
from strategies.base import Question, Strategy
from strategies.events import Event

log = logging.getLogger(__name__)

MOST_WAITING = 32
PAUSE_SECONDS = 30.0  # between two events, at most: a house that is never quiet has no shadows to speak of


@dataclass(frozen=True)
class Shadowed:
    """What a strategy would have said in place of the answer `message_id`."""

    message_id: str
    strategy: str
    text: str
    abstained: bool
    error: str
    model: str
    adapter: str
    prompt_tokens: int
    passage_tokens: int
    completion_tokens: int
    ms_first: float | None
    ms: float | None
    citations: tuple[Mapping[str, Any], ...]
    at: datetime


@dataclass(frozen=True)
class Wish:
    """Let these answer as well."""

    message_id: str
    question: Question
    strategies: Sequence[tuple[str, Strategy]]
    index_version: str


class Shadows:
    def __init__(
        self,
        engine: sa.Engine,
        say: Callable[[str, str], str],
        seconds: float,
        *,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._engine = engine
        self._say = say
        self._seconds = seconds
        self._most = most_waiting
        self._waiting: deque[Wish] = deque()
        self._busy = 0  # customers who are being answered
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self.left_out = 0

    @contextmanager
    def customer(self) -> Iterator[None]:
        """While a customer is being answered."""
        self.begins()
        try:
            yield
        finally:
            self.ends()

    def begins(self) -> None:
        with self._changed:
            self._busy += 1

    def ends(self) -> None:
        with self._changed:
            self._busy -= 1
            self._changed.notify_all()

    def wish(self, wish: Wish) -> None:
        """Let it be answered as soon as nobody waits for us. Returns at once."""
        with self._changed:
            if self._closed:
                return
            if len(self._waiting) >= self._most:
                self.left_out += 1
                log.warning("a shadow run was left out: %d are waiting", len(self._waiting))
                return
            self._waiting.append(wish)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="shadows", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def of_messages(self, message_ids: Collection[str]) -> Mapping[str, Sequence[Shadowed]]:
        """What others would have said, by the answer that was given."""
        rows = sa.select(ShadowRow).where(ShadowRow.message_id.in_(message_ids)).order_by(ShadowRow.id)
        found: dict[str, list[Shadowed]] = {}
        with reading(self._engine) as session:
            for row in session.scalars(rows):
                found.setdefault(row.message_id, []).append(_shadowed(row))
        return found

    def wait(self, seconds: float = 10.0) -> bool:
        """Until nothing waits, for tests and for whoever closes. False when that takes too long."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, seconds)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join(5.0)  # a model may still be speaking; the process does not wait for it

    # ---- the thread ----

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting) or self._closed)
                if self._closed:
                    return
                wish = self._waiting[0]
            self._quiet()
            for name, strategy in wish.strategies:
                if self._closed:
                    return
                try:
                    self._answer(wish, name, strategy)
                except Exception:
                    log.exception("the shadow run of %r was not kept", name)
            with self._changed:
                if self._waiting:
                    self._waiting.popleft()
                self._changed.notify_all()

    def _answer(self, wish: Wish, name: str, strategy: Strategy) -> None:
        turn = reply(
            (name, Polite(strategy, self._quiet)),
            wish.question,
            say=self._say,
            keep=lambda record: self._keep(wish.message_id, record),
            index_version=wish.index_version,
            seconds=self._seconds + PAUSE_SECONDS,
        )
        for _ in turn:
            if self._closed:
                turn.close()

    def _quiet(self) -> None:
        """Until no customer is being answered."""
        with self._changed:
            self._changed.wait_for(lambda: not self._busy or self._closed, PAUSE_SECONDS)

    def _keep(self, message_id: str, record: Record) -> None:
        usage = record.answer.usage
        with writing(self._engine) as session:
            answered = sa.select(MessageRow.id).where(
                MessageRow.id == message_id, MessageRow.erased_at.is_(None)
            )
            if session.scalar(answered) is None:
                return  # its customer was forgotten meanwhile
            session.add(
                ShadowRow(
                    message_id=message_id,
                    strategy=record.strategy,
                    text="" if record.abstained else record.answer.text,
                    abstained=record.abstained,
                    error=record.error,
                    model=usage.model,
                    adapter=usage.adapter,
                    prompt_version=usage.prompt_version,
                    prompt_tokens=usage.prompt_tokens,
                    passage_tokens=usage.passage_tokens,
                    completion_tokens=usage.completion_tokens,
                    ms_first=record.ms_first,
                    ms=record.ms,
                    citations=[asdict(Shown.of(cited)) for cited in record.answer.citations],
                    at=now(),
                )
            )


class Polite:
    """A strategy that lets customers go first, between two of its events."""

    def __init__(self, strategy: Strategy, quiet: Callable[[], None]) -> None:
        self._strategy = strategy
        self._quiet = quiet

    def warm_up(self) -> None:
        self._strategy.warm_up()

    def stream(self, question: Question) -> Iterator[Event]:
        for event in self._strategy.stream(question):
            yield event
            self._quiet()


def _shadowed(row: ShadowRow) -> Shadowed:
    return Shadowed(
        message_id=row.message_id,
        strategy=row.strategy,
        text=row.text,
        abstained=row.abstained,
        error=row.error,
        model=row.model,
        adapter=row.adapter,
        prompt_tokens=row.prompt_tokens,
        passage_tokens=row.passage_tokens,
        completion_tokens=row.completion_tokens,
        ms_first=row.ms_first,
        ms=row.ms,
        citations=tuple(row.citations),
        at=row.at,
    )
