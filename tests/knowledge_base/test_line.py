"""Who waits in line."""

from __future__ import annotations

import threading
import time
from contextlib import nullcontext

import pytest

from knowledge_base.line import Line, came


def waits(line: Line, what: list[int], number: int, came_at: float | None = None) -> threading.Thread:
    """A thread that is in line for sure."""

    def come() -> None:
        with nullcontext() if came_at is None else came(came_at), line.place():
            what.append(number)

    before = len(line._waiting)
    thread = threading.Thread(target=come)
    thread.start()
    while len(line._waiting) == before:
        time.sleep(0.001)
    return thread


def test_who_came_first_goes_first() -> None:
    line, served = Line(1), list[int]()
    with line.place():
        threads = [waits(line, served, number) for number in range(20)]
        assert served == []
    for thread in threads:
        thread.join()
    assert served == list(range(20))


def test_who_comes_as_a_place_is_left_waits_behind_the_others() -> None:
    """The place was handed on: it is never free in between."""
    line, served = Line(1), list[int]()
    with line.place():
        first = waits(line, served, 1)
    with line.place():
        served.append(2)
    first.join()
    assert served == [1, 2]


def test_who_came_for_something_else_before_goes_first_again() -> None:
    line, served, first = Line(1), list[int](), time.monotonic()
    with line.place():
        threads = [waits(line, served, 1), waits(line, served, 2)]
        threads += [waits(line, served, 4, first - 1), waits(line, served, 3, first - 2)]
    for thread in threads:
        thread.join()
    assert served == [3, 4, 1, 2]


def test_when_somebody_came_counts_for_no_one_else() -> None:
    line, served = Line(1), list[int]()
    with line.place():
        with came(0.0):
            pass
        threads = [waits(line, served, 1)]
        time.sleep(0.001)
        threads.append(waits(line, served, 2))
    for thread in threads:
        thread.join()
    assert served == [1, 2]


def test_so_many_are_served_at_once() -> None:
    line, together = Line(3), threading.Barrier(3)
    most, inside, guard = 0, 0, threading.Lock()

    def come() -> None:
        nonlocal most, inside
        with line.place():
            with guard:
                inside += 1
                most = max(most, inside)
            together.wait(10)
            with guard:
                inside -= 1

    threads = [threading.Thread(target=come) for _ in range(9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 3


def test_whoever_has_a_place_keeps_it() -> None:
    line, served = Line(1), list[int]()
    with line.place():
        thread = waits(line, served, 1)
        with line.place(), line.place():
            assert served == []
        assert served == []
    thread.join()
    assert served == [1]


def test_it_knows_how_many_want_a_place() -> None:
    line = Line(1)
    assert line.wanted == 0
    with line.place(), line.place():
        assert line.wanted == 1
        threads = [waits(line, [], number) for number in range(3)]
        assert line.wanted == 4
    for thread in threads:
        thread.join()
    assert line.wanted == 0


def test_whoever_fails_leaves_the_place_to_the_next() -> None:
    line = Line(1)
    with pytest.raises(ZeroDivisionError), line.place():
        raise ZeroDivisionError
    with line.place():
        pass
