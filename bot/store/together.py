"""Changes that many threads want at once, made in one transaction: group commit.

Each transaction of its own costs its thread a wait for SQLite's one writer and for the interpreter, again and
again; with a hundred customers at once that is most of what they wait for. Here whoever comes first makes the
changes of all who have come meanwhile, and the next one those of all who came during that.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import sqlalchemy as sa

from knowledge_base.errors import Unavailable

MOST = 8  # changes in a transaction: what comes after them can begin meanwhile

Told = TypeVar("Told")
Change = Callable[[sa.Connection], Any]
Commit = Callable[[list[Change]], list[Any]]


@dataclass(eq=False)
class _Wish:
    """A change that somebody waits for."""

    change: Change
    over: bool = False
    told: Any = None
    fault: Exception | None = None
    called: threading.Event = field(default_factory=threading.Event)


class Together:
    """Makes changes for any number of threads. `commit` makes several in one transaction, all or none, and
    returns what each tells.
    """

    def __init__(self, commit: Commit) -> None:
        self._commit = commit
        self._guard = threading.Lock()
        self._waiting: list[_Wish] = []
        self._at_work = False

    def make(self, change: Callable[[sa.Connection], Told]) -> Told:
        """What the change tells, once it is kept. Raises what it raises: then nothing of it is kept, and what
        others want is not touched.
        """
        wish = _Wish(change)
        with self._guard:
            self._waiting.append(wish)
            leads, self._at_work = not self._at_work, True
        if not leads:
            wish.called.wait()
        if not wish.over:
            try:
                self._make_all(wish)
            finally:
                self._call_the_next()
        if wish.fault is not None:
            raise wish.fault
        return cast("Told", wish.told)

    def _make_all(self, mine: _Wish) -> None:
        """Those that are wanted by now, in the order in which they came."""
        with self._guard:
            these, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
        try:
            self._make_these(these)
        finally:
            for wish in these:
                if not wish.over:
                    wish.fault, wish.over = Interrupted("who made the changes was stopped"), True
                if wish is not mine:
                    wish.called.set()

    def _make_these(self, these: Sequence[_Wish]) -> None:
        """In one transaction; where one of several is at fault, each in its own."""
        try:
            told = self._commit([wish.change for wish in these])
        except Exception as fault:
            if len(these) > 1 and not isinstance(fault, Unavailable):
                for wish in these:
                    self._make_these([wish])
                return
            for wish in these:
                wish.fault, wish.over = fault, True
        else:
            for wish, each in zip(these, told, strict=True):
                wish.told, wish.over = each, True

    def _call_the_next(self) -> None:
        with self._guard:
            if self._waiting:
                self._waiting[0].called.set()
            else:
                self._at_work = False


class Interrupted(RuntimeError):
    """The thread that made a change for others was stopped in the middle of it."""
