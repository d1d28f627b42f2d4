"""What a customer is told instead of an answer, before anything is streamed.

* Refused        `.text` is the operator's sentence for the customer, `.retry` whether trying again may help
  - Nothing      the question holds no text
  - TooLong      it is longer than this installation reads
  - TooMany      this conversation, or everyone behind this address, asks faster than allowed
  - Busy         the answer before this one is still being written
  - Unkept       the store does not take the question just now
"""

from __future__ import annotations

import logging
from threading import Timer
from typing import cast

from limits import RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import MemoryStorage, Storage, storage_from_string
from limits.strategies import MovingWindowRateLimiter

SWEEP_SECONDS = 10.0
REDIS_SECONDS = 1.0  # for a Redis that does not answer: customers wait meanwhile

log = logging.getLogger(__name__)


class Refused(Exception):
    """The root. `text` may be shown to the customer as it is."""

    retry = True

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Nothing(Refused):
    """The question is empty once cleaned."""

    retry = False


class TooLong(Refused):
    """The question exceeds `limits.question_characters`."""

    retry = False


class TooMany(Refused):
    """More questions a minute than `limits` allow."""


class Busy(Refused):
    """One turn at a time in a conversation."""


class Unkept(Refused):
    """The database is locked or its disk is full."""


class Memory(MemoryStorage):
    """Looks for what has run out now and then; as it comes, it starts a thread for that at each question."""

    STORAGE_SCHEME: list[str] = ["kotae-memory"]  # noqa: RUF012 - "memory" is the library's own

    @property
    def timer(self) -> Timer:
        return self._timer

    @timer.setter
    def timer(self, timer: Timer) -> None:
        timer.interval, timer.daemon = SWEEP_SECONDS, True
        self._timer = timer


def patience(url: str) -> dict[str, float]:
    """Options of the storage at `url`: how long it is waited for."""
    if "redis" not in url.partition("://")[0]:
        return {}
    return {"socket_timeout": REDIS_SECONDS, "socket_connect_timeout": REDIS_SECONDS}


def storage_at(url: str) -> Storage:
    """Where is counted: in the Redis at `url`, or in this process."""
    if not url:
        return Memory()
    return cast("Storage", storage_from_string(url, wrap_exceptions=True, **patience(url)))


class Pace:
    """How fast questions may come: in one conversation, and from one address over all of its conversations.

    Counted in a moving window, in this process or in the Redis at `url`. When that Redis does not answer,
    questions are let through: a customer is better answered than counted.
    """

    def __init__(self, conversation: int, client: int, url: str = "") -> None:
        self._storage = storage_at(url)
        self._window = MovingWindowRateLimiter(self._storage)
        self._conversation = RateLimitItemPerMinute(conversation)
        self._client = RateLimitItemPerMinute(client)

    def answers(self) -> bool:
        """Whether what counts does."""
        return bool(self._storage.check())

    def allows(self, conversation_id: str, client: str) -> bool:
        """Count a question, unless it comes too fast."""
        try:
            counted = self._window.hit(self._conversation, "conversation", conversation_id)
            return counted and (not client or self._window.hit(self._client, "client", client))
        except StorageError as fault:
            log.warning("questions are not counted: %s", fault.storage_error)
            return True
