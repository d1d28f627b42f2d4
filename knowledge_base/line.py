"""Waiting in line: so many at a time, the others in the order in which they came.

`threading.Semaphore` lets whoever asks at the right moment go before those who wait. Where a hundred threads
want two cores, some of them wait ten times as long as others then.
"""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType


class Line:
    """A context that so many threads may be in at once."""

    def __init__(self, at_once: int) -> None:
        self._guard = threading.Lock()
        self._free = at_once
        self._waiting: deque[threading.Lock] = deque()

    def __enter__(self) -> None:
        with self._guard:
            if self._free:
                self._free -= 1
                return
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        turn.acquire()  # until whoever leaves hands on their place

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1
