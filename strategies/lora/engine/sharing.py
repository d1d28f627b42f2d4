"""One base in memory, however many strategies speak with it, and each adapter while somebody holds it."""

from __future__ import annotations

import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from strategies.lora import bases
from strategies.lora.shelf.adapters import Adapter

if TYPE_CHECKING:
    from strategies.lora.engine.speaking import Engine

AT_ONCE = 16
WAITING = 64

Key = tuple[str, int, int, int, str, str]


class Shared:
    """An engine, and who holds which adapter in it. It is closed with its last holder."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._held: Counter[str] = Counter()
        self._changing = threading.Lock()
        weakref.finalize(self, let_go, engine)

    def hold(self, adapter: Adapter) -> None:
        with self._changing:
            if not self._held[adapter.hash]:
                self.engine.add(adapter.hash, adapter.path)
            self._held[adapter.hash] += 1

    def release(self, adapter: Adapter) -> None:
        """Whoever holds it last lets it out of memory."""
        with self._changing:
            self._held[adapter.hash] -= 1
            if not self._held[adapter.hash]:
                del self._held[adapter.hash]
                self.engine.drop(adapter.hash)

    @contextmanager
    def holding(self, adapter: Adapter) -> Iterator[None]:
        self.hold(adapter)
        try:
            yield
        finally:
            self.release(adapter)


def let_go(engine: Engine) -> None:
    """Close it. The garbage collector may do so in the engine's own thread, which cannot wait for itself."""
    with suppress(RuntimeError):
        engine.close()


_open: weakref.WeakValueDictionary[Key, Shared] = weakref.WeakValueDictionary()
_opening = threading.Lock()


def shared(
    base: str,
    *,
    at_once: int = AT_ONCE,
    waiting: int = WAITING,
    threads: int = 0,
    device: str = "",
    dtype: str = "",
) -> Shared:
    """The engine of this base with these limits, loaded when nobody has it yet. Raises Misconfigured."""
    key = (str(bases.found(base).resolve()), at_once, waiting, threads, device, dtype)
    with _opening:
        found = _open.get(key)
        if found is None:
            found = _open[key] = Shared(opened(base, at_once, waiting, threads, device, dtype))
        return found


def any_of(base: str) -> Shared:
    """An engine of this base that is in memory already, or a new one."""
    folder = str(bases.found(base).resolve())
    with _opening:
        there = [each for key, each in _open.items() if key[0] == folder]
    return there[0] if there else shared(base)


def opened(base: str, at_once: int, waiting: int, threads: int, device: str, dtype: str) -> Engine:
    loaded = bases.load(base, device=device, dtype=dtype)
    from strategies.lora.engine.speaking import Engine

    return Engine(loaded, at_once=at_once, waiting=waiting, threads=threads)
