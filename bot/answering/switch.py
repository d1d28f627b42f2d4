"""The switch: what answers customers, changed live, seen by every process within a second.

    name        the strategy that answers
    shares      others, each for so many per cent of the conversations; one stays with whom it began
    shadows     others, each for so many per cent of the answers, recorded and not shown (`shadow.py`)
    overrides   options of strategies that replace those of the file

Every change of any of them is a row of `switches`, whole: who, when, what, and the way back. The newest row
holds, or the configured default. Each process looks at it twice a second, warms what was chosen beside what
speaks, and only then lets it speak. What cannot be warmed is refused where it was chosen; in other processes
the old one keeps speaking, `status` says why, and it is tried again after some seconds.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.access import audit
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
WHOLE = 100  # per cent
MOST = 1000  # changes that are looked through for versions

Options = Mapping[str, Any]
Speaker = tuple[str, Strategy]


@dataclass(frozen=True)
class Change:
    """One turn of the switch, and all that holds since. The configured default is the change with id 0."""

    id: int
    name: str
    by: str
    at: datetime
    previous: str
    note: str = ""
    overrides: Mapping[str, Options] = field(default_factory=dict)
    shares: Mapping[str, int] = field(default_factory=dict)
    shadows: Mapping[str, int] = field(default_factory=dict)

    def says_the_same(self, other: Change) -> bool:
        return (self.name, self.overrides, self.shares, self.shadows) == (
            other.name,
            other.overrides,
            other.shares,
            other.shadows,
        )


@dataclass(frozen=True)
class Version:
    """The options of one strategy since a change: those that replace the file's. 0 is the file alone."""

    change: int
    options: Options
    by: str = ""
    at: datetime | None = None


@dataclass(frozen=True)
class Live:
    """What a change comes to, warm."""

    speaking: Speaker
    shares: tuple[tuple[Speaker, int], ...] = ()  # with the per cent up to which it is theirs
    shadows: tuple[tuple[Speaker, int], ...] = ()
    draft: Strategies | None = None  # made with other options than those that hold here
    overrides: Mapping[str, Options] = field(default_factory=dict)


class NoWayBack(Exception):
    """Nothing was switched yet, or there is no such change."""


class Refused(ValueError):
    """These are no shares; the message says why."""


