"""Tells streams that something has changed in a conversation or in the inbox, whichever process changed it.

The database is the only place that all processes share, so one thread of each process looks there, as long as
anybody listens: a few small queries twice a second, however many streams there are. What it tells is a hint
to read again; a listener that hears nothing reads now and then all the same.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

import sqlalchemy as sa

from bot.handoff.presence import LOOKING_SECONDS, SEEN_SECONDS, TYPING_SECONDS
from bot.store import reading
from bot.store.tables import ConversationRow, HandoffRow, LookRow, NoteRow, PresenceRow
from knowledge_base.database import now
from knowledge_base.errors import Unavailable

log = logging.getLogger(__name__)

EVERY_SECONDS = 0.5
WINDOW_SECONDS = 60.0  # what changed longer ago is no news; clocks of several machines may differ by less
INBOX = "inbox"  # the topic of everything that the list shows
PEOPLE = "people"  # … and of who of the desk is there

Look = Callable[[], Mapping[str, Hashable]]


class Listener:
    """One stream's ear."""

    def __init__(self) -> None:
        self._rung = threading.Event()
        self.closed = False

    def wait(self, seconds: float) -> bool:
        """Until something changed, or the time is over; whether something did."""
        rung = self._rung.wait(seconds)
        self._rung.clear()
        return rung

    def ring(self) -> None:
        self._rung.set()


class Changes:
    """`look` tells, for each topic, something that differs once the topic has changed."""

    def __init__(self, look: Look, every: float = EVERY_SECONDS) -> None:
        self._look = look
        self._every = every
        self._listeners: dict[str, set[Listener]] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    @contextmanager
    def listen(self, *topics: str) -> Iterator[Listener]:
        """Hear of these topics while the block lasts."""
        listener = Listener()
        with self._lock:
            listener.closed = self._stopping.is_set()
            for topic in topics:
                self._listeners.setdefault(topic, set()).add(listener)
            if self._thread is None and not listener.closed:
                self._thread = threading.Thread(target=self._watch, name="kotae-changes", daemon=True)
                self._thread.start()
        try:
            yield listener
        finally:
            with self._lock:
                for topic in topics:
                    self._listeners[topic].discard(listener)
                    if not self._listeners[topic]:
                        del self._listeners[topic]

    def close(self) -> None:
        """Streams end, and nobody looks any more."""
        self._stopping.set()
        with self._lock:
            thread = self._thread
            for listener in self._all():
                listener.closed = True
                listener.ring()
        if thread is not None:
            thread.join()

    def _watch(self) -> None:
        known: Mapping[str, Hashable] | None = None
        while not self._stopping.wait(self._every):
            with self._lock:
                if not self._listeners:  # nobody listens: the next one starts anew
                    self._thread = None
                    return
            try:
                seen = self._look()
            except Unavailable as fault:
                log.warning("%s", fault)
                continue
            self._tell(known, seen)
            known = seen

    def _tell(self, known: Mapping[str, Hashable] | None, seen: Mapping[str, Hashable]) -> None:
        with self._lock:
            if known is None:  # what was changed before the first look cannot be told from what was not
                ring = self._all()
            else:
                topics = {topic for topic in {*known, *seen} if known.get(topic) != seen.get(topic)}
                topics |= {INBOX} if topics else set()
                ring = {each for topic in topics for each in self._listeners.get(topic, ())}
            for listener in ring:
                listener.ring()

    def _all(self) -> set[Listener]:
        return {listener for listeners in self._listeners.values() for listener in listeners}


def look_into(engine: sa.Engine) -> Look:
    """The topics of this installation: conversations by id, and who of the desk is there."""

    def look() -> Mapping[str, Hashable]:
        moment = now()
        recently = moment - timedelta(seconds=WINDOW_SECONDS)
        spoken = sa.select(ConversationRow.id, ConversationRow.updated_at)
        handed = sa.select(HandoffRow.conversation_id, HandoffRow.updated_at)
        noted = sa.select(NoteRow.conversation_id, sa.func.max(NoteRow.id)).group_by(NoteRow.conversation_id)
        looks = sa.select(LookRow.conversation_id, LookRow.user_id, LookRow.typing_at, LookRow.read_to)
        there = sa.select(PresenceRow.user_id, PresenceRow.name)
        with reading(engine) as session:
            told: dict[str, list[Hashable]] = {}
            for query in (
                spoken.where(ConversationRow.updated_at > recently),
                handed.where(HandoffRow.updated_at > recently),
                noted.where(NoteRow.at > recently),
            ):
                for topic, mark in session.execute(query):
                    told.setdefault(topic, []).append(mark)
            present = moment - timedelta(seconds=LOOKING_SECONDS)
            for topic, user_id, typing_at, read_to in session.execute(looks.where(LookRow.seen_at > present)):
                typing = typing_at is not None and typing_at > moment - timedelta(seconds=TYPING_SECONDS)
                told.setdefault(topic, []).append((user_id, typing, read_to))
            fresh = PresenceRow.seen_at > moment - timedelta(seconds=SEEN_SECONDS)
            people = session.execute(there.where(fresh, PresenceRow.available).order_by(PresenceRow.user_id))
            told[PEOPLE] = [tuple(row) for row in people]
        return {topic: tuple(marks) for topic, marks in told.items()}

    return look
