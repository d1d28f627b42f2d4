"""The turns that are being answered just now, so that their customer can stop them from another request."""

from __future__ import annotations

import threading

from web.sse import Stop


class Running:
    """Of this process; one that runs elsewhere stops when its customer's connection closes."""

    def __init__(self) -> None:
        self._turns: dict[str, tuple[str, Stop]] = {}
        self._lock = threading.Lock()

    def add(self, message_id: str, conversation_id: str, stop: Stop) -> None:
        with self._lock:
            self._turns[message_id] = (conversation_id, stop)

    def discard(self, message_id: str) -> None:
        with self._lock:
            self._turns.pop(message_id, None)

    def stop(self, message_id: str, conversation_id: str) -> bool:
        """Whether there was such a turn in this conversation."""
        with self._lock:
            owner, stop = self._turns.get(message_id, ("", None))
        if stop is None or owner != conversation_id:
            return False
        stop.press()
        return True
