"""The answers that are being written just now. Each writes on by itself; its customer reads, loses the
connection, comes back, reads in a second tab, or stops it from another request.

    turn ──a thread of its own──▶ Writing ──▶ any number of readers, each from the place it has come to

Of this process: what another one writes is read by way of the database (`web/chat/elsewhere.py`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from typing import Protocol

from bot.conversations.turn import TurnEvent
from bot.conversations.writings import Partial, Writings
from knowledge_base.line import came, moment
from web.chat.elsewhere import Elsewhere
from web.chat.wire import Place, Sent, Telling
from web.sse import KEEP_ALIVE, KEEP_ALIVE_SECONDS

STOP_SECONDS = 1.0  # how long a strategy that is asked to stop may go on before its reader no longer waits

log = logging.getLogger(__name__)


class Turn(Protocol):
    """The events of an answer, which is told when nobody wants more of them."""

    def __iter__(self) -> Iterator[TurnEvent]: ...
    def __next__(self) -> TurnEvent: ...
    def close(self) -> None: ...


class Writing:
    """One answer while it is written.

    It goes on while somebody reads it, and `patience` seconds after the last one has left.
    """

    def __init__(self, conversation_id: str, question_id: str, turn: Turn, patience: float) -> None:
        self.conversation_id = conversation_id
        self.question_id = question_id
        self._turn = turn
        self._patience = patience
        self._telling = Telling()
        self._sent: list[Sent] = []
        self._over = False
        self._stopped = False
        self._readers = 0
        self._asked_at, self._read_at = moment(), time.monotonic()
        self._changed = threading.Condition()

    @property
    def message_id(self) -> str:
        return self._telling.message_id

    def write(self) -> None:
        """Take the turn's events until its end, or until nobody wants more. It takes its turn among others as
        one who came with the question.
        """
        with came(self._asked_at):
            self._write()

    def _write(self) -> None:
        whole = False
        try:
            for event in self._turn:
                whole = self._tell(event) == "end"
                if self._unwanted():
                    break
        except Exception:
            log.exception("the answer to question %s broke off", self.question_id)
        finally:
            try:
                self._turn.close()  # what was said is kept
            finally:
                if not whole:
                    self._cut_short()

    def read(self, after: Place | None = None, every: float = KEEP_ALIVE_SECONDS) -> Iterator[str]:
        """The events behind a place, as they come; a comment whenever there was none for `every` seconds."""
        with self._changed:
            self._readers += 1
        try:
            taken = 0
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._over or len(self._sent) > taken, every)  # noqa: B023
                    fresh, over = self._sent[taken:], self._over
                taken += len(fresh)
                if news := "".join(sent.text for sent in fresh if sent.news_to(after)):
                    yield news  # at once: each piece costs a wake-up here and there
                if over:
                    return
                if not fresh:
                    yield KEEP_ALIVE
        finally:
            with self._changed:
                self._readers -= 1
                self._read_at = time.monotonic()

    def so_far(self) -> Partial:
        """What was told of it."""
        with self._changed:
            return Partial(self.message_id, self._telling.text, tuple(self._telling.citations))

    def stop(self) -> None:
        """No more of it. Who stopped may ask again at once, so the turn is over by then if it can be."""
        with self._changed:
            self._stopped = True
            if self._changed.wait_for(lambda: self._over, STOP_SECONDS):
                return
        self._cut_short()  # the strategy is silent: its reader waits no longer

    def _tell(self, event: TurnEvent) -> str:
        with self._changed:
            sent = None if self._over else self._telling.tell(event)
            if sent is None:
                return ""
            self._sent.append(sent)
            self._over = sent.name == "end"
            self._changed.notify_all()
            return sent.name

    def _cut_short(self) -> None:
        with self._changed:
            if not self._over:
                self._sent.append(self._telling.end(abstained=False, partial=True))
                self._over = True
                self._changed.notify_all()

    def _unwanted(self) -> bool:
        with self._changed:
            away = not self._readers and time.monotonic() - self._read_at > self._patience
            return self._stopped or away


class Running:
    """All of them, by the question they answer; `writings` where other processes may serve their readers."""

    def __init__(self, patience: float, writings: Writings | None = None) -> None:
        self._patience = patience
        self._writings: dict[str, Writing] = {}
        self._lock = threading.Lock()
        self._elsewhere = Elsewhere(writings, self._all) if writings else None

    def begin(self, conversation_id: str, question_id: str, turn: Turn) -> Writing:
        """Let an answer be written from here on."""
        writing = Writing(conversation_id, question_id, turn, self._patience)
        with self._lock:
            self._writings[question_id] = writing
        threading.Thread(target=self._write, args=(writing,), name="kotae-turn", daemon=True).start()
        if self._elsewhere:
            self._elsewhere.begin()
        return writing

    def find(self, conversation_id: str, question_id: str) -> Writing | None:
        """The answer to this question, while it is written."""
        with self._lock:
            writing = self._writings.get(question_id)
        return writing if writing and writing.conversation_id == conversation_id else None

    def stop(self, conversation_id: str, message_id: str) -> bool:
        """Whether there was such an answer in this conversation."""
        for writing in self._all():
            if (writing.conversation_id, writing.message_id) == (conversation_id, message_id):
                writing.stop()
                return True
        return False

    def close(self) -> None:
        """Nobody is served any longer: what was said is kept."""
        for writing in self._all():
            writing.stop()
        if self._elsewhere:
            self._elsewhere.close()

    def _all(self) -> list[Writing]:
        with self._lock:
            return list(self._writings.values())

    def _write(self, writing: Writing) -> None:
        try:
            writing.write()
        finally:
            with self._lock:
                if self._writings.get(writing.question_id) is writing:
                    del self._writings[writing.question_id]
            if self._elsewhere:
                self._elsewhere.over(writing.conversation_id)
