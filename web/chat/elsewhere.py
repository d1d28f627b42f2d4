"""Tells other processes of the answers that this one writes, where one of them has a reader, and stops those
that their customers stopped there. It says of each that it goes on, so that the customer of a process that
was killed waits for seconds.

A thread looks for such wishes while anything is written here, first after a moment: an answer that is over
by then costs nothing. It is there only where several processes may serve one installation (`Kotae.writings`).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from bot.conversations.writings import Partial, Writings
from knowledge_base.errors import Unavailable

EVERY_SECONDS = 0.3
GOES_ON_SECONDS = 5.0

log = logging.getLogger(__name__)


class Written(Protocol):
    """An answer that is being written here."""

    conversation_id: str
    question_id: str

    @property
    def message_id(self) -> str: ...
    def so_far(self) -> Partial: ...
    def stop(self) -> None: ...


class Elsewhere:
    """`written` are the answers that are being written just now."""

    def __init__(
        self,
        writings: Writings,
        written: Callable[[], Sequence[Written]],
        every: float = EVERY_SECONDS,
    ) -> None:
        self._writings = writings
        self._written = written
        self._every = every
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._told: dict[str, Partial] = {}  # by conversation
        self._said = float("-inf")  # when it was last said that they go on

    def begin(self) -> None:
        """An answer has begun."""
        with self._lock:
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._watch, name="kotae-elsewhere", daemon=True)
                self._thread.start()

    def over(self, conversation_id: str) -> None:
        """It is kept: whoever read it elsewhere finds it in the record."""
        if self._told.pop(conversation_id, None) is None:
            return
        try:
            self._writings.over(conversation_id)
        except Unavailable as fault:
            log.warning("%s", fault)

    def close(self) -> None:
        self._stopping.set()
        with self._lock:
            thread = self._thread
        if thread is not None:
            thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(self._every):
            with self._lock:
                written = self._written()
                if not written:  # the next one begins anew
                    self._thread = None
                    return
            try:
                self._go_on(written)
                self._tell(written)
            except Unavailable as fault:
                log.warning("%s", fault)

    def _go_on(self, written: Sequence[Written]) -> None:
        if time.monotonic() - self._said > GOES_ON_SECONDS:
            self._writings.go_on([answer.conversation_id for answer in written])
            self._said = time.monotonic()

    def _tell(self, written: Sequence[Written]) -> None:
        wishes = self._writings.wishes([answer.conversation_id for answer in written])
        for answer in written:
            wish = wishes.get(answer.conversation_id)
            if wish is None:
                continue
            told = self._told.setdefault(answer.conversation_id, Partial())
            if wish.stopped and wish.stopped == answer.message_id:
                answer.stop()
            partial = answer.so_far()
            if wish.question_id == answer.question_id and partial != told:
                self._told[answer.conversation_id] = partial
                self._writings.tell(answer.conversation_id, answer.question_id, partial)