class Switch:
    """One per process. `status` is a sentence for the operator while somebody else speaks than was chosen.

    `tables` are the strategies as the file configures them, over which a change's `overrides` are laid.
    """

    def __init__(
        self,
        engine: sa.Engine,
        strategies: Strategies,
        default: str,
        tables: Mapping[str, Options] | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.status = ""
        self._engine = engine
        self._strategies = strategies
        self._default = default
        self._tables = tables or {}
        self._clock = clock
        self._live: Live | None = None
        self._overrides: Mapping[str, Options] = {}  # what holds in this process
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

    def current(self) -> Speaker:
        """Who speaks now in this process, by name. A strategy that cannot be had says so when it is asked."""
        if self._live is None:
            self._begin()
        elif self._clock() - self._looked >= LOOK_SECONDS:
            self.look()
        assert self._live is not None
        return self._live.speaking

    def speaker(self, conversation_id: str) -> Speaker:
        """Who speaks in this conversation: always the same one while the shares stay as they are."""
        now_speaks = self.current()
        live = self._live
        place = part_of(conversation_id)
        shares = live.shares if live else ()
        return next((speaker for speaker, end in shares if place < end), now_speaks)

    def shadows(self, message_id: str) -> Sequence[Speaker]:
        """Who answers this as well, without being read."""
        live = self._live
        return [speaker for speaker, end in (live.shadows if live else ()) if part_of(message_id) < end]

    def name(self) -> str:
        """The strategy chosen last, or the configured default."""
        return self.chosen().name

    def chosen(self) -> Change:
        """The newest change, or the configured default."""
        last = self.history(1)
        return last[0] if last else Change(0, self._default, "", now(), "")

    def ready(self, name: str) -> Strategy:
        """A configured strategy, warm. Raises StrategyError."""
        return ready_in(self._strategies, name)

    def lay_over(self) -> None:
        """Let the options hold that operators have set, without warming anybody: for who only looks."""
        with self._changing:
            overrides = self.chosen().overrides
            if overrides != self._overrides:
                self._strategies.adopt(self._strategies.with_options(laid_over(self._tables, overrides)))
                self._overrides = overrides

    # ---- the operator's side ----

    def use(self, name: str, by: str, note: str = "") -> Change:
        """Warm the strategy, then let it speak; one that is chosen already makes no history.

        Its StrategyError refuses the switch, and the old one stays.
        """
        return self._put(by, note, lambda last: replace(last, name=name, shares=without(last.shares, name)))

    def share(
        self, shares: Mapping[str, int], by: str, note: str = "", *, shadows: Mapping[str, int] | None = None
    ) -> Change:
        """Let these answer in so many per cent of the conversations. With `shadows`, who answers unread is
        the same change, and goes back with it. Raises Refused or StrategyError.
        """
        check_shares(shares)
        check_shares(shadows or {})
        if sum(shares.values()) > WHOLE:
            raise Refused(f"the shares come to {sum(shares.values())} %; at most {WHOLE} % can be given away")

        def changed(last: Change) -> Change:
            unread = last.shadows if shadows is None else some(shadows)
            return replace(last, shares=without(some(shares), last.name), shadows=unread)

        return self._put(by, note, changed)

    def shadow(self, shadows: Mapping[str, int], by: str, note: str = "") -> Change:
        """Let these answer so many per cent of the questions as well, unread. Raises like `share`."""
        check_shares(shadows)
        return self._put(by, note, lambda last: replace(last, shadows=some(shadows)))

    def set_options(self, name: str, options: Options, by: str, note: str = "") -> Change:
        """Lay these over the file's options of a strategy; none of them is the file alone again.

        What they make is tried before it is written down, and warmed where it speaks. Raises StrategyError.
        """
        if name not in self._strategies.names():
            raise _unknown(self._strategies, name)

        def changed(last: Change) -> Change:
            others = without(last.overrides, name)
            return replace(last, overrides={**others, name: dict(options)} if options else others)

        return self._put(by, note, changed)

    def versions(self, name: str) -> list[Version]:
        """The options that a strategy has had, the newest first, ending with the file's."""
        found = [Version(0, {})]
        for change in reversed(self.history(MOST)):
            options = change.overrides.get(name, {})
            if options != found[-1].options:
                found.append(Version(change.id, options, change.by, change.at))
        return found[::-1]

    def history(self, n: int = 50) -> list[Change]:
        """The newest changes first."""
        newest = sa.select(SwitchRow).order_by(SwitchRow.id.desc()).limit(n)
        with reading(self._engine) as session:
            return [_change(row) for row in session.scalars(newest)]

    def back(self, by: str) -> Change:
        """Return to what held before the last change, or NoWayBack."""
        last = self.history(2)
        if not last:
            raise NoWayBack("nothing was switched yet, so there is nothing to go back to")
        before = last[1] if len(last) > 1 else Change(0, last[0].previous, "", now(), "")
        return self._restore(before, by, "back")

    def restore(self, change_id: int, by: str) -> Change:
        """Let hold again what held since a change; 0 is the file alone. Raises NoWayBack or StrategyError."""
        if change_id == 0:
            return self._restore(Change(0, self._default, "", now(), ""), by, "back to the file")
        with reading(self._engine) as session:
            row = session.get(SwitchRow, change_id)
            if row is None:
                raise NoWayBack(f"there is no change {change_id}")
            change = _change(row)
        return self._restore(change, by, f"back to {change_id}")

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
            change = self.chosen()
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
            live = self._prepared(change)
        except StrategyError as fault:
            self._refuse(change, fault)
        else:
            self._adopt(change, live)

    def _begin(self) -> None:
        """The first time: what was chosen, else the default, else a voice that says why there is none."""
        with self._changing:
            if self._live is not None:
                return
            change = self.chosen()
            self._follow(change)
            if self._live is None and not change.says_the_same(default := self._file_alone()):
                try:
                    self._live = self._prepared(default)
                except StrategyError as fault:
                    log.error("the default strategy cannot speak either: %s", fault)
            if self._live is None:
                self._live = Live((change.name, Mute(self.status)))

    def _prepared(self, change: Change) -> Live:
        """All that a change names, warm, beside what speaks. Raises StrategyError."""
        draft = None
        if change.overrides != self._overrides:
            draft = self._strategies.with_options(laid_over(self._tables, change.overrides))
            if faults := draft.check():
                raise Misconfigured("\n".join(faults))
        strategies = draft or self._strategies

        def speaker(name: str) -> Speaker:
            return name, ready_in(strategies, name)

        ends, end = [], 0
        for name, percent in change.shares.items():
            end += percent
            ends.append((speaker(name), end))
        shadows = tuple((speaker(name), percent) for name, percent in change.shadows.items())
        return Live(speaker(change.name), tuple(ends), shadows, draft, change.overrides)

    def _adopt(self, change: Change, live: Live) -> None:
        with self._changing:
            if change.id >= self._adopted:
                if live.draft is not None:
                    self._strategies.adopt(live.draft)
                self._overrides = live.overrides
                self._live = replace(live, draft=None)
                self._adopted = change.id
                self.status = ""
                log.info("strategy %r speaks now", change.name)

    def _refuse(self, change: Change, fault: StrategyError) -> None:
        with self._changing:
            self._refused = change.id
            goes_on = f", {self._speaker_name!r} goes on" if self._live else ""
            self.status = f"{change.name!r} was chosen and cannot speak here{goes_on}: {fault}"
            log.error("%s", self.status)

    @property
    def _speaker_name(self) -> str:
        return self._live.speaking[0] if self._live else ""

    def _file_alone(self) -> Change:
        return Change(0, self._default, "", now(), "")

    def _restore(self, before: Change, by: str, note: str) -> Change:
        def restored(last: Change) -> Change:
            return replace(
                last,
                name=before.name,
                overrides=before.overrides,
                shares=before.shares,
                shadows=before.shadows,
            )

        return self._put(by, note, restored)

    def _put(self, by: str, note: str, changed: Callable[[Change], Change]) -> Change:
        """Warm what the change comes to, write it down, let it hold. What holds already makes no history."""
        with self._using:
            last = self.chosen()
            change = changed(last)
            live = self._prepared(change)
            if not change.says_the_same(last):
                change = self._write(change, by, note)
            self._adopt(change, live)
            return change

    def _write(self, change: Change, by: str, note: str) -> Change:
        with writing(self._engine) as session:
            last = session.scalar(sa.select(SwitchRow).order_by(SwitchRow.id.desc()).limit(1))
            before = _change(last) if last else self._file_alone()
            row = SwitchRow(
                name=change.name,
                by=by,
                at=now(),
                previous=before.name,
                note=note,
                overrides={name: dict(options) for name, options in change.overrides.items()},
                shares=dict(change.shares),
                shadows=dict(change.shadows),
            )
            session.add(row)
            session.flush()
            audit.note(
                session, by, "switch", change.name, previous=before.name, note=note, **_told(before, change)
            )
            return _change(row)


class Mute:
    """Speaks for a strategy that cannot be had, and says only why."""

    def __init__(self, why: str) -> None:
        self._why = why

    def warm_up(self) -> None:
        """Nothing to load."""

    def stream(self, question: Question) -> Iterator[Event]:  # noqa: ARG002
        raise Unavailable(self._why)


def ready_in(strategies: Strategies, name: str) -> Strategy:
    """A strategy of these, warm. Raises StrategyError."""
    if name not in strategies.names():
        raise _unknown(strategies, name)
    strategy = strategies.get(name)
    try:
        strategy.warm_up()
    except StrategyError:
        raise
    except Exception as fault:
        log.exception("strategy %r does not warm up", name)
        raise Unavailable(f"strategy {name!r} does not warm up: {type(fault).__name__}: {fault}") from fault
    return strategy


def _unknown(strategies: Strategies, name: str) -> Misconfigured:
    return Misconfigured(f"there is no strategy {name!r}; configured: {', '.join(strategies.names())}")


def part_of(identity: str) -> int:
    """Where a conversation or an answer stands among a hundred: always the same, and each place as often."""
    return int.from_bytes(hashlib.sha256(identity.encode()).digest()[:8]) % WHOLE


def laid_over(tables: Mapping[str, Options], overrides: Mapping[str, Options]) -> dict[str, dict[str, Any]]:
    """The file's tables with some options replaced; who is no longer in the file stays out."""
    return {name: {**table, **overrides.get(name, {})} for name, table in tables.items()}


def check_shares(shares: Mapping[str, int]) -> None:
    for name, percent in shares.items():
        if not 0 <= percent <= WHOLE:
            raise Refused(f"{name!r} has {percent} %; from 0 to {WHOLE} % is accepted")


def some(shares: Mapping[str, int]) -> dict[str, int]:
    return {name: percent for name, percent in sorted(shares.items()) if percent}


def without(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {each: value for each, value in given.items() if each != name}


def _told(before: Change, after: Change) -> dict[str, Any]:
    """What else changed, for the audit."""
    return {
        part: {"from": getattr(before, part), "to": getattr(after, part)}
        for part in ("overrides", "shares", "shadows")
        if getattr(before, part) != getattr(after, part)
    }


def _change(row: SwitchRow) -> Change:
    return Change(
        row.id, row.name, row.by, row.at, row.previous, row.note, row.overrides, row.shares, row.shadows
    )
