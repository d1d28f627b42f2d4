"""Changes that many threads want at once are made in one transaction."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.store import changed, changing
from bot.store.together import MOST, Change, Together
from knowledge_base.database import open_engine
from knowledge_base.errors import Unavailable

NUMBERS = sa.table("numbers", sa.column("number"))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = open_engine(f"sqlite:///{tmp_path / 'numbers.db'}")
    with changing(made) as connection:
        connection.execute(sa.text("CREATE TABLE numbers (number INTEGER UNIQUE)"))
    yield made
    made.dispose()


def kept(engine: sa.Engine) -> list[int]:
    with engine.connect() as connection:
        return sorted(connection.scalars(sa.select(NUMBERS.c.number)))


def insert(number: int) -> Callable[[sa.Connection], int]:
    def change(connection: sa.Connection) -> int:
        connection.execute(sa.insert(NUMBERS).values(number=number))
        return 2 * number

    return change


def test_everybody_is_told_what_their_own_change_told(engine: sa.Engine) -> None:
    with ThreadPoolExecutor(40) as pool:
        told = list(pool.map(lambda number: changed(engine, insert(number)), range(200)))
    assert told == [2 * number for number in range(200)]
    assert kept(engine) == list(range(200))


def test_one_that_fails_fails_alone(engine: sa.Engine) -> None:
    with changing(engine) as connection:
        connection.execute(sa.insert(NUMBERS).values(number=7))
    with ThreadPoolExecutor(20) as pool:
        wishes = [pool.submit(changed, engine, insert(number)) for number in range(20)]
    assert [number for number, wish in enumerate(wishes) if wish.exception()] == [7]
    assert isinstance(wishes[7].exception(), sa.exc.IntegrityError)
    assert kept(engine) == list(range(20))


class Slow:
    """Makes no changes, slowly; knows what came together."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.fault: BaseException | None = None

    def commit(self, changes: list[Change]) -> list[Any]:
        self.batches.append(len(changes))
        self.begun.set()
        assert self.go_on.wait(10)
        if self.fault is not None:
            raise self.fault
        return [change(None) for change in changes]  # type: ignore[arg-type]


@contextmanager
def while_one_is_made(slow: Slow, together: Together, others: int) -> Iterator[list[Future[int]]]:
    """So many others come meanwhile."""
    with ThreadPoolExecutor(others + 1) as pool:
        wishes = [pool.submit(together.make, lambda _: 0)]
        assert slow.begun.wait(10)
        for number in range(1, others + 1):
            wishes.append(pool.submit(together.make, lambda _, told=number: told))
            while len(together._waiting) < number:
                time.sleep(0.001)
        yield wishes


def test_those_who_come_while_one_is_made_share_the_next_transactions() -> None:
    slow = Slow()
    with while_one_is_made(slow, Together(slow.commit), MOST + 3) as wishes:
        slow.go_on.set()
        assert [wish.result(10) for wish in wishes] == list(range(MOST + 4))
    assert slow.batches == [1, MOST, 3]


def test_a_database_that_is_away_is_told_to_all_who_wait_and_asked_once_for_them() -> None:
    slow = Slow()
    slow.fault = Unavailable("the database is locked")
    with while_one_is_made(slow, Together(slow.commit), 3) as wishes:
        slow.go_on.set()
        assert [str(wish.exception(10)) for wish in wishes] == ["the database is locked"] * 4
    assert slow.batches == [1, 3]


def test_nobody_waits_for_a_thread_that_was_stopped() -> None:
    slow, together = Slow(), Together(lambda changes: slow.commit(changes))
    slow.fault = KeyboardInterrupt()
    with while_one_is_made(slow, together, 2) as wishes:
        slow.go_on.set()
        faults = [type(wish.exception(10)).__name__ for wish in wishes]
    assert faults[0] == "KeyboardInterrupt"
    assert set(faults[1:]) <= {"KeyboardInterrupt", "Interrupted"}
    slow.fault = None
    assert together.make(lambda _: 5) == 5
