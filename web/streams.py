"""How many streams may wait for news at once: each holds a thread, and answers need threads, too."""

from __future__ import annotations

import threading
from collections import Counter

MOST = 128  # half of the server's threads


class Streams:
    """Of this process. Answers are not counted: they end by themselves."""

    def __init__(self, most: int = MOST) -> None:
        self._free = threading.BoundedSemaphore(most)
        self._looking: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()

    def enter(self) -> bool:
        """Whether one more may be opened."""
        return self._free.acquire(blocking=False)

    def leave(self) -> None:
        self._free.release()

    def looks(self, who: str, at: str) -> None:
        """Somebody has a page open."""
        with self._lock:
            self._looking[who, at] += 1

    def looks_away(self, who: str, at: str) -> bool:
        """One of their pages is closed; whether it was the last.

        Whoever loads theirs anew has two for a moment: that the one before is gone is noticed late.
        """
        with self._lock:
            self._looking[who, at] -= 1
            is_last = self._looking[who, at] == 0
            if is_last:
                del self._looking[who, at]
        return is_last
