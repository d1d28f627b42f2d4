"""Waiting in line: so many at a time, of the others whoever came first.

`threading.Semaphore` lets whoever asks at the right moment go before those who wait. Where a hundred threads
want two cores, some of them wait ten times as long as others then. And where somebody waits more than once,
for a search and then for a judgement of what it found, they came when they came the first time: otherwise
questions that have been answered before, for which nothing is searched, overtake all others.
"""

from __future__ import annotations

import heapq
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_came: ContextVar[float] = ContextVar("came")


@contextmanager
def came(moment: float) -> Iterator[None]:
    """In every line this thread stands as one who came at this moment (`time.monotonic`). Without it one
    comes when one asks for a place.
    """
    before = _came.set(moment)
    try:
        yield
    finally:
        _came.reset(before)


def moment() -> float:
    """When whoever this thread works for came; now, where nobody has said so."""
    return _came.get(time.monotonic())


class Line:
    """Places for so many threads at once."""

    def __init__(self, places: int) -> None:
        self._guard = threading.Lock()
        self._free = places
        self._count = 0
        self._waiting: list[tuple[float, int, threading.Lock]] = []  # a heap
        self._inside: set[int] = set()  # threads

    @contextmanager
    def place(self) -> Iterator[None]:
        """One of them, as soon as it is one's turn. Whoever has one keeps it."""
        me = threading.get_ident()
        if me in self._inside:
            yield
            return
        self._take()
        self._inside.add(me)
        try:
            yield
        finally:
            self._inside.discard(me)
            self._hand_on()

    @property
    def wanted(self) -> int:
        """How many have a place or wait for one."""
        with self._guard:
            return len(self._inside) + len(self._waiting)

    def _take(self) -> None:
        with self._guard:
            if self._free:
                self._free -= 1
                return
            turn = threading.Lock()
            turn.acquire()
            self._count += 1
            heapq.heappush(self._waiting, (moment(), self._count, turn))
        turn.acquire()  # until whoever leaves hands on their place

    def _hand_on(self) -> None:
        with self._guard:
            if self._waiting:
                heapq.heappop(self._waiting)[-1].release()
            else:
                self._free += 1


# For whatever keeps a core busy. Two more than there are have their next step ready, or are busy with Python.
CORES = Line(len(os.sched_getaffinity(0)) + 2)
