"""The switch: which strategy answers, changed live, seen by every process within a second.

The choice is the newest row of `switches`, or the configured default. Each process looks at it twice a
second, warms what was chosen beside what speaks, and only then lets it speak. What cannot be warmed is
refused where it was chosen; in other processes the old one keeps speaking, `status` says why, and it is
tried again after some seconds.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from bot import audit
from bot.store import reading, writing
from bot.store.tables import SwitchRow
from knowledge_base.database import now
from knowledge_base.errors import KnowledgeError
from strategies.base import Question, Strategy
from strategies.errors import Misconfigured, StrategyError, Unavailable
from strategies.events import Event
from strategies.registry import Strategies

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
RETRY_SECONDS = 10.0
CLOSE_SECONDS = 5.0


@dataclass(frozen=True)
class Change:
    """One turn of the switch. The configured default is the change with id 0."""

    id: int
    name: str
    by: str
    at: datetime
    previous: str
    note: str = ""


class NoWayBack(Exception):
    """Nothing was switched yet."""


class Switch:
    """One per process. `status` is a sentence for the operator while somebody else speaks than was chosen."""

    def __init__(
        self,
        engine: sa.Engine,
        strategies: Strategies,
        default: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.status = ""
        self._engine = engine
        self._strategies = strategies
        self._default = default
        self._clock = clock
        self._speaking: tuple[str, Strategy] | None = None
        self._adopted = -1  # the change that speaks here
        self._looked = float("-inf")
        self._refused = -1  # the change that could not be warmed here, tried again from time to time
        self._tried = float("-inf")
        self._warming: threading.Thread | None = None
        self._changing = threading.RLock()  # what is above
        self._using = threading.Lock()  # one operator at a time
        self._closed = threading.Event()
        self._watcher: threading.Thread | None = None

    # ---- who speaks ----

    def current(self) -> tuple[str, Strategy]:
        """Who speaks now in this process, by name. A strategy that cannot be had says so when it is asked."""
        if self._speaking is None:
            self._begin()
        elif self._clock() - self._looked >= LOOK_SECONDS:
            self.look()
        assert self._speaking is not None
        return self._speaking

    def name(self) -> str:
        """The strategy chosen last, or the configured default."""
        return self._chosen().name

    def ready(self, name: str) -> Strategy:
        """A configured strategy, warm. Raises StrategyError."""
        if name not in self._strategies.names():
            known = ", ".join(self._strategies.names())
            raise Misconfigured(f"there is no strategy {name!r}; configured: {known}")
        strategy = self._strategies.get(name)
        try:
            strategy.warm_up()
        except StrategyError:
            raise
        except Exception as fault:
            log.exception("strategy %r does not warm up", name)
            raise Unavailable(
                f"strategy {name!r} does not warm up: {type(fault).__name__}: {fault}"
            ) from fault
        return strategy

    # ---- the operator's side ----

    def use(self, name: str, by: str, note: str = "") -> Change:
        """Warm the strategy, then let it speak; one that is chosen already makes no history.

        Its StrategyError refuses the switch, and the old one stays.
        """
        with self._using:
            strategy = self.ready(name)
            change = self._chosen()
            if change.name != name:
                change = self._write(name, by, note)
            self._adopt(change, strategy)
            return change

    def history(self, n: int = 50) -> list[Change]:
        """The newest changes first."""
        newest = sa.select(SwitchRow).order_by(SwitchRow.id.desc()).limit(n)
        with reading(self._engine) as session:
            return [_change(row) for row in session.scalars(newest)]

    def back(self, by: str) -> Change:
        """Return to the strategy before the last change, or NoWayBack."""
        last = self.history(1)
        if not last:
            raise NoWayBack("nothing was switched yet, so there is nothing to go back to")
        return self.use(last[0].previous, by, note="back")

    # ---- the other processes' side ----

    def watch(self) -> None:
        """Look by itself from now on, also while nobody asks."""
        if self._watcher is None:
            self._watcher = threading.Thread(target=self._keep_looking, name="switch", daemon=True)
            self._watcher.start()

    def close(self) -> None:
        self._closed.set()
        for thread in (self._watcher, self._warming):
            if thread is not None:
                thread.join(CLOSE_SECONDS)  # a model may still be loading; the process does not wait for it

    def look(self) -> None:
        """Learn of a change made elsewhere, and warm it in the background."""
        self._looked = self._clock()
        try:
            change = self._chosen()
        except KnowledgeError as fault:
            log.warning("the switch cannot be read, %r goes on: %s", self._speaker_name, fault)
            return
        with self._changing:
            idle = self._warming is None or not self._warming.is_alive()
            if change.id == self._adopted or not idle or self._closed.is_set():
                return
            if change.id == self._refused and self._clock() - self._tried < RETRY_SECONDS:
                return
            self._warming = threading.Thread(target=self._follow, args=(change,), name="warming", daemon=True)
            self._warming.start()

    def _keep_looking(self) -> None:
        while not self._closed.wait(LOOK_SECONDS):
            self.look()

    def _follow(self, change: Change) -> None:
        self._tried = self._clock()
        try:
            strategy = self.ready(change.name)
        except StrategyError as fault:
            self._refuse(change, fault)
        else:
            self._adopt(change, strategy)

    def _begin(self) -> None:
        """The first time: what was chosen, else the default, else a voice that says why there is none."""
        with self._changing:
            if self._speaking is not None:
                return
            change = self._chosen()
            self._follow(change)
            if self._speaking is None and change.name != self._default:
                try:
                    self._speaking = self._default, self.ready(self._default)
                except StrategyError as fault:
                    log.error("the default strategy cannot speak either: %s", fault)
            if self._speaking is None:
                self._speaking = change.name, Mute(self.status)

    def _adopt(self, change: Change, strategy: Strategy) -> None:
        with self._changing:
            if change.id >= self._adopted:
                self._speaking = change.name, strategy
                self._adopted = change.id
                self.status = ""
                log.info("strategy %r speaks now", change.name)

    def _refuse(self, change: Change, fault: StrategyError) -> None:
        with self._changing:
            self._refused = change.id
            goes_on = f", {self._speaker_name!r} goes on" if self._speaking else ""
            self.status = f"{change.name!r} was chosen and cannot speak here{goes_on}: {fault}"
            log.error("%s", self.status)

    @property
    def _speaker_name(self) -> str:
        return self._speaking[0] if self._speaking else ""

    def _chosen(self) -> Change:
        last = self.history(1)
        return last[0] if last else Change(0, self._default, "", now(), "")

    def _write(self, name: str, by: str, note: str) -> Change:
        with writing(self._engine) as session:
            last = session.scalar(sa.select(SwitchRow.name).order_by(SwitchRow.id.desc()).limit(1))
            row = SwitchRow(name=name, by=by, at=now(), previous=last or self._default, note=note)
            session.add(row)
            session.flush()
            audit.note(session, by, "switch", name, previous=row.previous, note=note)
            return _change(row)


class Mute:
    """Speaks for a strategy that cannot be had, and says only why."""

    def __init__(self, why: str) -> None:
        self._why = why

    def warm_up(self) -> None:
        """Nothing to load."""

    def stream(self, question: Question) -> Iterator[Event]:  # noqa: ARG002
        raise Unavailable(self._why)


def _change(row: SwitchRow) -> Change:
    return Change(row.id, row.name, row.by, row.at, row.previous, row.note)
