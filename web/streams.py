"""How many streams may wait for news at once: each holds a thread, and answers need threads, too."""

from __future__ import annotations

import threading

MOST = 128  # half of the server's threads


class Streams:
    """Of this process. Answers are not counted: they end by themselves."""

    def __init__(self, most: int = MOST) -> None:
        self._free = threading.BoundedSemaphore(most)

    def enter(self) -> bool:
        """Whether one more may be opened."""
        return self._free.acquire(blocking=False)

    def leave(self) -> None:
        self._free.release()
