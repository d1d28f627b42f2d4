"""Whether what Kotae relies on answers just now: store, vectors, jobs, limits. For whoever watches it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

KEPT_SECONDS = 2.0  # however often somebody asks

log = logging.getLogger(__name__)


class Engines:
    """Each of `asked` raises, or returns False, where its engine does not answer."""

    def __init__(
        self, asked: Mapping[str, Callable[[], object]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._asked = asked
        self._clock = clock
        self._one_asks = threading.Lock()
        self._known: dict[str, bool] = dict.fromkeys(asked, True)
        self._at = float("-inf")

    def answer(self) -> Mapping[str, bool]:
        """By name. Who asks while another waits for an engine that hangs is told what was known before."""
        if self._one_asks.acquire(blocking=False):
            try:
                if self._clock() - self._at >= KEPT_SECONDS:
                    self._known = {name: _answers(name, ask) for name, ask in self._asked.items()}
                    self._at = self._clock()
            finally:
                self._one_asks.release()
        return self._known


def _answers(name: str, ask: Callable[[], object]) -> bool:
    try:
        return ask() is not False
    except Exception as fault:
        log.warning("%s does not answer: %s", name, fault)
        return False
