"""Cuts a connection that has been silent for too long.

A read timeout of the HTTP client is not enough: a server's keep-alive comments reset it, and the first token
may take longer than the gap between two. While the customer is slow to take what was said, no time runs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self


class Silence:
    """Calls `cut` once, from a thread of its own, when `within` passes without `heard`."""

    def __init__(self, cut: Callable[[], None]) -> None:
        self._cut = cut
        self._changed = threading.Condition()
        self._until: float | None = None
        self._over = False
        self.too_long = False

    def __enter__(self) -> Self:
        threading.Thread(target=self._watch, name="silence", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._over = True
            self._changed.notify()

    def within(self, seconds: float) -> None:
        """From now on, something must be heard within so many seconds."""
        with self._changed:
            self._until = time.monotonic() + seconds
            self._changed.notify()

    def heard(self) -> None:
        """Something was; no time runs until `within` is called again."""
        with self._changed:
            self._until = None

    def _watch(self) -> None:
        with self._changed:
            while not self._over:
                left = None if self._until is None else self._until - time.monotonic()
                if left is not None and left <= 0:
                    self.too_long = True
                    break
                self._changed.wait(left)
            else:
                return
        self._cut()
