"""Follows the shelf: whichever adapter is promoted speaks here within a second, warmed before it does.

A promotion is noticed at the next question (a `stat`, at most twice a second), warmed in a thread beside what
speaks, and waited for a moment: an adapter takes some milliseconds. One that cannot be warmed is refused,
the old one goes on, `status` says why, and it is tried again after some seconds.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from strategies.errors import Misconfigured, StrategyError
from strategies.lora.shelf.adapters import Adapter, Shelf, ShelfError
from strategies.lora.shelf.card import CURRENT, BadCard
from strategies.lora.shelf.pointer import NEVER, Stamp

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
WAIT_SECONDS = 1.0
RETRY_SECONDS = 10.0


class Voice(Protocol):
    """An adapter that is ready to speak. Held by each answer that it gives, and by the watch while it is the
    one.
    """

    @property
    def adapter(self) -> Adapter: ...
    def hold(self) -> None: ...
    def release(self) -> None: ...


V = TypeVar("V", bound=Voice)


class Watch(Generic[V]):
    """`warm` makes a voice of an adapter, held once."""

    def __init__(
        self,
        shelf: Shelf,
        which: str,
        warm: Callable[[Adapter], V],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.status = ""  # why somebody else speaks than was promoted
        self._shelf = shelf
        self._which = which
        self._warm = warm
        self._clock = clock
        self._speaking: V | None = None
        self._seen: Stamp | None = None  # the pointer that speaks here
        self._looked = self._refused = float("-inf")
        self._warming: threading.Thread | None = None
        self._changing = threading.Lock()  # what is above

    def begin(self) -> None:
        """Warm whoever shall speak now. Raises Misconfigured when they cannot."""
        if self._seen is None or self.status:
            self._follow(self._shelf.stamp())
        if self.status and self._speaking is None:
            raise Misconfigured(self.status)

    def hash(self) -> str:
        """Of the adapter that speaks now; while nothing was warmed, of the one that would. `""` for none."""
        if self._seen is None:
            try:
                return "" if self._nobody(self._shelf.stamp()) else self._shelf.get(self._which).hash
            except (ShelfError, BadCard):
                return ""
        with self.speaker() as voice:
            return voice.adapter.hash if voice else ""

    @contextmanager
    def speaker(self) -> Iterator[V | None]:
        """Who speaks now, held until the answer is over; None while nobody is promoted."""
        self._look()
        with self._changing:
            voice = self._speaking
            if voice is not None:
                voice.hold()
        try:
            yield voice
        finally:
            if voice is not None:
                voice.release()

    def _look(self) -> None:
        with self._changing:
            now = self._clock()
            if now - self._looked < LOOK_SECONDS:
                return
            self._looked = now
            stamp = self._shelf.stamp()
            again = bool(self.status) and now - self._refused >= RETRY_SECONDS
            changed = stamp != self._seen and self._which == CURRENT
            if (self._warming and self._warming.is_alive()) or not (changed or again):
                return
            warming = threading.Thread(target=self._follow, args=(stamp,), name="adapter", daemon=True)
            self._warming = warming
        warming.start()
        warming.join(WAIT_SECONDS)

    def _follow(self, stamp: Stamp) -> None:
        try:
            adapter = None if self._nobody(stamp) else self._shelf.get(self._which)
            voice = self._new(adapter)
        except (ShelfError, BadCard, StrategyError) as fault:
            self._refuse(stamp, str(fault))
        except Exception as fault:
            log.exception("an adapter cannot be warmed")
            self._refuse(stamp, f"{type(fault).__name__}: {fault}")
        else:
            self._adopt(stamp, voice)

    def _nobody(self, stamp: Stamp) -> bool:
        return self._which == CURRENT and (stamp == NEVER or self._shelf.current() is None)

    def _new(self, adapter: Adapter | None) -> V | None:
        """The voice of this adapter: what speaks already, when it is its."""
        speaking = self._speaking
        if adapter is None:
            return None
        if speaking is not None and speaking.adapter.hash == adapter.hash:
            return speaking
        return self._warm(adapter)

    def _adopt(self, stamp: Stamp, voice: V | None) -> None:
        with self._changing:
            before, self._speaking = self._speaking, voice
            self._seen, self.status = stamp, ""
        if before is not voice:
            log.info("%s speaks now", voice.adapter.called if voice else "no adapter")
            if before is not None:
                before.release()

    def _refuse(self, stamp: Stamp, why: str) -> None:
        with self._changing:
            self._seen, self._refused = stamp, self._clock()
            goes_on = f"; {self._speaking.adapter.called} goes on" if self._speaking else ""
            self.status = f"{why}{goes_on}"
        log.error("the adapter that was promoted cannot speak here: %s", self.status)
